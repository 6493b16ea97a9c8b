"""Orders, their holds, overrides, shipments and returns."""

revision = "orders"
down_revision = "supply"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
