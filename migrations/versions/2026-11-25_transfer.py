"""Imports: how far each file has come, and what other systems call our accounts and contacts."""

import sqlalchemy as sa
from alembic import op

revision = "transfer"
down_revision = "funnel"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.Text(), nullable=False),
        sa.Column("mapping_digest", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("rejects_bytes", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(
        "uq_imports_unfinished",
        "imports",
        ["kind", "file_digest", "mapping_digest"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    for of, table in (("account", "accounts"), ("contact", "contacts")):
        op.create_table(
            f"{of}_identities",
            sa.Column("external_id", sa.Text(), nullable=False),
            sa.Column("source", sa.Text(), nullable=False),
            sa.Column(f"{of}_id", sa.Uuid(), nullable=False),
            sa.ForeignKeyConstraint([f"{of}_id"], [f"{table}.id"], name=op.f(f"fk_{of}_identities_{of}_id")),
            sa.PrimaryKeyConstraint("external_id", "source", name=op.f(f"pk_{of}_identities")),
        )
        op.create_index(op.f(f"ix_{of}_identities_{of}_id"), f"{of}_identities", [f"{of}_id"], unique=False)


def downgrade() -> None:
    op.drop_table("contact_identities")
    op.drop_table("account_identities")
    op.drop_table("imports")
