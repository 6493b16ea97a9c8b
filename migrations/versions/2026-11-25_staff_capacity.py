"""Staff: their share of new leads, and the days on which they are away."""

import sqlalchemy as sa
from alembic import op

revision = "staff_capacity"
down_revision = "orders_opportunity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("capacity", sa.Numeric(), server_default=sa.text("1"), nullable=False))
    op.create_check_constraint(op.f("ck_staff_capacity"), "staff", "capacity >= 0")
    op.create_table(
        "staff_absences",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_staff_absences_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_absences_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_absences")),
    )
    op.create_index("ix_staff_absences_staff_id", "staff_absences", ["staff_id", "from_day", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("staff_absences")
    op.drop_constraint(op.f("ck_staff_capacity"), "staff", type_="check")
    op.drop_column("staff", "capacity")
