"""Products, price lists, exchange rates."""

revision = "products"
down_revision = "staff"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
