"""Stock, receipts, reservations."""

revision = "supply"
down_revision = "leads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
