"""The worker: does the queue's jobs, and numbers events, so that the feed is never far behind.

Any number of workers may run. A job goes to one of them; one whose worker was killed goes to another. Numbering takes
turns on a row's lock.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy import select

from app.kernel import jobs, outbox
from app.kernel.db import Database
from app.kernel.settings import Settings
from app.registry.jobs import JOBS

_JOBS_AT_ONCE = 4
_PAUSE = 1.0  # seconds between two looks for events without a number
_PATIENCE = 60.0  # seconds a round of numbering may take: a connection that fell silent is given up for another
_RECOVERY = 5.0  # seconds before the queue is opened again after it failed

_LAST = 5  # seconds to end in beyond what jobs get, then the process is killed: a silent database never answers

log = structlog.get_logger("worker")


async def work(settings: Settings, url: str) -> None:
    """Work until SIGINT or SIGTERM."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    database = Database(settings, url)
    try:
        async with working(settings, database):
            await told.wait()
            signal.alarm(settings.shutdown_timeout + _LAST)
    finally:
        await database.dispose()


@asynccontextmanager
async def working(settings: Settings, database: Database) -> AsyncIterator[None]:
    """A worker beside the block; jobs in hand at its end get `shutdown_timeout` seconds to finish."""
    task = asyncio.create_task(_run(settings, database), name="worker")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run(settings: Settings, database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_do_jobs(settings, database))
        group.create_task(_number_events(database))


async def _do_jobs(settings: Settings, database: Database) -> None:
    given = jobs.Resources(settings, database)
    while True:
        try:
            async with jobs.queue(database.url, JOBS).open_async() as queue:
                await queue.run_worker_async(
                    concurrency=_JOBS_AT_ONCE,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=settings.shutdown_timeout,
                    delete_jobs="successful",
                    additional_context={"resources": given},
                )
        except Exception as error:  # noqa: BLE001 - whatever it was, the worker outlives it
            log.warning("job queue failed", error=repr(error))
        await asyncio.sleep(_RECOVERY)


async def _number_events(database: Database) -> None:
    unnumbered = select(outbox.OutboxEvent.seq).where(outbox.OutboxEvent.position.is_(None)).limit(1)
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                async with database.read() as connection:
                    waiting = (await connection.execute(unnumbered)).first() is not None
                if waiting:
                    await outbox.number_all(database)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round may do better
            log.warning("numbering events failed", error=repr(error))
        await asyncio.sleep(_PAUSE)
