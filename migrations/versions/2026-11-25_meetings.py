"""meetings."""

revision = "meetings"
down_revision = "lead_assignment"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
