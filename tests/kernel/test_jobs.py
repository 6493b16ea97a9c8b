"""The job queue and the worker, with real processes of work on a real database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from procrastinate import JobContext
from procrastinate.schema import SchemaManager
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from app import worker
from app.kernel import clock, jobs, migrate
from app.kernel.db import conninfo
from app.kernel.idempotency import IdempotencyRecord
from app.kernel.jobs import Job
from app.kernel.outbox import OutboxEvent
from app.kernel.settings import Settings
from tests.conftest import Live, Server

PATIENCE = 10.0


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


def events(count: int) -> list[OutboxEvent]:
    return [
        OutboxEvent(id=uuid7(), type="x", subject_type="x", subject_id=uuid7(), actor="test", data={})
        for _ in range(count)
    ]


async def test_the_worker_does_a_job_once(live: Live, settings: Settings) -> None:
    async with live.database.transaction() as session:
        for age in (settings.idempotency_days - 1, settings.idempotency_days + 1):
            made = clock.now() - timedelta(days=age)
            session.add(IdempotencyRecord(owner=uuid7(), operation="o", key="k", fingerprint="f", created_at=made))

    async def kept() -> int:
        async with live.database.read() as connection:
            return (await connection.execute(select(func.count()).select_from(IdempotencyRecord))).scalar_one()

    async def jobs_left() -> int:
        async with await psycopg.AsyncConnection.connect(conninfo(live.url)) as connection:
            found = await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE 'forget%'")
            row = await found.fetchone()
            return row[0] if row else -1

    async with jobs.queue(live.url, jobs.JOBS).open_async() as queue:
        await queue.configure_task("forget_idempotency_keys").defer_async(timestamp=0)
    assert (await kept(), await jobs_left()) == (2, 1)
    async with worker.working(settings, live.database), worker.working(settings, live.database):

        async def done() -> bool:
            return await jobs_left() == 0

        await until(done)
    assert await kept() == 1


async def test_jobs_in_hand_finish_when_the_worker_stops(
    live: Live, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, finished = asyncio.Event(), asyncio.Event()

    async def slow(_context: JobContext) -> None:
        began.set()
        await asyncio.sleep(0.5)
        finished.set()

    kinds = (Job("slow", slow),)
    monkeypatch.setattr(worker, "JOBS", kinds)
    async with jobs.queue(live.url, kinds).open_async() as queue:
        await queue.configure_task("slow").defer_async()
    async with worker.working(settings, live.database):
        await asyncio.wait_for(began.wait(), PATIENCE)
    assert finished.is_set()


async def test_the_job_of_a_killed_worker_is_queued_again(live: Live, settings: Settings) -> None:
    async with jobs.queue(live.url, jobs.JOBS).open_async() as queue:
        identity = await queue.configure_task("forget_failed_jobs").defer_async(timestamp=0)
        manager = queue.job_manager
        lost = await manager.register_worker()
        assert await manager.fetch_job(queues=None, worker_id=lost) is not None
        async with await psycopg.AsyncConnection.connect(conninfo(live.url), autocommit=True) as connection:
            await connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        await queue.configure_task("retry_stalled_jobs").defer_async(timestamp=0)

        async def done() -> bool:
            return not [job for job in await manager.list_jobs_async() if job.id == identity]

        async with worker.working(settings, live.database):
            await until(done)


async def test_two_workers_number_every_event_once(live: Live, settings: Settings) -> None:
    async def positions() -> list[int | None]:
        async with live.database.read() as connection:
            return list((await connection.execute(select(OutboxEvent.position))).scalars())

    async def numbered() -> bool:
        return None not in await positions()

    async with worker.working(settings, live.database), worker.working(settings, live.database):
        for _ in range(3):
            async with live.database.transaction() as session:
                session.add_all(events(700))
            await until(numbered)
    assert sorted(filter(None, await positions())) == list(range(1, 2101))


async def test_the_worker_outlives_a_database_that_drops_its_connections(
    live: Live, settings: Settings, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_RECOVERY", 0.2)
    done = asyncio.Event()

    async def once(_context: JobContext) -> None:
        done.set()

    kinds = (Job("once", once),)
    monkeypatch.setattr(worker, "JOBS", kinds)
    async with worker.working(settings, live.database):
        await asyncio.sleep(0.5)
        async with await psycopg.AsyncConnection.connect(conninfo(server.url), autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [conninfo(live.url).split("/")[-1].split("?")[0]],
            )
        async with jobs.queue(live.url, kinds).open_async() as queue:
            await queue.configure_task("once").defer_async()
        await asyncio.wait_for(done.wait(), PATIENCE)


def test_the_queue_migrates_down_and_up(server: Server) -> None:
    name = server.clone()
    url = server.database(name)

    def found() -> int:
        with psycopg.connect(conninfo(url)) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '%procrastinate%')"
                " + (SELECT count(*) FROM pg_proc WHERE proname LIKE '%procrastinate%')"
                " + (SELECT count(*) FROM pg_type WHERE typname LIKE '%procrastinate%')"
            ).fetchone()
        return row[0] if row else -1

    whole = found()
    migrate.downgrade(url, "orders")
    assert (found(), whole > 0) == (0, True)
    migrate.upgrade(url)
    assert found() == whole
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


def test_the_queue_s_schema_is_the_one_that_the_migration_was_written_for() -> None:
    scripts = sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    migration = (Path(migrate.__file__).parents[2] / "migrations/versions/2026-11-24_jobs.py").read_text()
    assert f'LAST_SCRIPT = "{scripts[-1]}"' in migration
