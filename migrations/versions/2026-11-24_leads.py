"""Leads, their touches and identities."""

revision = "leads"
down_revision = "accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
