"""What a worklist and the funnel cost among few and many activities, touches, leads and opportunities.

Worklists are those of people who have as much to do; the funnel is that of a month.

    python -m tests.benchmarks.winning

Buffers and time are PostgreSQL's, by EXPLAIN of the very statement; the time of a request is that of the whole
application in this process, without a network.
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from app.kernel.db import sync_url
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.logs import configure_logging
from app.kernel.settings import Settings
from tests.benchmarks.asking import TODAY, identity
from tests.benchmarks.filling import SERVER, fill
from tests.benchmarks.reading import Reader, reader

SIZES = (100_000, 1_000_000)
FILLING = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_TIMES = 20
# What somebody is asked for: as it is by itself, all of it that fits, and those whom nobody has left silent.
WORKLISTS: dict[str, dict[str, Any]] = {
    "50 entries": {"limit": 50},
    "200 entries": {"limit": 200},
    "decision makers, 200": {"limit": 200, "kind": "decision_maker"},
    "decision makers, none silent": {"limit": 200, "kind": "decision_maker", "contact_days": 3650},
    "quotes, none silent": {"limit": 200, "kind": "unanswered_quote", "quote_days": 3650},
}


@dataclass(frozen=True)
class Cost:
    """What one question costs."""

    entries: int
    buffers: int
    milliseconds: float
    request: float

    def cells(self) -> str:
        return f"{self.entries} | {self.buffers:,} | {self.milliseconds:.1f} | {self.request:.1f}"


async def cost(found: Reader, path: str, parameters: dict[str, Any]) -> Cost:
    """The cost of a question that has been asked before; times are medians."""
    await found.ask(path, parameters)
    answer, sent = await found.ask(path, parameters)
    read = await found.cost(sent)
    took = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        await found.ask(path, parameters)
        took.append(1000 * (time.perf_counter() - started))
    (statement,) = [each for each in sent if "AS entries" in each.text]  # not whether there is such a person
    executed = [await found.milliseconds(statement) for _ in range(5)]
    entries = len(answer["data"])
    return Cost(entries, read.buffers, statistics.median(executed), statistics.median(took))


async def worklists(url: str, rows: int, folder: Path) -> list[str]:
    """A line of the table for each question, asked for somebody in the middle of the staff."""
    lines = []
    async with reader(url, folder) as found:
        for name, asked in WORKLISTS.items():
            whose = identity("staff", rows // 10_000)
            spent = await cost(found, "/v1/worklist", {"staff_id": whose, **asked})
            lines.append(f"| {name} | {rows:,} | {spent.cells()} |")
    return lines


async def funnel(url: str, rows: int, folder: Path) -> list[str]:
    """A line of the table for the figures of a month's leads, and for a page of the leads behind one."""
    until = TODAY - timedelta(days=200)
    month = {"from": str(until - timedelta(days=29)), "to": str(until)}
    questions: dict[str, tuple[str, dict[str, Any], int | None]] = {
        "the total": ("/v1/funnel", month, None),
        "by campaign": ("/v1/funnel", month | {"by": "campaign"}, None),
        "of one campaign, by person": ("/v1/funnel", month | {"by": "person", "campaign": "CAMPAIGN-7"}, None),
        "100 of its leads that were won": ("/v1/funnel/leads", month | {"step": "won"}, 100),
    }
    lines = []
    async with reader(url, folder) as found:
        for name, (path, parameters, limit) in questions.items():
            answer, sent = await found.ask(path, parameters, limit=limit)
            answer, sent = await found.ask(path, parameters, limit=limit)
            read, (statement,) = await found.cost(sent), sent
            executed = [await found.milliseconds(statement) for _ in range(5)]
            of = answer["total"]["steps"]["captured"] if "total" in answer else len(answer["data"])
            lines.append(f"| {name} | {rows:,} | {of:,} | {read.buffers:,} | {statistics.median(executed):.0f} |")
    return lines


def main() -> None:
    """Fill a database of each size on a server of its own, measure, and throw it away."""
    configure_logging(Settings(log_level="ERROR"))
    folder = Path(tempfile.mkdtemp(prefix="bellwether-winning-"))
    postgres = EmbeddedPostgres(folder, settings=SERVER)
    funnels: list[str] = []
    try:
        server = sync_url(postgres.start()).set(drivername="postgresql")
        print("| worklist | activities | entries | buffers | statement ms | request ms |")
        print("|---|--:|--:|--:|--:|--:|")
        for rows in SIZES:
            url = server.set(database=f"winning_{rows}").render_as_string(False)
            with psycopg.connect(server.render_as_string(False), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE winning_{rows}")
            print(f"{rows:,} activities: {fill(url, rows, filling=FILLING):.0f} s", file=sys.stderr, flush=True)
            for line in asyncio.run(worklists(url, rows, folder)):
                print(line, flush=True)
            funnels += asyncio.run(funnel(url, rows, folder))
        print(
            "\n| funnel of a month | touches | leads | buffers | statement ms |\n|---|--:|--:|--:|--:|",
            *funnels,
            sep="\n",
        )
    finally:
        postgres.stop()
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
