"""More connections than the system allows files: those who idle are given up first, and nobody at work notices."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from app.kernel.settings import Settings
from tests.conftest import Server
from tests.soak.sockets import Served, serving

_FILES = 256
_SOON = 1.0


@pytest.fixture(scope="module")
async def served(server: Server, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("few")
    async with serving(server, settings, folder, {"pool_size": 2, "worker_in_process": 0}, files=_FILES) as found:
        yield found


@pytest.mark.parametrize("times", [pytest.param(2, id="short"), pytest.param(40, id="long", marks=pytest.mark.soak)])
async def test_more_connections_than_files(times: int, served: Served) -> None:
    async with AsyncExitStack() as stack, served.line() as waiting:
        await waiting.send(served.head("GET /v1/events?wait=10") + b"\r\n")
        idle = []
        for _ in range(times * _FILES):
            idle.append(await stack.enter_async_context(served.line()))
            if len(idle) % 50 == 0:
                assert (await served.client.get("/v1/staff")).status_code == 200
                answer = await served.client.post(
                    "/v1/staff", content=served.staff(), headers={"Content-Type": "application/json"}
                )
                assert answer.status_code == 201
        assert await idle[0].is_closed()
        await idle[-1].send(served.head("GET /v1/staff") + b"\r\n")
        assert (await idle[-1].answer()).status == 200
        assert (await waiting.answer()).status == 200
    assert served.faults() == []


def _files(pid: int) -> list[int]:
    return sorted(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())


@contextmanager
def _no_more_files(pid: int) -> Iterator[int]:
    """No more files than are open now; gives how many numbers below the highest are free."""
    before, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = _files(pid)[-1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, most))
    yield highest + 1 - len(_files(pid))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (before, most))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux takes files away from another process")
async def test_when_no_file_is_left_the_connected_are_served_and_others_again_after(served: Served) -> None:
    """As when something else in the process keeps files open: the service's own bound on connections does not help."""
    pid, whole = served.service.pid, served.head("GET /v1/staff") + b"\r\n"
    async with served.line() as connected, AsyncExitStack() as stack:
        await connected.send(whole)
        assert (await connected.answer()).status == 200
        with _no_more_files(pid) as free:
            for _ in range(free):
                await stack.enter_async_context(served.line())
            before = _cpu_seconds(pid)
            for _ in range(20):
                async with served.line() as refused:
                    assert await refused.is_closed()
            await asyncio.sleep(_SOON)
            assert _cpu_seconds(pid) - before < _SOON / 2, "it spins"
            await connected.send(whole)
            assert (await connected.answer()).status == 200
    assert (await served.client.get("/v1/staff")).status_code == 200
    assert served.faults() == []
