"""A PostgreSQL of the test's own, to be stopped, killed, frozen and started again under a running service."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from app.kernel import migrate
from app.kernel.db import conninfo
from app.kernel.embedded import EmbeddedPostgres

PATIENCE = 30.0
SERVICE = "bellwether"
QUEUE = "bellwether-jobs"
SETTINGS = {"fsync": "off", "full_page_writes": "off"}  # a killed process loses nothing by these, a power cut would


class OwnPostgres:
    """The server and what may befall it. Commits are in the log before they are answered, as in production."""

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self._embedded = embedded
        self.url = embedded.url

    def start(self) -> None:
        """Start it, after it was stopped or killed."""
        self._embedded.start()

    def stop(self, *, at_once: bool = False) -> None:
        """End all sessions in order, as `pg_ctl stop` does, or `at_once`, as a crash would."""
        postmaster = self.postmaster
        os.kill(postmaster, signal.SIGQUIT if at_once else signal.SIGINT)
        end = time.monotonic() + PATIENCE
        while _runs(postmaster):
            assert time.monotonic() < end
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL for all of its processes."""
        family = [self.postmaster, *_children(self.postmaster)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_a_session(self) -> None:
        """SIGKILL for one session of the service: PostgreSQL ends all the others, recovers and goes on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.sessions(SERVICE)[0], signal.SIGKILL)

    def terminate(self, *applications: str) -> None:
        """End all sessions of these applications, as a failover or an administrator would."""
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%s)"
        self.execute(statement, list(applications))

    @contextmanager
    def frozen(self, *pids: int) -> Iterator[None]:
        """SIGSTOP: connected, and silent."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @property
    def postmaster(self) -> int:
        return int((self._embedded.data / "postmaster.pid").read_text().splitlines()[0])

    def sessions(self, application: str) -> list[int]:
        """The processes that serve an application's connections."""
        found = self.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", application)
        return [row[0] for row in found]

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """One statement on a connection of its own."""
        with self.connection() as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def connection(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        return psycopg.connect(conninfo(self.url), autocommit=autocommit)

    def until(self, query: str, *values: Any) -> None:
        """Wait until the query's first value is true."""
        end = time.monotonic() + PATIENCE
        while not self.execute(query, *values)[0][0]:
            assert time.monotonic() < end, query
            time.sleep(0.02)


def _stat(pid: int) -> list[str]:
    """State, parent and so on, of a process; nothing of one that is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _runs(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _children(parent: int) -> list[int]:
    everybody = (int(each.name) for each in Path("/proc").glob("[0-9]*"))
    return [pid for pid in everybody if _stat(pid)[1:2] == [str(parent)]]


@contextmanager
def own_postgres(folder: Path, *, migrated: bool = True, **settings: str) -> Iterator[OwnPostgres]:
    """A server in a folder of its own, with the schema in it; gone afterwards."""
    embedded = EmbeddedPostgres(folder, settings={**SETTINGS, **settings})
    embedded.start()
    try:
        if migrated:
            migrate.upgrade(embedded.url)
        yield OwnPostgres(embedded)
    finally:
        embedded.stop()
        shutil.rmtree(embedded.home)
