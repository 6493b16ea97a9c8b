"""Whether a list costs the same on page 1 and page 1,000, among 10,000 rows and among 1,000,000.

`python -m tests.benchmarks.lists` fills two databases, which takes minutes and 10 GB of disk, and asks every list in
every sort, with every filter, through the application. What is counted does not depend on the machine: statements, and
the buffers of 8 KB that PostgreSQL reads for them. A list that is shorter than 1,000 pages has its last full one
measured instead. `growth` is the dearest page among many rows by the dearest among few.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from app.kernel.db import sync_url
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.logs import configure_logging
from app.kernel.settings import Settings
from tests.benchmarks.asking import Question, lists, questions
from tests.benchmarks.filling import SERVER, fill
from tests.benchmarks.reading import LIMIT, Cost, Reader, reader

SIZES = (10_000, 1_000_000)
_HEAD = "asked | statements | 10,000 rows: page 1 | page 1,000 | 1,000,000 rows: page 1 | page 1,000 | growth |"
_RULE = "|---|" + "--:|" * 6


@dataclass
class Measured:
    """One question: the cost of its pages, first and deep, by the size of the database."""

    question: Question
    costs: list[Cost] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """The dearest page among many rows by the dearest among few."""
        few, many = self.costs[: len(self.costs) // 2], self.costs[len(self.costs) // 2 :]
        return max(each.buffers for each in many) / max(each.buffers for each in few)

    def cells(self) -> str:
        """A table's cells, from the question to the growth."""
        statements = sorted({each.statements for each in self.costs})
        figures = " | ".join(f"{each.buffers:,}" for each in self.costs)
        return f"{self.question} | {' or '.join(map(str, statements))} | {figures} | {self.growth:.1f}"


async def measured(found: Reader, question: Question, rows: int) -> list[Cost]:
    """The cost of page 1 and of page 1,000."""
    path, parameters = question.path(rows), question.parameters(rows)
    await found.ask(path, parameters)
    answer, sent = await found.ask(path, parameters)
    first = await found.cost(sent)
    if "data" not in answer:
        first.notes.add("refused")
        return [first, first]
    assert answer["data"], (path, parameters)
    further = found.deep(sent, answer)
    if further is None:
        return [first, first]
    await found.ask(path, parameters | further)
    answer, sent = await found.ask(path, parameters | further)
    assert len(answer["data"]) == LIMIT, (path, parameters, len(answer["data"]))
    return [first, await found.cost(sent)]


async def measure(urls: dict[int, str], folder: Path) -> dict[str, list[Measured]]:
    """Every list's questions, measured in each database."""
    found: dict[str, list[Measured]] = {}
    for rows, url in urls.items():
        async with reader(url, folder) as asked:
            for route in lists(asked.app):
                for each in found.setdefault(str(route.path), [Measured(each) for each in questions(route)]):
                    each.costs += await measured(asked, each.question, rows)
    return found


def report(found: dict[str, list[Measured]]) -> str:
    """All of it, by list; in italics what no index is promised for."""
    lines = []
    for route, asked in found.items():
        lines += ["", route, "", f"| {_HEAD} read besides |", f"{_RULE}---|"]
        for each in asked:
            notes = "; ".join(sorted({note for cost in each.costs for note in cost.notes}))
            cells = (
                each.cells() if each.question.indexed else f"_{each.question}_{each.cells()[len(str(each.question)) :]}"
            )
            lines.append(f"| {cells} | {notes} |")
    return "\n".join(lines)


def summary(found: dict[str, list[Measured]]) -> str:
    """The default question of each list and the indexed one that grows most; then what is worst of the others."""
    lines = [f"| list | {_HEAD}", f"|---{_RULE}"]
    together: dict[str, list[Measured]] = {}
    for route, asked in found.items():
        together.setdefault("/v1/…/history" if route.endswith("/history") else route, []).extend(asked)
    for route, asked in together.items():
        default, worst = asked[0], _worst(each for each in asked if each.question.indexed)
        chosen = [default, worst] if worst.growth > default.growth + 0.1 else [default]
        lines += [f"| `{route}` | {each.cells()} |" for each in chosen]
    indexed = [each for asked in found.values() for each in asked if each.question.indexed]
    others = [each for asked in found.values() for each in asked if not each.question.indexed]
    lines += ["", f"{len(indexed)} questions that an index answers: growth {_worst(indexed).growth:.1f} at most."]
    lines += [f"{len(others)} others: growth {_worst(others).growth:.1f} at most."]
    return "\n".join(lines)


def _worst(asked: Iterable[Measured]) -> Measured:
    return max(asked, key=lambda each: each.growth)


def run() -> dict[str, list[Measured]]:
    """Fill both databases on a server of their own, measure, and throw them away."""
    configure_logging(Settings(log_level="ERROR"))
    folder = Path(tempfile.mkdtemp(prefix="bellwether-lists-"))
    postgres = EmbeddedPostgres(folder, settings=SERVER)
    try:
        server = sync_url(postgres.start()).set(drivername="postgresql")
        urls = {}
        for rows in SIZES:
            urls[rows] = server.set(database=f"lists_{rows}").render_as_string(False)
            with psycopg.connect(server.render_as_string(False), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE lists_{rows}")
            print(f"{rows:,} rows of each kind: {fill(urls[rows], rows):.0f} s", file=sys.stderr, flush=True)
        return asyncio.run(measure(urls, folder))
    finally:
        postgres.stop()
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print what every question costs, then the table of README."""
    found = run()
    print(report(found))
    print()
    print(summary(found))


if __name__ == "__main__":
    main()
