"""Clients that are slow, rude or many: TCP connections of which a test sends and reads every byte by itself."""

import asyncio
import json
import resource
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from app.kernel.settings import Settings
from tests.conftest import Server
from tests.service import PATIENCE, Service
from tests.soak.ground import key as new_key

POOL = 2  # connections for transactions of the service that the tests share


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The problem's kind, if the answer is a whole problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        told = json.loads(self.body)
        assert told["status"] == self.status
        return told["type"].removeprefix("urn:bellwether:problem:")


class Line:
    """One TCP connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    @asynccontextmanager
    async def trickling(self, data: bytes) -> AsyncIterator[None]:
        """Meanwhile send it byte by byte, until it is sent or nobody listens any more."""

        async def trickle() -> None:
            with suppress(ConnectionError):
                for position in range(len(data)):
                    await self.send(data[position : position + 1])
                    await asyncio.sleep(0.1)

        task = asyncio.create_task(trickle())
        yield
        task.cancel()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def is_closed(self) -> bool:
        """Whether the service hangs up, having said nothing more; waits for it."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def leave(self, *, rudely: bool) -> None:
        """Hang up: as a program that closes its socket does, or with a reset."""
        if rudely:
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Served:
    """A service with settings of its own, a key that may do everything, and a client that behaves."""

    service: Service
    database: str
    key: str
    client: httpx.AsyncClient
    looked_at: int = 0

    @property
    def port(self) -> int:
        return int(self.service.port)

    @property
    def memory(self) -> int | None:
        """The bytes that the process has in memory, where the system tells."""
        told = Path(f"/proc/{self.service.pid}/statm")
        return int(told.read_text().split()[1]) * resource.getpagesize() if told.exists() else None

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield line
        finally:
            line.leave(rudely=False)

    @staticmethod
    def staff() -> bytes:
        """A new member of staff: a body that no other is like."""
        name = uuid4().hex
        told = {"name": name, "email": f"{name}@example.com", "role": "representative", "active_from": "2020-01-01"}
        return json.dumps(told).encode()

    def head(self, target: str, *headers: str, key: str | None = None) -> bytes:
        """The head of a request, without the empty line that ends it."""
        own = (f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {key or self.key}", *headers)
        return "\r\n".join((f"{target} HTTP/1.1", *own, "")).encode()

    def post(self, path: str, body: bytes, *headers: str, key: str | None = None) -> bytes:
        """A whole POST request."""
        length = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        return self.head(f"POST {path}", *headers, *length, key=key) + b"\r\n" + body

    def faults(self) -> list[Any]:
        """What the service has logged since the last look that should not be: faults, warnings, and answers of 500."""
        lines = self.service.log.read_text().splitlines()
        fresh = [json.loads(line) for line in lines[self.looked_at :]]
        self.looked_at = len(lines)
        return [line for line in fresh if line["level"] != "info" or line.get("status", 0) >= 500]


@asynccontextmanager
async def serving(
    server: Server, settings: Settings, folder: Path, changed: Mapping[str, float], *, files: int | None = None
) -> AsyncIterator[Served]:
    """A service on a database of its own, which the system lets open only so many files."""
    name = server.clone()
    url = server.database(name)
    key = await new_key(settings, url)
    running = Service(url, folder, **{name: str(value) for name, value in changed.items()})
    if files is not None:
        running.command = ("/bin/sh", "-c", f'ulimit -n {files} && exec "$0" "$@"', *running.command)
    try:
        running.start()
        limits = httpx.Limits(keepalive_expiry=1)  # shorter than any service here keeps an idle connection
        async with httpx.AsyncClient(
            base_url=running.url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE, limits=limits
        ) as client:
            yield Served(running, url, key, client)
    finally:
        running.kill()
        server.execute("DROP DATABASE {} WITH (FORCE)", name)
