"""What is done for an opportunity is an activity."""

import sqlalchemy as sa
from alembic import op

revision = "activities_opportunity"
down_revision = "opportunities"
branch_labels = None
depends_on = None


_BEFORE = "num_nonnulls(lead_id, account_id) > 0"
_NOW = "num_nonnulls(lead_id, account_id, opportunity_id) > 0"


def _somebodys(condition: str) -> None:
    op.drop_constraint(op.f("ck_activities_somebodys"), "activities", type_="check")
    op.create_check_constraint(op.f("ck_activities_somebodys"), "activities", condition)


def upgrade() -> None:
    op.add_column("activities", sa.Column("opportunity_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_activities_opportunity_id"), "activities", "opportunities", ["opportunity_id"], ["id"]
    )
    _somebodys(_NOW)
    op.create_index("ix_activities_opportunity", "activities", ["opportunity_id", "at", "id"])


def downgrade() -> None:
    op.execute("DELETE FROM activities WHERE num_nonnulls(lead_id, account_id) = 0")
    op.drop_index("ix_activities_opportunity", "activities")
    _somebodys(_BEFORE)
    op.drop_column("activities", "opportunity_id")
