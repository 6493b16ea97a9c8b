"""The jobs that the worker knows."""

from app.duplicates import jobs as duplicates
from app.kernel import jobs

JOBS: tuple[jobs.Job, ...] = (*jobs.JOBS, *duplicates.JOBS)
