"""Several API processes on one database: what they answer together, beside one.

    python -m tests.benchmarks.scaling

Each process gets a `wrk` of its own with its share of 32 connections. Everything (processes, PostgreSQL, load) runs on
this machine and shares its cores: more processes than cores can be no faster.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

from tests.benchmarks import data
from tests.benchmarks.ground import key, migrated
from tests.benchmarks.startup import free_port, serving

LOADS = {"R2": "one order with lines", "W1": "create a lead"}
PROCESSES = (1, 2, 4)
CONNECTIONS = 32
ROUNDS = 3
SECONDS = 5
_ORDERS = 20_000
_LUA = Path(__file__).with_name("load.lua")
_WRK = shutil.which("wrk") or ""


def rate(load: str, ports: Sequence[int], environment: dict[str, str]) -> float:
    """Requests per second that the processes on `ports` answer together."""
    share = (f"-c{CONNECTIONS // len(ports)}", f"-d{SECONDS}s", "-t1", "-s", str(_LUA))
    runs = []
    for port in ports:
        own = os.environ | environment | {"LOAD": load, "RUN": f"{load}-{port}-{time.time_ns()}"}
        command = [_WRK, *share, f"http://127.0.0.1:{port}"]
        runs.append(subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True))  # noqa: S603 - wrk
    shown = "".join(run.communicate()[0] for run in runs)
    if refused := re.findall(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", shown):
        raise SystemExit(f"{load} on {len(ports)} processes: {refused}: the run is void")
    return sum(map(float, re.findall(r"Requests/sec:\s+([\d.]+)", shown)))


def measure(url: str) -> dict[tuple[str, int], float]:
    """Median requests per second by load and number of processes; rounds are interleaved."""
    data.fill(url, _ORDERS)
    with ExitStack() as stack:
        ids = stack.enter_context(NamedTemporaryFile("w"))
        ids.write("\n".join(data.ids(url, "confirmed")))
        ids.flush()
        ports = [free_port() for _ in range(max(PROCESSES))]
        for port in ports:
            stack.enter_context(serving(url, port, worker_in_process="false"))
        found: dict[tuple[str, int], list[float]] = {}
        for turn in range(ROUNDS + 1):  # the first warms up
            for load in LOADS:
                for count in PROCESSES:
                    one = rate(load, ports[:count], {"TOKEN": key(url), "IDS": ids.name})
                    found.setdefault((load, count), []).extend([one] if turn else [])
    return {name: median(rates) for name, rates in found.items()}


def main() -> None:
    """Print the table, measured on a database of its own."""
    if not _WRK:
        raise SystemExit("wrk is missing: install the distribution's package")
    with migrated() as url:
        found = measure(url)
    print(f"\nThis machine has {os.cpu_count()} cores, for the processes, PostgreSQL and the load.\n")
    print("| processes |" + "".join(f" {name} {title}, requests/s | beside one |" for name, title in LOADS.items()))
    print("|---|" + "---|---|" * len(LOADS))
    for count in PROCESSES:
        rates = [(found[load, count], found[load, count] / found[load, 1]) for load in LOADS]
        print(f"| {count} |" + "".join(f" {each:,.0f} | {beside:.2f} |" for each, beside in rates))


if __name__ == "__main__":
    main()
