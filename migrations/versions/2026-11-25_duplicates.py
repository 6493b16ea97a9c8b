"""Tables of possible duplicates, of how far they have been looked for, and of what was merged."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "duplicates"
down_revision = "meetings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duplicate_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("key", "record_id", name=op.f("pk_duplicate_keys")),
    )
    op.create_index("ix_duplicate_keys_record", "duplicate_keys", ["record_id"])
    op.create_table(
        "duplicate_pairs",
        sa.Column(
            "kind", sa.Enum("leads", "contacts", "accounts", name="kind", native_enum=False, length=40), nullable=False
        ),
        sa.Column("left_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "dismissed", "merged", name="pairstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("left_id < right_id", name=op.f("ck_duplicate_pairs_in_order")),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_duplicate_pairs_score")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pairs")),
        sa.UniqueConstraint("left_id", "right_id", name=op.f("uq_duplicate_pairs_left_id_right_id")),
    )
    op.create_index("ix_duplicate_pairs_found_at", "duplicate_pairs", ["found_at", "id"])
    op.create_index("ix_duplicate_pairs_kind_found_at", "duplicate_pairs", ["kind", "found_at", "id"])
    op.create_index("ix_duplicate_pairs_kind_score", "duplicate_pairs", ["kind", "score", "id"])
    op.create_index("ix_duplicate_pairs_kind_status_score", "duplicate_pairs", ["kind", "status", "score", "id"])
    op.create_index("ix_duplicate_pairs_right", "duplicate_pairs", ["right_id"])
    op.create_index("ix_duplicate_pairs_score", "duplicate_pairs", ["score", "id"])
    op.create_index("ix_duplicate_pairs_status_found_at", "duplicate_pairs", ["status", "found_at", "id"])
    op.create_index("ix_duplicate_pairs_status_score", "duplicate_pairs", ["status", "score", "id"])
    op.create_table(
        "duplicate_scans",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("skipped_blocks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duplicate_scans")),
    )
    op.create_table(
        "merges",
        sa.Column(
            "kind", sa.Enum("leads", "contacts", "accounts", name="kind", native_enum=False, length=40), nullable=False
        ),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("tombstone", postgresql.JSONB(), nullable=False),
        sa.Column("merged_by", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("kept_since", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_created_at", "merges", ["created_at", "id"])
    op.create_index("ix_merges_kind", "merges", ["kind", "created_at", "id"])
    op.create_index("ix_merges_merged", "merges", ["merged_id", "created_at", "id"])
    op.create_index("ix_merges_survivor", "merges", ["survivor_id", "created_at", "id"])
    op.create_index(
        "uq_merges_merged", "merges", ["merged_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_table(
        "merge_rows",
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("key", postgresql.JSONB(), nullable=False),
        sa.Column("before", sa.Uuid(), nullable=True),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("removed", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["merge_id"], ["merges.id"], name=op.f("fk_merge_rows_merge_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_rows")),
    )
    op.create_index("ix_merge_rows_merge", "merge_rows", ["merge_id", "link"])


def downgrade() -> None:
    op.drop_table("merge_rows")
    op.drop_table("merges")
    op.drop_table("duplicate_scans")
    op.drop_table("duplicate_pairs")
    op.drop_table("duplicate_keys")
