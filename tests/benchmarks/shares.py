"""The hot routes beside the limit, in interleaved pairs: one server process on core 0, the load on core 1."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.kernel.db import conninfo
from tests.benchmarks import data
from tests.benchmarks.ground import key, migrated

_SERVICE = ("-c", "from app.cli import main; main()", "serve")
_LUA = Path(__file__).with_name("load.lua")
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Load:
    """A load and its shares of the limit: the least, and the aim."""

    name: str
    title: str
    least: float
    aim: float
    connections: int = 32
    seconds: int = 6


LOADS = (
    Load("W1", "create a lead", 0.33, 0.50),
    Load("R1", "list 100 confirmed orders with lines", 0.60, 0.75),
    Load("R2", "one order with lines", 0.28, 0.50),
    Load("B1", "1,000 leads in one request", 0.60, 0.80, connections=4),
    Load("P1", "confirm an order of three lines", 0.35, 0.55),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a load: requests per second, milliseconds of the server's CPU per request, latencies in ms, memory."""

    rate: float
    cpu: float
    p50: float
    p99: float
    peak: float


class Server:
    """A server process on core 0."""

    def __init__(self, command: Sequence[str], port: int, environment: dict[str, str], log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        with log.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - ourselves
                ["taskset", "-c", "0", sys.executable, *command],  # noqa: S607
                env=os.environ | environment, stdout=out, stderr=out,
            )  # fmt: skip
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"{command} does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak(self) -> float:
        """The most memory it ever had, in MB; taken as of now afterwards."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    def run(self, load: Load, token: str, ids: Sequence[str], run: str, folder: Path) -> Run:
        """Put the load on the server once."""
        names = folder / "ids"
        names.write_text("\n".join(ids))
        environment = {"LOAD": load.name, "TOKEN": token, "RUN": run, "IDS": str(names)}
        started = self.cpu()
        self.peak()
        shown = subprocess.run(  # noqa: S603 - ourselves
            ["taskset", "-c", "1", "wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--latency",  # noqa: S607
             "--timeout", "30s", "-s", str(_LUA), self.url],
            env=os.environ | environment, capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        requests = int(re.findall(r"(\d+) requests in", shown)[0])
        if refused := re.findall(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", shown):
            raise SystemExit(f"{load.name} on {self.url}: {requests} requests, refused {refused}: the run is void")
        return Run(
            rate=float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0]),
            cpu=(self.cpu() - started) * 1000 / requests,
            p50=_milliseconds(re.findall(r"\n\s+50%\s+(\S+)", shown)[0]),
            p99=_milliseconds(re.findall(r"\n\s+99%\s+(\S+)", shown)[0]),
            peak=self.peak(),
        )


def _milliseconds(shown: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", shown).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


@contextmanager
def _servers(url: str, folder: Path) -> Iterator[tuple[Server, Server]]:
    service = {"BELLWETHER_DATABASE_URL": url, "BELLWETHER_PORT": "8101", "BELLWETHER_WORKER_IN_PROCESS": "false"}
    ours = Server(_SERVICE, 8101, service, folder / "service.log")
    limit = Server(("-m", "tests.benchmarks.limit", conninfo(url), "8102"), 8102, {}, folder / "limit.log")
    try:
        yield ours, limit
    finally:
        ours.process.terminate()
        limit.process.terminate()


def measure(url: str, token: str, *, loads: Sequence[Load] = LOADS, pairs: int = 5) -> None:
    """Print the table. The database is filled as `data.fill` does."""
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: install the distribution's package (wrk; util-linux has taskset)")
    print(_HEAD, flush=True)
    with tempfile.TemporaryDirectory() as place, _servers(url, Path(place)) as (ours, limit):
        for load in loads:
            ids = data.ids(url, "draft" if load.name == "P1" else "confirmed")
            part = len(ids) // (2 * pairs + 2) if load.name == "P1" else 0
            found: list[tuple[Run, Run]] = []
            for pair in range(pairs + 1):  # the first warms up
                both = []
                for index, server in enumerate((ours, limit)):
                    start = (2 * pair + index) * part
                    own = ids[start : start + part] if part else ids
                    both.append(server.run(load, token, own, f"{load.name}-{time.time_ns()}", Path(place)))
                found.append((both[0], both[1]))
            print(_row(load, found[1:]), flush=True)


_HEAD = """
| | requests/s | limit's | share | least | aim | CPU ms | limit's | p50 ms | p99 ms | peak MB |
|---|---|---|---|---|---|---|---|---|---|---|"""


def _row(load: Load, pairs: Sequence[tuple[Run, Run]]) -> str:
    def median(of: str, which: int) -> float:
        return float(statistics.median(getattr(pair[which], of) for pair in pairs))

    shares = sorted(ours.rate / limit.rate for ours, limit in pairs)
    cells = [
        f"{load.name} {load.title}",
        f"{median('rate', 0):,.0f}",
        f"{median('rate', 1):,.0f}",
        f"**{statistics.median(shares):.2f}** ({shares[0]:.2f} to {shares[-1]:.2f})",
        f"{load.least:.2f}",
        f"{load.aim:.2f}",
        f"{median('cpu', 0):.2f}",
        f"{median('cpu', 1):.2f}",
        f"{median('p50', 0):.1f}",
        f"{median('p99', 0):.1f}",
        f"{max(ours.peak for ours, _ in pairs):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Fill a database and measure."""
    with migrated(shared_buffers="1GB", max_wal_size="4GB") as url:
        data.fill(url)
        measure(url, key(url))


if __name__ == "__main__":
    main()
