"""Alembic's environment: one transaction, short lock waits, one migrator at a time."""

import os
from typing import Any

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.kernel.db import sync_url
from app.registry import metadata

_LOCK = 4_851_205_973  # an arbitrary key of our own


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether a table in the database should have a model; the job queue's are its library's."""
    return kind != "table" or name is None or not name.startswith("procrastinate_")


def run() -> None:
    url = context.config.attributes.get("url") or sync_url(os.environ["BELLWETHER_DATABASE_URL"])
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        # A migration that waits for a lock makes everybody behind it wait: give up early and run it again.
        connection.execute(text("SET LOCAL lock_timeout = '4s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        context.configure(connection=connection, target_metadata=metadata, compare_type=True, include_name=_is_ours)
        context.run_migrations()
    engine.dispose()


run()
