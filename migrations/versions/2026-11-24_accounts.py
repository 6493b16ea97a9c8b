"""Accounts, contacts, consents, activities."""

revision = "accounts"
down_revision = "products"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
