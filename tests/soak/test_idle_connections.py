"""Ten thousand connections that do nothing: the others are served as before, and what each costs is known."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse

import pytest

from tests.service import PATIENCE
from tests.soak.sockets import Served

SHORT, LONG = 1_000, 10_000
_SPARE = 500  # files that this process, or the service, needs besides


@pytest.fixture
def many_files() -> Iterator[int]:
    """How many files this process, and so the service, may open."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def _connect(served: Served, stack: ExitStack, count: int, request: bytes) -> list[socket.socket]:
    """So many connections, on each of which the request has been answered, if there is one."""
    found = []
    for _ in range(count):
        found.append(stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)))
        found[-1].sendall(request)
    assert not request or {_status(each) for each in found} == {200}
    return found


def _status(connection: socket.socket, request: bytes = b"") -> int:
    """The status of the answer, which is read to its end."""
    connection.sendall(request)
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


async def _latency(served: Served, requests: int) -> str:
    """How long the requests of a client that behaves take; every one is answered."""
    taken = []
    for _ in range(requests):
        started = time.perf_counter()
        assert (await served.client.get("/v1/staff")).status_code == 200
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return f"p50 {taken[requests // 2]:.1f} ms, p99 {taken[requests * 99 // 100]:.1f} ms, most {taken[-1]:.1f} ms"


@pytest.mark.parametrize(
    "count", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.soak)]
)
async def test_the_others_are_served_beside_many_who_idle(count: int, plain: Served, many_files: int) -> None:
    if many_files < count + _SPARE:
        pytest.skip(f"this system lets a process open {many_files} files, too few for {count} connections")
    requests = min(count // 20, 200)
    report = [f"nobody idles: {await _latency(plain, requests)}"]
    whole = plain.head("GET /v1/staff") + b"\r\n"
    kinds = {"that have sent nothing": b"", "that idle after a request": whole}
    with ExitStack() as stack:
        for kind, sent in kinds.items():
            before = plain.memory
            idle: list[socket.socket] = []
            while len(idle) < count // 2:
                idle += await asyncio.to_thread(_connect, plain, stack, 50, sent)
            latency = await _latency(plain, requests)
            after = plain.memory
            each = f"{(after - before) / len(idle):.0f} bytes each" if before and after else "memory not known here"
            report.append(f"{len(idle)} {kind} ({each}): {latency}")
            for one in (idle[0], idle[len(idle) // 2], idle[-1]):
                assert await asyncio.to_thread(_status, one, whole) == 200
    print(*report, sep="\n")  # noqa: T201 - README quotes what a long run sees
    assert plain.faults() == []
