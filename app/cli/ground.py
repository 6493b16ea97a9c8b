"""What a command stands on: a port to listen on, and a database that answers and has the right schema."""

import asyncio
import errno
import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import asyncpg
from sqlalchemy.exc import ArgumentError, OperationalError

from app.kernel.db import conninfo
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.settings import Settings
from app.registry import OLDER_SCHEMAS, SCHEMA_VERSION

_PATIENCE = 5  # seconds a database may take to answer


class CannotStart(Exception):  # noqa: N818 - names the state it reports
    """The command cannot do its work here; the message is one line that says what to do."""


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket to serve on, taken before anything else is started."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"port {port} on {host} is taken: stop what uses it, or choose another with BELLWETHER_PORT"
            ) from None
        raise CannotStart(
            f"cannot listen on {host}, port {port} ({error.strerror}): correct BELLWETHER_HOST or BELLWETHER_PORT"
        ) from None
    with listener:
        yield listener


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database: the one that the settings name, or the embedded one, which runs as long as the block.

    In the block SIGTERM and a closed terminal end a command as cleanly as Ctrl-C does.
    """
    with _at_work():
        if settings.database_url is not None:
            yield settings.database_url
            return
        server = EmbeddedPostgres(settings.data_dir / "postgres")
        try:
            with _uninterrupted():
                _start(server, settings.data_dir)
            yield server.url
        finally:
            with _uninterrupted():
                server.stop()


def _start(server: EmbeddedPostgres, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        server.start()
    except OSError as error:
        raise CannotStart(
            f"cannot keep data in {folder.absolute()} ({error.strerror}): "
            "make it writable, or choose another folder with BELLWETHER_DATA_DIR"
        ) from None


@contextmanager
def _at_work() -> Iterator[None]:
    """The program is read, and what it is made of never garbage; signals to stop now let the block clean up."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # requests leave few cycles; a bulk makes 100,000 objects, all of them in use
    gc.enable()
    heeded = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, *heeded)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold a signal to stop back until the block is done, so that nothing is left half done; a second ends it."""
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        if len(held) > 1:
            signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def migrated(url: str) -> str:
    """Bring the schema to this release, if the database answers; returns the schema's version."""
    found = _present_schema(url)
    if found == SCHEMA_VERSION:
        return found

    from alembic.util import CommandError  # noqa: PLC0415 - takes as long as all models; most starts migrate nothing

    from app.kernel import migrate  # noqa: PLC0415

    try:
        migrate.upgrade(url)
    except CommandError:
        raise CannotStart(f"this release does not know the database's schema, {found}: use a newer one") from None
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise CannotStart(f"the migration stopped ({reason}): try again when the database is less busy") from None
    return SCHEMA_VERSION


def demand_schema(url: str) -> None:
    """Raises CannotStart unless the database answers and its schema is this release's, or a newer one's."""
    found = _present_schema(url)
    if found is None or found in OLDER_SCHEMAS:
        raise CannotStart(
            f"the database's schema is {found or 'empty'}, this release needs {SCHEMA_VERSION}:"
            " run `bellwether migrate`"
        )


def _present_schema(url: str) -> str | None:
    try:
        return asyncio.run(_schema_at(conninfo(url)))
    except ArgumentError:
        raise CannotStart(
            "BELLWETHER_DATABASE_URL is not a URL: write it as postgresql://user:password@host:5432/database"
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CannotStart(
            f"the database does not answer ({reason}): start it, or correct BELLWETHER_DATABASE_URL"
        ) from None


async def _schema_at(dsn: str) -> str | None:
    connection = await asyncpg.connect(dsn, timeout=_PATIENCE, statement_cache_size=0)  # as a pooler needs it
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()
