"""Clients that send or read too slowly: each is given up in its time, and nobody else waits for them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from app.kernel.settings import Settings
from tests.conftest import Server
from tests.soak.sockets import Served, serving

HEAD, IDLE, REQUEST = 1, 2, 4
_ANSWERS, _ANSWER = 8, 2_000_000  # so many of so many bytes are more than the system keeps between two processes
_TURNS = asyncio.Semaphore(2)  # of requests that are answered, so that they do not wait too long for the one connection


@pytest.fixture
async def served(server: Server, settings: Settings, tmp_path: Path) -> AsyncIterator[Served]:
    """With one database connection for all: whoever held it while he waits would keep everybody else out."""
    limits = {"head_timeout": HEAD, "idle_timeout": IDLE, "request_timeout": REQUEST, "pool_size": 1}
    async with serving(server, settings, tmp_path, limits) as found:
        yield found


async def _idles(served: Served) -> None:
    """Says nothing, or nothing more."""
    async with served.line() as silent, served.line() as polite:
        await polite.send(served.head("GET /v1/staff") + b"\r\n")
        assert (await polite.answer()).status == 200
        assert await silent.is_closed()
        assert await polite.is_closed()


async def _trickles_a_head(served: Served, *, before: bytes = b"") -> None:
    async with served.line() as line:
        if before:
            await line.send(before)
            assert (await line.answer()).status == 200
        async with line.trickling(served.head("GET /v1/staff")):
            answer = await line.answer()
            assert (answer.status, answer.problem) == (408, "too-slow")
            assert await line.is_closed()


async def _trickles_a_body(served: Served, path: str, retried: int) -> None:
    """It is asked to send it again, and does; with the same key, which tells that nothing had been done."""
    body = served.staff()
    whole = served.post(path, body, f"Idempotency-Key: {uuid4()}")
    async with served.line() as line:
        await line.send(whole[: -len(body)])
        async with line.trickling(body):
            answer = await line.answer()
            assert (answer.status, answer.problem) == (408, "too-slow")
            assert await line.is_closed()
    async with _TURNS, served.line() as line:
        await line.send(whole)
        answer = await line.answer()
        assert answer.status == retried
        assert "idempotency-replayed" not in answer.headers


async def _is_unknown(served: Served) -> None:
    """Nobody waits for the body of a caller who has no key: it is answered at once, and given up."""
    async with served.line() as line:
        await line.send(served.post("/v1/staff", b"x" * 1000, key="bw_unknown")[:-1000])
        assert (await line.answer()).status == 401
        async with line.trickling(b"x" * 1000):
            assert await line.is_closed()


async def _does_not_read(served: Served) -> None:
    """Asks for much, takes the first of it, and no more before its time is over."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setblocking(False)
        async with _TURNS:
            await loop.sock_connect(line, ("127.0.0.1", served.port))
            await loop.sock_sendall(line, (served.head("GET /v1/leads?limit=200") + b"\r\n") * _ANSWERS)
            assert (await loop.sock_recv(line, 1024)).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(IDLE + 3)
        taken = 0
        with suppress(ConnectionResetError):
            while piece := await loop.sock_recv(line, 1 << 16):
                taken += len(piece)
    assert taken < _ANSWERS * _ANSWER, "it was still served"


async def _reads_at_leisure(served: Served) -> None:
    """Takes what it has asked for piece by piece, but in time."""
    taken = 0
    async with _TURNS, served.line() as line:
        await line.send(served.head("GET /v1/leads?limit=200", "Connection: close") + b"\r\n")
        while piece := await line.reader.read(200_000):
            taken += len(piece)
            await asyncio.sleep(0.05)
    assert taken > _ANSWER


async def _behave(served: Served, over: asyncio.Event) -> int:
    """Reads and writes as one should; returns how often."""
    done = 0
    headers = {"Content-Type": "application/json"}
    while not over.is_set():
        assert (await served.client.get("/v1/staff?limit=1")).status_code == 200
        assert (await served.client.post("/v1/staff", content=served.staff(), headers=headers)).status_code == 201
        done += 2
    return done


async def _fill(served: Served) -> None:
    """Leads that make a page of two megabytes."""
    rows = [{"source": "web", "company": f"Company {n}", "message": "x" * 10_000} for n in range(200)]
    for start in range(0, 200, 50):
        body = {"leads": rows[start : start + 50]}
        assert (await served.client.post("/v1/leads/bulk", json=body)).status_code == 200
    assert len((await served.client.get("/v1/leads?limit=200")).content) > _ANSWER


@pytest.mark.parametrize("each", [pytest.param(2, id="short"), pytest.param(30, id="long", marks=pytest.mark.soak)])
async def test_who_is_slow_is_given_up_and_who_behaves_is_served(each: int, served: Served) -> None:
    await _fill(served)
    whole = served.head("GET /v1/staff?limit=1") + b"\r\n"
    over, started = asyncio.Event(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        behaving = group.create_task(_behave(served, over))
        slow = [
            group.create_task(act)
            for _ in range(each)
            for act in (
                _idles(served),
                _trickles_a_head(served),
                _trickles_a_head(served, before=whole),
                _trickles_a_body(served, "/v1/staff", 201),
                _trickles_a_body(served, f"/v1/orders/{uuid4()}/check", 404),
                _is_unknown(served),
                _does_not_read(served),
                _reads_at_leisure(served),
            )
        ]
        await asyncio.wait(slow)
        over.set()
    seconds = time.monotonic() - started
    seen = f"{len(slow)} slow clients of 8 kinds in {seconds:.0f} s; {behaving.result()} requests of another meanwhile"
    print(seen)  # noqa: T201 - README quotes what a long run sees
    assert behaving.result() > 2
    assert served.faults() == []
