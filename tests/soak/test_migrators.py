"""Several processes migrate one database at once: each ends well, and there is one schema."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.kernel import migrate
from app.kernel.db import conninfo
from tests.conftest import Server

_COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "migrate")
_PATIENCE = 120.0
_SCHEMA = """
    SELECT 'column', table_name, column_name, data_type || is_nullable FROM information_schema.columns
        WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', CAST(conrelid AS regclass)::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = CAST('public' AS regnamespace)
    UNION ALL SELECT 'broken index', CAST(indexrelid AS regclass)::text, '', '' FROM pg_index WHERE NOT indisvalid
    UNION ALL SELECT 'version', version_num, '', '' FROM alembic_version
"""


def _schema(url: str) -> set[Any]:
    with psycopg.connect(conninfo(url)) as connection:
        return set(connection.execute(_SCHEMA))


def _empty(server: Server, name: str) -> None:
    server.execute("CREATE DATABASE {}", name)


def _old(server: Server, name: str) -> None:
    server.execute("CREATE DATABASE {} TEMPLATE {}", name, server.template)
    migrate.downgrade(server.database(name), "staff")


@pytest.mark.parametrize(
    ("made", "migrators"),
    [
        pytest.param(_old, 2, id="an old one by two"),
        pytest.param(_empty, 2, id="an empty one by two", marks=pytest.mark.soak),
        pytest.param(_old, 5, id="an old one by five", marks=pytest.mark.soak),
        pytest.param(_empty, 5, id="an empty one by five", marks=pytest.mark.soak),
    ],
)
def test_migrators_at_once(
    made: Callable[[Server, str], None], migrators: int, server: Server, shared_url: str
) -> None:
    name = "migrated_at_once"
    url = server.database(name)
    made(server, name)
    try:
        running = [
            subprocess.Popen(  # noqa: S603 - our own command
                _COMMAND,
                env={**os.environ, "BELLWETHER_DATABASE_URL": url},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(migrators)
        ]
        told = [each.communicate(timeout=_PATIENCE)[0] for each in running]
        assert [each.returncode for each in running] == [0] * migrators, told
        assert told == [f"the schema is {migrate.head()}\n"] * migrators
        assert _schema(url) == _schema(shared_url)
    finally:
        server.execute("DROP DATABASE {} WITH (FORCE)", name)
