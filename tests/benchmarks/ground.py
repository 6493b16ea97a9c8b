"""What benchmarks of whole processes stand on: a migrated database of their own, and a key that may do everything."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.kernel import auth, migrate
from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.settings import Settings


@contextmanager
def migrated(**settings: str) -> Iterator[str]:
    """The URL of an empty database with the schema in it, gone after the block; `settings` are PostgreSQL's."""
    folder = Path(tempfile.mkdtemp(prefix="bellwether-bench-"))
    server = EmbeddedPostgres(folder, settings=settings)
    try:
        url = server.start()
        migrate.upgrade(url)
        yield url
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def key(url: str) -> str:
    """A key that may do everything."""

    async def issue() -> str:
        database = Database(Settings(), url)
        async with database.transaction() as session:
            _, token = auth.issue(session, name="benchmark", scopes=tuple(Permission))
        await database.dispose()
        return token

    return asyncio.run(issue())
