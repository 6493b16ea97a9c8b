"""lead_assignment."""

revision = "lead_assignment"
down_revision = "staff_capacity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
