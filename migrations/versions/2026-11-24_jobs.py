"""The job queue's tables, types and functions; every name begins with `procrastinate_`.

What is created is what the installed release of procrastinate needs. When a newer one changes its schema, its own
upgrade scripts (`procrastinate/sql/migrations`, after the last one named here) become a migration that skips what a
new database has from the start; a test compares.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager

revision = "jobs"
down_revision = "orders"
branch_labels = None
depends_on = None

LAST_SCRIPT = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def upgrade() -> None:
    # Many statements, with percent signs in them: only the driver itself takes them as they are.
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema())


def downgrade() -> None:
    for kind, query in (
        ("TABLE", "SELECT oid::regclass, relname, relnamespace FROM pg_class WHERE relkind = 'r'"),
        ("FUNCTION", "SELECT oid::regprocedure, proname, pronamespace FROM pg_proc"),
        ("TYPE", "SELECT oid::regtype, typname, typnamespace FROM pg_type"),
    ):
        ours = sa.text(
            f"SELECT string_agg(id::text, ', ') FROM ({query}) AS found (id, name, home) "  # noqa: S608 - the ones above
            "WHERE starts_with(name, 'procrastinate_') AND home = current_schema()::regnamespace"
        )
        op.execute(f"DROP {kind} {op.get_bind().execute(ours).scalar_one()} CASCADE")
