"""duplicates."""

revision = "duplicates"
down_revision = "meetings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
