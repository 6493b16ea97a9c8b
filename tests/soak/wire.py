"""A client that costs little, so that the service is what is measured, and that never gives a request up."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

_PATIENCE = 30.0  # seconds for an answer: whoever waits longer is told that something hangs
_PAUSE = 0.05  # seconds before the next try

Json = dict[str, Any]


class Lost(Exception):  # noqa: N818 - names what became of the request
    """The connection ended before the answer: whether the request was done is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Connection:
    """One HTTP/1.1 connection, kept alive, opened again after it was lost."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes, headers: Json) -> Answer:
        """Send one request and read its answer.

        Raises:
            Lost: the service ended, or is not there.

        """
        own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sent = f"{method} {path} HTTP/1.1\r\n{self._head}{own}Content-Length: {len(body)}\r\n\r\n".encode() + body
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(sent)
        except TimeoutError:
            raise AssertionError(f"no answer to {method} {path} within {_PATIENCE} s") from None
        except (OSError, EOFError) as error:
            self.close()
            raise Lost from error

    async def _exchange(self, sent: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split(" ")[1]), headers, raw)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was answered: the last of its tries, and how many were lost before it."""

    act: str
    path: str
    key: str | None
    sent_at: datetime
    seconds: float
    lost: int
    answer: Answer

    @property
    def written(self) -> bool:
        """It was answered that something has been done."""
        return self.key is not None and self.answer.status < 300

    @property
    def replayed(self) -> bool:
        return self.answer.headers.get("idempotency-replayed") == "true"


class Journal:
    """What all clients asked and were answered."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._successes = 0
        self.in_progress = 0  # answers that what a killed process left behind of the request was not done yet
        self._awaited: tuple[int, Callable[[], object], asyncio.Future[None]] | None = None

    async def successes(self, more: int, *, then: Callable[[], object]) -> None:
        """Wait for so many more, and at the very instant that the last comes do `then`."""
        done = asyncio.get_running_loop().create_future()
        self._awaited = (self._successes + more, then, done)
        await done

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self._successes += exchange.written
        if self._awaited and self._successes >= self._awaited[0]:
            (_, then, done), self._awaited = self._awaited, None
            then()
            done.set_result(None)


class Client:
    """One client: asks until there is an answer, with the same Idempotency-Key, and keeps it in the journal."""

    def __init__(self, port: int, token: str, journal: Journal) -> None:
        self._connection = Connection(port, token)
        self._journal = journal

    async def get(self, act: str, path: str) -> Answer:
        return await self._ask(act, "GET", path, b"", {})

    async def post(self, act: str, path: str, body: Json, *, version: int | None = None) -> Answer:
        headers = {"Idempotency-Key": uuid4().hex}
        if version is not None:
            headers["If-Match"] = f'"v{version}"'
        return await self._ask(act, "POST", path, json.dumps(body).encode(), headers)

    async def _ask(self, act: str, method: str, path: str, body: bytes, headers: Json) -> Answer:
        lost = 0
        while True:
            sent_at, started = datetime.now(UTC), time.perf_counter()
            try:
                answer = await self._connection.ask(method, path, body, headers)
            except Lost:
                lost += 1
            else:
                if not (lost and answer.status == 409 and answer.body["type"].endswith(":idempotency-in-progress")):
                    break
                self._journal.in_progress += 1
            await asyncio.sleep(_PAUSE)
        seconds = time.perf_counter() - started
        key = headers.get("Idempotency-Key")
        self._journal.add(Exchange(act, path, key, sent_at, seconds, lost, answer))
        return answer

    def close(self) -> None:
        self._connection.close()
