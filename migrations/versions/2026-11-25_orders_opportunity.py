"""An order names the opportunity that it came from; an opportunity becomes one order."""

import sqlalchemy as sa
from alembic import op

revision = "orders_opportunity"
down_revision = "activities_opportunity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("opportunity_id", sa.Uuid(), nullable=True))
    op.create_index(
        "uq_orders_opportunity_id",
        "orders",
        ["opportunity_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'cancelled'"),
    )
    op.create_index(
        "ix_orders_opportunity",
        "orders",
        ["opportunity_id"],
        postgresql_where=sa.text("opportunity_id IS NOT NULL"),
    )
    op.create_foreign_key(op.f("fk_orders_opportunity_id"), "orders", "opportunities", ["opportunity_id"], ["id"])


def downgrade() -> None:
    op.drop_column("orders", "opportunity_id")
