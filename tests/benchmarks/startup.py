"""How fast `bellwether serve` and `bellwether worker` start, and how much memory they take, idle and after work.

    python -m tests.benchmarks.startup

Seconds run from exec until the server answers /readyz with 200, or until the worker has done a job that waited for it.
"""

import asyncio
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg
from httpx import AsyncClient

from app.kernel import jobs
from app.kernel.db import conninfo
from tests.benchmarks.ground import key, migrated
from tests.orders.factories import Shop, ok

STARTS = 5
SECONDS = 20.0
REQUESTS = (2_000, 10_000)
_CLIENTS = 8
_PATIENCE = 30.0
_BELLWETHER = Path(sys.executable).with_name("bellwether")


@dataclass(frozen=True)
class Process:
    """A started process, and what its start took."""

    pid: int
    wall: float
    cpu: float

    def rss(self) -> float:
        return self._megabytes("smaps_rollup", "Rss")

    def pss(self) -> float:
        return self._megabytes("smaps_rollup", "Pss")

    def peak(self) -> float:
        return self._megabytes("status", "VmHWM")

    def _megabytes(self, file: str, name: str) -> float:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{self.pid}/{file}").read_text(), re.MULTILINE)
        assert found, f"{name} is not in /proc/{self.pid}/{file}"
        return int(found[1]) / 1024


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(command: str, ready: Callable[[], bool], **settings: str) -> Iterator[Process]:
    """`bellwether <command>` once it is ready; ended after the block."""
    environment = os.environ | {f"BELLWETHER_{name.upper()}": value for name, value in settings.items()}
    began = time.perf_counter()
    process = subprocess.Popen([_BELLWETHER, command], env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        while not ready():
            assert process.poll() is None, f"bellwether {command} ended"
            assert time.perf_counter() - began < _PATIENCE, f"bellwether {command} does not get ready"
            time.sleep(0.005)
        yield Process(process.pid, time.perf_counter() - began, _cpu_seconds(process.pid))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving(url: str, port: int, **settings: str) -> Iterator[Process]:
    """The API on `port`."""

    def ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        return False

    with started("serve", ready, database_url=url, port=str(port), **settings) as process:
        yield process


@contextmanager
def working(url: str) -> Iterator[Process]:
    """The worker, its first job done."""

    async def defer() -> None:
        async with jobs.queue(url, jobs.JOBS).open_async() as queue:
            await queue.configure_task("forget_failed_jobs").defer_async(timestamp=0)

    asyncio.run(defer())
    with psycopg.connect(conninfo(url), autocommit=True) as connection:

        def ready() -> bool:
            waiting = connection.execute("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'forget_failed_jobs'")
            return waiting.fetchone() is None

        with started("worker", ready, database_url=url) as process:
            yield process


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def load(port: int, token: str, more: Callable[[int], bool]) -> int:
    """Capture a lead, take an order, confirm it, read it, list: again and again while `more`; returns the requests."""
    headers = {"Authorization": f"Bearer {token}"}
    done = 0
    async with AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=_PATIENCE) as client:
        shop = await Shop.open(client)
        await shop.product("CHAI", stock="1000000")

        async def one() -> None:
            nonlocal done
            while more(done):
                done += 5
                lead = {"source": "bench", "external_id": str(done), "email": f"ana-{done}@example.com"}
                ok(await client.post("/v1/leads", json={**lead, "person_name": "Ana Trujillo"}))
                order = await shop.confirmed({"sku": "CHAI", "quantity": "2"})
                ok(await client.get(f"/v1/orders/{order['id']}"))
                ok(await client.get("/v1/orders", params={"status": "confirmed"}))

        async with asyncio.TaskGroup() as group:
            for _ in range(_CLIENTS):
                group.create_task(one())
    return done


def starts(url: str) -> None:
    """Print what a start takes."""
    kinds: dict[str, Callable[[], AbstractContextManager[Process]]] = {
        "`serve`": lambda: serving(url, free_port()),
        "`serve`, its worker elsewhere": lambda: serving(url, free_port(), worker_in_process="false"),
        "`worker`": lambda: working(url),
    }
    print(f"\n| start, median of {STARTS} | wall s | CPU s | RSS MB | PSS MB |\n|---|---|---|---|---|")
    for name, start in kinds.items():
        taken = []
        for _ in range(STARTS):
            with start() as process:
                time.sleep(0.5)
                taken.append((process.wall, process.cpu, process.rss(), process.pss()))
        wall, cpu, rss, pss = map(median, zip(*taken, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {rss:.0f} | {pss:.0f} |")


def memory(url: str) -> None:
    """Print what a server grows to under work; from one count of requests to the next it should no longer."""
    token, port = key(url), free_port()
    with serving(url, port) as process:
        seen = {"its start": process.rss()}
        begun = time.monotonic()

        def more(done: int) -> bool:
            seconds = time.monotonic() - begun
            reached = {f"{SECONDS:.0f} s of mixed load": seconds >= SECONDS}
            reached |= {f"{requests:,} requests": done >= requests for requests in REQUESTS}
            for moment, true in reached.items():
                if true and moment not in seen:
                    seen[moment] = process.rss()
            return not all(reached.values())

        done = asyncio.run(load(port, token, more))
        seen[f"the end ({done:,} requests in {time.monotonic() - begun:.0f} s)"] = process.rss()
        seen["its peak"] = process.peak()
    print("\n| `serve`, memory after | RSS MB |\n|---|---|")
    for moment, megabytes in seen.items():
        print(f"| {moment} | {megabytes:.0f} |")


def main() -> None:
    """Print both tables, measured on a database of their own."""
    with migrated() as url:
        starts(url)
        memory(url)


if __name__ == "__main__":
    main()
