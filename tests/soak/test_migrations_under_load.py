"""A process of the release before serves while the new release's migrations land."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.ground import demand_schema
from app.kernel import migrate
from app.registry import SCHEMA_VERSION
from tests.soak.ground import Ground

_HEAD = """
import sqlalchemy as sa
from alembic import op


revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

"""
_BUSY_TABLES = ("leads", "orders", "order_lines", "accounts", "outbox", "idempotency_records", "api_keys")
_TABLE = """
def upgrade():
    op.create_table("visits", sa.Column("id", sa.Uuid(), primary_key=True), sa.Column("order_id", sa.Uuid()))


def downgrade():
    op.drop_table("visits")
"""
_COLUMN = """
def upgrade():
    op.add_column("{table}", sa.Column("added", sa.Text(), server_default="", nullable=False))


def downgrade():
    op.drop_column("{table}", "added")
"""
_INDEX = """
def upgrade():
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index("ix_orders_added", "orders", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_orders_added", "orders", ["added"], postgresql_concurrently=True)
        op.execute("RESET lock_timeout")


def downgrade():
    op.drop_index("ix_orders_added", "orders")
"""
_CONTRACT = """
def upgrade():
    op.drop_column("orders", "added")


def downgrade():
    op.add_column("orders", sa.Column("added", sa.Text()))
    op.create_index("ix_orders_added", "orders", ["added"])
"""


class _Release:
    """A release that comes after this one: its migrations are ours, and its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(migrate._MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        self._newest = SCHEMA_VERSION

    def expands(self) -> None:
        """Give it what a process of the release before knows nothing of, one table a migration."""
        self.adds("table", _TABLE)
        for table in _BUSY_TABLES:
            self.adds(f"column_of_{table}", _COLUMN.format(table=table))
        self.adds("index", _INDEX)

    def adds(self, revision: str, body: str) -> None:
        text = _HEAD.format(revision=revision, before=self._newest) + body
        (self.folder / "versions" / f"2099-01-01_{revision}.py").write_text(text)
        self._newest = revision


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ground: Ground) -> Iterator[_Release]:
    """The next release, whose migrations are undone afterwards."""
    found = _Release(tmp_path / "migrations")
    monkeypatch.setattr(migrate, "_MIGRATIONS", found.folder)
    yield found
    migrate.downgrade(ground.postgres.url, SCHEMA_VERSION)


async def _lands(ground: Ground, revision: str) -> None:
    """Migrate, and see that the old process neither fails nor holds itself for unready."""
    department = ground.department
    await asyncio.to_thread(migrate.upgrade, ground.postgres.url)
    ready = await ground.caller().once("GET", "/readyz")
    assert (ready.status_code, ready.json()["schema_version"]) == (200, revision)
    await asyncio.to_thread(demand_schema, ground.postgres.url)
    await department.rounds(4)


async def test_expand_then_contract_under_load(ground: Ground, release: _Release) -> None:
    department = ground.department
    async with department.at_work(4):
        await department.rounds(4)
        release.expands()
        await _lands(ground, "index")
        release.adds("contract", _CONTRACT)
        await _lands(ground, "contract")
    print(f"\nexpand, contract: {department.seen}")  # noqa: T201 - what the run saw
    assert set(department.seen.answers) == {"200", "201"}
    await ground.all_holds()


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.soak)])
async def test_a_migration_that_has_to_wait_lets_the_others_pass(times: int, ground: Ground, release: _Release) -> None:
    """Somebody reads for long, as a backup does: the migration cannot have its lock, and keeps nobody back."""
    department = ground.department
    release.expands()
    async with department.at_work(4):
        with ground.postgres.connection(autocommit=False) as backup:
            backup.execute("SELECT count(*) FROM orders")
            migrating = asyncio.create_task(asyncio.to_thread(migrate.upgrade, ground.postgres.url))
            waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = CAST('orders' AS regclass)"
            for _ in range(times):
                await asyncio.to_thread(ground.postgres.until, waits)
                await department.rounds(4)
            assert not migrating.done()
            backup.rollback()
        await migrating
        await department.rounds(4)
    print(f"\na migration that had to wait: {department.seen}")  # noqa: T201 - what the run saw
    assert set(department.seen.answers) == {"200", "201"}
    await ground.all_holds()
