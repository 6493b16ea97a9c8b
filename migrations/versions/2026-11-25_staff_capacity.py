"""staff_capacity."""

revision = "staff_capacity"
down_revision = "orders_opportunity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
