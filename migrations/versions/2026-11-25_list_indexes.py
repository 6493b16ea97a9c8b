"""Indexes in the order of lists that had to be sorted; those that nothing reads go.

Each is built and dropped beside the work that goes on, in no transaction. What an interrupted build left is built anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "list_indexes"
down_revision = "jobs"
branch_labels = None
depends_on = None

Indexes = dict[str, tuple[str, list[str], str | None]]

_NEW: Indexes = {
    "ix_staff_role": ("staff", ["role", "name", "id"], None),
    "ix_accounts_status_number": ("accounts", ["status", "number", "id"], None),
    "ix_accounts_status_created_at": ("accounts", ["status", "created_at", "id"], None),
    "ix_accounts_type": ("accounts", ["type", "name", "id"], None),
    "ix_activities_contact": ("activities", ["contact_id", "at", "id"], None),
    "ix_leads_status_updated_at": ("leads", ["status", "updated_at", "id"], None),
    "ix_leads_status_score": ("leads", ["status", "score", "id"], None),
    "ix_leads_owner_updated_at": ("leads", ["owner_id", "updated_at", "id"], None),
    "ix_leads_owner_score": ("leads", ["owner_id", "score", "id"], None),
    "ix_receipts_external_id": ("receipts", ["external_id"], None),
    "ix_reservations_on_receipts": ("reservations", ["promised_on", "product_id"], "receipt_id IS NOT NULL"),
    "ix_orders_to_ship_created_at": ("orders", ["created_at", "id"], "open_to_ship"),
    "ix_outbox_subject_position": ("outbox", ["subject_type", "subject_id", "position"], None),
}
# Of the first another takes the place; rows that the others' foreign keys name are never deleted.
_OLD: Indexes = {
    "ix_activities_contact_id": ("activities", ["contact_id"], None),
    "ix_accounts_price_list_id": ("accounts", ["price_list_id"], None),
    "ix_leads_account_id": ("leads", ["account_id"], "account_id IS NOT NULL"),
}


def _replace(old: Indexes, new: Indexes) -> None:
    with op.get_context().autocommit_block():
        # It takes long among many rows, and waits for who reads or writes them now; nobody waits for it.
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")
        for name, (table, columns, where) in new.items():
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            condition = None if where is None else sa.text(where)
            op.create_index(name, table, columns, postgresql_where=condition, postgresql_concurrently=True)
        for name, (table, _, _) in old.items():
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def upgrade() -> None:
    _replace(_OLD, _NEW)


def downgrade() -> None:
    _replace(_NEW, _OLD)
