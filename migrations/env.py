"""Alembic's environment: one transaction for each migration, short lock waits, one migrator at a time."""

import os
import time
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from app.kernel.db import sync_url
from app.registry import metadata

_LOCK = 4_851_205_973  # an arbitrary key of our own


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether a table in the database should have a model; the job queue's are its library's."""
    return kind != "table" or name is None or not name.startswith("procrastinate_")


def _take_turns(connection: Connection) -> None:
    """Hold the migrators' lock for as long as the connection lasts.

    Who waits is in no transaction meanwhile: an index that is built concurrently waits for those.
    """
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar_one():
        connection.rollback()
        time.sleep(0.1)


def run() -> None:
    url = context.config.attributes.get("url") or sync_url(os.environ["BELLWETHER_DATABASE_URL"])
    # A migration that waits for a lock makes everybody behind it wait: it gives up early, and is begun again.
    limits = {"options": "-c lock_timeout=500ms -c statement_timeout=60s"}
    engine = create_engine(url, poolclass=NullPool, connect_args=limits)
    with engine.connect() as connection:
        _take_turns(connection)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            include_name=_is_ours,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
