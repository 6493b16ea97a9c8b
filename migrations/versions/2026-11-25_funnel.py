"""funnel."""

revision = "funnel"
down_revision = "account_groups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
