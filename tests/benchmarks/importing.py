"""What an import takes: rows a second beside COPY of the same rows into an equal bare table, and peak memory.

    python -m tests.benchmarks.importing

Each import is the command itself, in a process of its own, on an embedded database of its own. COPY fills a table with
the columns of `leads` and nothing else: no index, no constraint, no touch, no identity, no event.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.kernel.db import conninfo
from tests.benchmarks.ground import migrated

SIZES = (10_000, 100_000)
BELLWETHER = Path(sys.executable).with_name("bellwether")
_COLUMNS = (
    "source", "external_id", "campaign", "person_name", "job_title", "company", "email", "telephone", "country",
    "interest", "product_skus", "estimated_value", "estimated_currency",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One command: seconds from its start to its end, and its peak resident memory."""

    seconds: float
    megabytes: float
    said: str

    @property
    def rate(self) -> float:
        """Rows a second as the command says it: without the start of the program."""
        found = re.search(r"rows/s\s+([\d,]+)", self.said)
        return float(found.group(1).replace(",", "")) if found else 0.0


def leads(file: Path, rows: int) -> Path:
    """So many leads, each with an id of its source, an address, a telephone number and a value."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(_COLUMNS)
        for number in range(rows):
            person = (
                "SPRING-26",
                f"Person {number}",
                "Owner",
                f"Company {number}, Ltd.",
                f"p{number}@c{number}.example",
            )
            wanted = (f"030 {number:07}", "DE", "tea for two shops", "CHAI-10", "1250.50", "EUR")
            writer.writerow(("website", f"form-{number}", *person, *wanted))
    return file


def bellwether(url: str, *arguments: str) -> Run:
    """Run the command to its end."""
    began = time.monotonic()
    environment = os.environ | {"BELLWETHER_DATABASE_URL": url}
    process = subprocess.Popen([BELLWETHER, *arguments], env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {said}")
    return Run(time.monotonic() - began, usage.ru_maxrss / 1024, said)


def copied(url: str, rows: int) -> tuple[float, float]:
    """Seconds that COPY takes for the imported leads, into a bare table and into one with the indexes of `leads`."""
    taken = []
    with psycopg.connect(conninfo(url), autocommit=True) as connection, tempfile.TemporaryFile() as kept:
        with connection.cursor().copy("COPY leads TO STDOUT") as out:
            for block in out:
                kept.write(block)
        for like in ("", "INCLUDING INDEXES"):
            connection.execute("DROP TABLE IF EXISTS bare")
            connection.execute(f"CREATE TABLE bare (LIKE leads {like})")
            kept.seek(0)
            began = time.monotonic()
            with connection.cursor().copy("COPY bare FROM STDIN") as into:
                while block := kept.read(1 << 16):
                    into.write(block)
            taken.append(time.monotonic() - began)
        found = connection.execute("SELECT count(*) FROM bare").fetchone()
        assert found == (rows,)
        connection.execute("DROP TABLE bare")
    return taken[0], taken[1]


def main() -> None:
    """Print the table."""
    print("| rows | | rows/s | beside COPY | seconds in all | peak MB |\n|--:|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in SIZES:
            file, output = leads(Path(folder) / "leads.csv", rows), Path(folder) / "out.csv"
            with migrated() as url:
                runs = {
                    "import": bellwether(url, "import", "leads", str(file)),
                    "the same file again": bellwether(url, "import", "leads", str(file)),
                    "export": bellwether(url, "export", "leads", f"--output={output}"),
                    "import of the export": bellwether(url, "import", "leads", str(output)),
                }
                bare, indexed = copied(url, rows)
            for name, run in runs.items():
                rate = run.rate or rows / run.seconds
                cells = f"{rate:,.0f} | {rate * bare / rows:.3f} | {run.seconds:.1f} | {run.megabytes:.0f}"
                print(f"| {rows:,} | {name} | {cells} |")
            for name, seconds in (("COPY, a bare table", bare), ("COPY, with the indexes of leads", indexed)):
                print(f"| {rows:,} | {name} | {rows / seconds:,.0f} | {bare / seconds:.2f} | {seconds:.1f} | |")


if __name__ == "__main__":
    main()
