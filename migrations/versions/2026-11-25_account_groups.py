"""account_groups."""

revision = "account_groups"
down_revision = "merges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
