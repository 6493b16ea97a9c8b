"""Killed in the middle, run twice at once, refused half-way: nothing is there twice, and nothing is lost."""

import asyncio
import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from app.kernel.company import Company
from app.kernel.db import conninfo
from app.kernel.settings import Settings
from app.transfer import importing
from app.transfer.importing import Busy, Request
from app.transfer.kinds import KINDS
from app.transfer.mapping import MappingFile
from app.transfer.reading import BadFile
from tests.conftest import Live

BELLWETHER = Path(sys.executable).with_name("bellwether")
PATIENCE = 60.0
ROWS, BAD, CHUNK = 3_000, 30, 50


def leads(file: Path, rows: int = ROWS) -> Path:
    """So many leads; every hundredth has no address that is one. Neither id nor email of a source finds them again."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["source", "person_name", "company", "telephone", "email"])
        for number in range(rows):
            email = "not one" if number % 100 == 99 else ""
            writer.writerow(["fair", f"Person {number}", "Two\nlines", f"030 {number:07}", email])
    return file


def command(*arguments: str) -> list[str]:
    return [str(BELLWETHER), "import", "leads", *arguments, f"--chunk={CHUNK}"]


def environment(url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
    return inherited | {"BELLWETHER_DATABASE_URL": url}


def run(asked: list[str], url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        asked, env=environment(url), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def one(url: str, statement: str) -> int:
    with psycopg.connect(conninfo(url)) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


async def test_killed_and_started_again(live: Live, tmp_path: Path) -> None:
    file, rejects = leads(tmp_path / "leads.csv"), tmp_path / "rejects.csv"
    asked = command(str(file), f"--rejects={rejects}")
    kills, seen = 0, 0
    while kills < 2:
        process = subprocess.Popen(asked, env=environment(live.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603, ASYNC220 - our own
        deadline, wanted = time.monotonic() + PATIENCE, seen + 8 * CHUNK
        while (position := one(live.url, "SELECT max(position) FROM imports")) < wanted:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        kills, seen = kills + 1, position
    broken_off = one(live.url, "SELECT position FROM imports WHERE finished_at IS NULL")
    assert 0 < broken_off < ROWS
    assert one(live.url, "SELECT count(*) FROM leads") == broken_off - broken_off // 100

    # What a kill between writing a rejected row and its chunk's commit leaves behind is cut off.
    with rejects.open("a", encoding="utf-8") as opened:
        opened.write("of a chunk that was never committed,fair\n")
    done = await asyncio.to_thread(run, asked, live.url)
    assert done.returncode == 1, done
    assert f"went on behind row {broken_off:,}" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert one(live.url, "SELECT count(*) FROM leads") == ROWS - BAD
    assert one(live.url, "SELECT count(DISTINCT person_name) FROM leads") == ROWS - BAD
    assert one(live.url, "SELECT count(*) FROM lead_touches") == ROWS - BAD
    assert one(live.url, "SELECT count(*) FROM outbox WHERE type = 'lead.captured'") == ROWS - BAD
    with rejects.open(newline="", encoding="utf-8") as opened:
        names = [row["person_name"] for row in csv.DictReader(opened)]
    assert names == [f"Person {number}" for number in range(99, ROWS, 100)]
    assert one(live.url, "SELECT count(*) FROM imports WHERE finished_at IS NULL") == 0


async def test_a_database_that_goes_away_ends_it_with_one_line(live: Live, settings: Settings, tmp_path: Path) -> None:
    file = leads(tmp_path / "leads.csv", 2_000)
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command
        command(str(file)), env=environment(live.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE
    while one(live.url, "SELECT max(position) FROM imports") < 4 * CHUNK:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    theirs = "datname = current_database() AND pid <> pg_backend_pid()"
    one(live.url, f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {theirs}")  # noqa: S608
    said, complained = await asyncio.to_thread(process.communicate)
    assert (process.returncode, said, complained.count("\n")) == (1, "", 1), complained
    assert "run the same command again" in complained
    done = await asyncio.to_thread(run, command(str(file)), live.url)
    assert "went on behind row" in done.stdout, done
    assert one(live.url, "SELECT count(*) FROM leads") == 1_980


def request(file: Path, **asked: object) -> Request:
    return Request(kind=KINDS["leads"], file=file, format="csv", mapping=MappingFile(), chunk=CHUNK, **asked)  # type: ignore[arg-type]


async def test_two_at_once_import_a_file_once(live: Live, settings: Settings, tmp_path: Path) -> None:
    asked, company = request(leads(tmp_path / "leads.csv", 1_000)), Company.of(settings)
    both = (importing.run(live.database, company, asked, lambda _done, _of: None) for _ in range(2))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert len([each for each in ended if isinstance(each, Busy)]) == 1
    assert one(live.url, "SELECT count(*) FROM leads") == 990
    assert one(live.url, "SELECT count(*) FROM imports") == 1


class _Broken(Exception):  # noqa: N818 - control flow
    pass


def _break_after(chunks: int) -> importing.Progress:
    """Progress that fails when so many chunks are committed."""
    left = iter(range(chunks))

    def told(_done: int, _of: int) -> None:
        if next(left, None) is None:
            raise _Broken

    return told


async def test_another_mapping_or_restart_begins_anew(live: Live, settings: Settings, tmp_path: Path) -> None:
    file, company, rejects = leads(tmp_path / "leads.csv", 500), Company.of(settings), tmp_path / "rejects.csv"
    with pytest.raises(_Broken):
        await importing.run(live.database, company, request(file, rejects=rejects), _break_after(3))
    assert one(live.url, "SELECT position FROM imports") == 4 * CHUNK
    rejects.unlink()
    with pytest.raises(BadFile, match="cannot write"):
        await importing.run(live.database, company, request(file, rejects=rejects), lambda _done, _of: None)
    resumed = await importing.run(live.database, company, request(file), lambda _done, _of: None)
    assert (resumed.resumed_at, resumed.read, resumed.created, resumed.rejected) == (4 * CHUNK, 500, 495, 5)
    with pytest.raises(_Broken):
        await importing.run(live.database, company, request(file), _break_after(1))
    anew = await importing.run(live.database, company, request(file, restart=True), lambda _done, _of: None)
    assert (anew.resumed_at, anew.read) == (0, 500)
    assert one(live.url, "SELECT count(*) FROM imports") == 2
