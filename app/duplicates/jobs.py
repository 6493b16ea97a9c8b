"""The job that looks for possible duplicates."""

from procrastinate import JobContext

from app.duplicates import scanning
from app.kernel.jobs import Job, resources

_SECONDS = 50.0


async def _find(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - every periodic job's
    """Look at what has changed since the last time; what does not fit into a minute, in the next."""
    await scanning.look(resources(context).database, seconds=_SECONDS)


JOBS = (Job("find_duplicates", _find, schedule="* * * * *"),)
