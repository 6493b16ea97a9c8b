"""Databases with many rows of everything that is listed, made by PostgreSQL itself."""

import time
from pathlib import Path

import psycopg

from app.kernel import migrate
from app.kernel.db import conninfo
from app.registry import metadata

_ROWS = (Path(__file__).parent / "rows.sql").read_text(encoding="utf-8")
SERVER = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "autovacuum": "off",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
}
"""Settings of a server that is filled at once and thrown away; none of them changes a plan."""

_CONSTRAINTS = """
    SELECT t.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint AS c
    JOIN pg_class AS t ON t.oid = c.conrelid WHERE c.contype = 'u' AND t.relname = ANY(%s)
"""
_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
    JOIN pg_class AS t ON t.oid = i.indrelid WHERE NOT i.indisprimary AND t.relname = ANY(%s)
"""


def fill(url: str, rows: int, *, filling: str = _ROWS) -> float:
    """Migrate an empty database and fill it; the seconds that took. Indexes are built when the rows are there."""
    started = time.monotonic()
    migrate.upgrade(url)
    tables = [name for name in metadata.tables if name != "outbox_head"]
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        constraints = connection.execute(_CONSTRAINTS, [tables]).fetchall()
        for table, name, _ in constraints:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        indexes = connection.execute(_INDEXES, [tables]).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        # No triggers: what refers to something else does so by construction.
        connection.execute("SET session_replication_role = replica")
        # One transaction: what is written to a table that it emptied needs no log.
        connection.execute(f"TRUNCATE {', '.join(tables)}; " + filling.replace(":rows", f"{rows}::bigint"))
        for table, name, definition in constraints:
            connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE")
    return time.monotonic() - started
