"""The database's disk is full: whoever needs room is told to come back, whoever only reads is served."""

import asyncio
from contextlib import suppress

import psycopg
import pytest

from tests.soak.callers import refused
from tests.soak.ground import Ground
from tests.soak.small_disk import FullDisk, forbidden

_SHORT = pytest.param(4, 1, id="short")
_LONG = pytest.param(16, 5, id="long", marks=pytest.mark.soak)


@pytest.fixture
def disk(ground: Ground) -> FullDisk:
    if not isinstance(ground.postgres, FullDisk):
        pytest.skip(f"no disk can be made small here: {forbidden()}")
    return ground.postgres


@pytest.mark.parametrize(("callers", "times"), [_SHORT, _LONG])
async def test_no_room_for_tables(callers: int, times: int, ground: Ground, disk: FullDisk) -> None:
    """Each statement that needs a page fails by itself."""
    department, panics = ground.department, disk.log.count("PANIC")
    async with department.at_work(callers):
        for time in range(1, times + 1):
            await department.rounds(callers)
            await asyncio.to_thread(disk.fill, "tables")
            await department.refusals(time * 4 * callers)
            for path in ("/v1/orders", "/readyz"):
                assert not refused(await ground.caller().once("GET", path))
            await asyncio.to_thread(disk.free)
        await department.rounds(callers)
    print(f"\nno room for tables, {times} times under {callers} callers: {department.seen}")  # noqa: T201 - what was seen
    assert "DiskFullError" in ground.served.log.read_text()
    assert disk.log.count("PANIC") == panics
    await ground.all_holds()


@pytest.mark.parametrize(("callers", "times"), [_SHORT, _LONG])
async def test_no_room_for_the_log(callers: int, times: int, ground: Ground, disk: FullDisk) -> None:
    """PostgreSQL gives up, and does not even come back before there is room and somebody starts it."""
    department, panics = ground.department, disk.log.count("PANIC")
    async with department.at_work(callers):
        for time in range(1, times + 1):
            await department.rounds(callers)
            await asyncio.to_thread(disk.fill, "log")
            while not refused(await ground.caller().once("GET", "/readyz")):
                with suppress(psycopg.Error):
                    await asyncio.to_thread(disk.execute, "SELECT pg_switch_wal()")
            await department.refusals(time * 4 * callers)
            await asyncio.to_thread(disk.free)
            await asyncio.to_thread(disk.start)
            await ground.ready(wanted=True)
        await department.rounds(callers)
    print(f"\nno room for the log, {times} times under {callers} callers: {department.seen}")  # noqa: T201 - what was seen
    assert disk.log.count("PANIC") >= panics + times
    assert "No space left on device" in disk.log
    await ground.all_holds()
