"""The people of the department."""

import sqlalchemy as sa
from alembic import op

revision = "staff"
down_revision = "kernel"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "sales_manager",
                "regional_manager",
                "key_account_manager",
                "channel_manager",
                "representative",
                "administrator",
                name="role",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reports_to_id", sa.Uuid(), nullable=True),
        sa.Column("active_from", sa.Date(), nullable=False),
        sa.Column("active_to", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("active_to >= active_from", name=op.f("ck_staff_active_period")),
        sa.ForeignKeyConstraint(["reports_to_id"], ["staff.id"], name=op.f("fk_staff_reports_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
    )
    op.create_index("ix_staff_name", "staff", ["name", "id"])
    op.create_index("ix_staff_created_at", "staff", ["created_at", "id"])
    op.create_index(op.f("ix_staff_reports_to_id"), "staff", ["reports_to_id"], unique=False)


def downgrade() -> None:
    op.drop_table("staff")
