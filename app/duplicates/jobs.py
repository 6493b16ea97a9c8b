"""The jobs that look for possible duplicates, and for what still names a record that was merged."""

from datetime import UTC, datetime, timedelta

from procrastinate import JobContext

from app.duplicates import merging, scanning
from app.kernel import clock
from app.kernel.jobs import Job, resources

_SECONDS = 50.0
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_RECENT = timedelta(hours=1)  # far longer than a request may take that began before a merge


async def _find(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Look at what has changed since the last time; what does not fit into a minute, in the next.

    Before, what came to name a record just when it was merged is given to the one that it became.
    """
    async with resources(context).database.transaction() as session:
        await merging.late_rows(session, since=clock.now() - _RECENT)
    await scanning.look(resources(context).database, seconds=_SECONDS)


async def _gather(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Give what has come to name a record long after it was merged to the one that it became."""
    async with resources(context).database.transaction() as session:
        await merging.late_rows(session, since=_EVER)


JOBS = (
    Job("find_duplicates", _find, schedule="* * * * *"),
    Job("gather_late_rows", _gather, schedule="27 3 * * *"),
)
