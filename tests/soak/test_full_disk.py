"""The database's disk is full: whoever needs room is told to come back, whoever only reads is served."""

import asyncio
from contextlib import suppress
from pathlib import Path

import psycopg

from app.kernel.settings import Settings
from tests.soak.callers import refused
from tests.soak.ground import Ground, serving
from tests.soak.small_disk import FullDisk, small_disks

_REFUSALS = 20


async def _no_room_for_tables(ground: Ground, postgres: FullDisk) -> None:
    """Each statement that needs a page fails by itself."""
    department = ground.department
    async with department.at_work(4):
        await department.rounds(2)
        await asyncio.to_thread(postgres.fill, "tables")
        await department.refusals(_REFUSALS)
        for path in ("/v1/orders", "/readyz"):
            assert not refused(await ground.caller().once("GET", path))
        await asyncio.to_thread(postgres.free)
        await department.rounds(2)
    assert "DiskFullError" in ground.served.log.read_text()
    assert "PANIC" not in postgres.log


async def _no_room_for_the_log(ground: Ground, postgres: FullDisk) -> None:
    """PostgreSQL gives up, and does not even come back before there is room and somebody starts it."""
    department = ground.department
    async with department.at_work(4):
        await department.rounds(2)
        await asyncio.to_thread(postgres.fill, "log")
        while not refused(await ground.caller().once("GET", "/readyz")):
            with suppress(psycopg.Error):
                await asyncio.to_thread(postgres.execute, "SELECT pg_switch_wal()")
        await department.refusals(_REFUSALS)
        await asyncio.to_thread(postgres.free)
        await asyncio.to_thread(postgres.start)
        await department.rounds(2)
    assert "PANIC" in postgres.log
    assert "No space left on device" in postgres.log


async def test_no_room_for_tables_then_none_for_the_log(tmp_path: Path, settings: Settings) -> None:
    with small_disks(tmp_path / "postgres") as postgres:
        async with serving(settings, postgres, tmp_path) as ground:
            for full in (_no_room_for_tables, _no_room_for_the_log):
                ground.department.seen.answers.clear()
                await full(ground, postgres)
                print(f"\n{full.__name__}: {ground.department.seen}")  # noqa: T201 - what the run saw
                await ground.all_holds()
