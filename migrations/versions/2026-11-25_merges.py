"""Leads, contacts and accounts may be merged into others of their kind: a column each, one table at a time."""

import sqlalchemy as sa
from alembic import op

revision = "merges"
down_revision = "duplicates"
branch_labels = None
depends_on = None

_TABLES = ("leads", "contacts", "accounts")
_INDEXES = (
    *((table, f"ix_{table}_merged_into", "merged_into_id") for table in _TABLES),
    ("leads", "ix_leads_merged_email", "email"),
)


def upgrade() -> None:
    # Each statement by itself: who uses two of the tables is met on one of them only. An earlier try may have got far.
    with op.get_context().autocommit_block():
        for table in _TABLES:
            op.execute(
                f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS merged_into_id UUID"
                f" CONSTRAINT fk_{table}_merged_into_id REFERENCES {table} (id)"
            )
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")
        for table, name, column in _INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            condition = sa.text("merged_into_id IS NOT NULL")
            op.create_index(name, table, [column], postgresql_where=condition, postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "merged_into_id")
