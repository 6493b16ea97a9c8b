"""An order names the opportunity that it came from; an opportunity becomes one order."""

import sqlalchemy as sa
from alembic import op

revision = "orders_opportunity"
down_revision = "activities_opportunity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("opportunity_id", sa.Uuid(), nullable=True))
    op.create_unique_constraint(op.f("uq_orders_opportunity_id"), "orders", ["opportunity_id"])
    op.create_foreign_key(op.f("fk_orders_opportunity_id"), "orders", "opportunities", ["opportunity_id"], ["id"])


def downgrade() -> None:
    op.drop_column("orders", "opportunity_id")
