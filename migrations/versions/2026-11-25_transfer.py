"""transfer."""

revision = "transfer"
down_revision = "funnel"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
