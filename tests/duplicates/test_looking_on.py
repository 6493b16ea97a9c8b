"""Looking goes on where it was broken off, once, whoever looks."""

import asyncio
import random
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from app import worker
from app.duplicates import jobs as duplicates
from app.duplicates import scanning
from app.kernel import jobs
from app.kernel.db import conninfo
from app.kernel.settings import Settings
from tests.conftest import Live
from tests.duplicates.looking import look, pairs
from tests.kernel.test_jobs import until

_chance = random.Random(5)  # noqa: S311 - the same each time


def _word() -> str:
    return "".join(_chance.choices("abcdefghiklmnoprstuvwz", k=9))


_TWINS = [
    {"source": source, "person_name": name, "company": f"{company} {form}", "country": "DE"}
    for name, company in [(f"{_word()} {_word()}", _word()) for _ in range(40)]
    for source, form in (("web", "GmbH"), ("fair", ""))
]


async def _compared(live: Live) -> int:
    async with live.database.read() as connection:
        return int((await connection.execute(text("SELECT sum(compared) FROM duplicate_scans"))).scalar_one())


async def test_who_is_killed_loses_one_batch_and_nothing_is_found_twice(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_RECORDS", 10)
    assert (await live.client.post("/v1/leads/bulk", json={"leads": _TWINS})).status_code == 200
    keep = scanning._keep_keys
    calls = 0

    async def killed(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        await keep(*arguments)

    monkeypatch.setattr(scanning, "_keep_keys", killed)
    with pytest.raises(KeyboardInterrupt):
        await scanning.look(live.database, seconds=60)
    before = await _compared(live)
    async with live.database.read() as connection:
        after = await connection.execute(text("SELECT after_id FROM duplicate_scans WHERE name = 'leads'"))
        assert after.scalar_one() is not None
    monkeypatch.setattr(scanning, "_keep_keys", keep)
    assert 10 < before < 40
    await look(live.database)
    found = await pairs(live.client, limit=200)
    assert len(found) == len({(each["left_id"], each["right_id"]) for each in found}) == 40
    done = await _compared(live)
    await look(live.database)
    assert await _compared(live) == done


async def test_two_who_look_at_once_find_each_pair_once(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_RECORDS", 10)
    assert (await live.client.post("/v1/leads/bulk", json={"leads": _TWINS})).status_code == 200
    await asyncio.gather(*(scanning.look(live.database, seconds=60) for _ in range(4)))
    await look(live.database)
    assert len(await pairs(live.client, limit=200)) == 40
    async with live.database.read() as connection:
        told = await connection.execute(text("SELECT count(*) FROM outbox WHERE type = 'duplicate.found'"))
        assert told.scalar_one() == 40


async def test_the_worker_looks(live: Live, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await live.client.post("/v1/leads/bulk", json={"leads": _TWINS[:2]})).status_code == 200
    once = tuple(jobs.Job(job.name, job.run) for job in duplicates.JOBS)
    monkeypatch.setattr(worker, "JOBS", once)
    async with jobs.queue(live.url, once).open_async() as queue:
        await queue.configure_task("find_duplicates").defer_async(timestamp=0)

    async def done() -> bool:
        async with await psycopg.AsyncConnection.connect(conninfo(live.url)) as connection:
            row = await (await connection.execute("SELECT count(*) FROM duplicate_pairs")).fetchone()
        return row == (1,)

    async with worker.working(settings, live.database):
        await until(done)
