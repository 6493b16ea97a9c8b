"""The jobs that the worker knows."""

from app.kernel import jobs

JOBS: tuple[jobs.Job, ...] = jobs.JOBS
