"""Jobs: work that outlives its request. procrastinate keeps them in PostgreSQL; a worker (`app/worker.py`) does them.

A job may run twice (its worker was killed before it could report), so it must not matter when it does. It finds the
service's settings and database in its context: `resources(context)`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from app.kernel import clock, idempotency
from app.kernel.db import Database, conninfo
from app.kernel.settings import Settings

_FORGOTTEN_AT_ONCE = 10_000
_KEEP_FAILED_HOURS = 30 * 24
_RETRY = RetryStrategy(max_attempts=8, exponential_wait=4)  # after 4 s, 16 s, 64 s, …: for about a day


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job. One with a schedule (as in crontab, UTC) is queued by it, once however many workers there are."""

    name: str
    run: Callable[..., Awaitable[None]]
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What jobs work with."""

    settings: Settings
    database: Database


def resources(context: JobContext) -> Resources:
    """What the worker gave to the job."""
    found: Resources = context.additional_context["resources"]
    return found


def queue(url: str, jobs: Sequence[Job]) -> App:
    """The job queue of a database, with the kinds of jobs it knows; to be opened (`open_async`) before use."""
    options = {
        "application_name": "bellwether-jobs",
        "prepare_threshold": None,  # poolers lose prepared statements
        # A worker waits for news without end: a database whose machine or network is gone must be noticed.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    app = App(connector=PsycopgConnector(conninfo=conninfo(url), kwargs=options, min_size=1, max_size=4, timeout=5))
    for job in jobs:
        task = app.task(name=job.name, pass_context=True, retry=_RETRY)(job.run)
        if job.schedule is not None:
            app.periodic(cron=job.schedule)(task)
    return app


async def _forget_idempotency_keys(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Delete the answers whose time is over."""
    given = resources(context)
    before = clock.now() - timedelta(days=given.settings.idempotency_days)
    full = True
    while full:  # a day's keys in one statement could take longer than a statement may
        async with given.database.transaction() as session:
            full = await idempotency.forget(session, before=before, limit=_FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE


async def _retry_stalled(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Queue the jobs of killed workers again."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        await manager.retry_job(job)


async def _forget_failed(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Delete the jobs that were given up a month ago; those that succeeded are deleted at once."""
    await context.app.job_manager.delete_old_jobs(nb_hours=_KEEP_FAILED_HOURS, include_failed=True)


JOBS = (
    Job("forget_idempotency_keys", _forget_idempotency_keys, schedule="17 3 * * *"),
    Job("retry_stalled_jobs", _retry_stalled, schedule="* * * * *"),
    Job("forget_failed_jobs", _forget_failed, schedule="47 3 * * *"),
)
