"""Meetings, who takes part, the addresses of calendars; indexes in the order of a worklist.

Each step is by itself, so that no two tables in use are locked at once. What a broken off try left is made anew.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "meetings"
down_revision = "lead_assignment"
branch_labels = None
depends_on = None

_PURSUED = "status NOT IN ('converted', 'disqualified')"
_INDEXES: dict[str, tuple[str, Sequence[str | sa.TextClause], str]] = {
    "ix_leads_owner_next_step": (
        "leads", ["owner_id", "next_step_on", "id"], f"next_step_on IS NOT NULL AND {_PURSUED}",
    ),
    "ix_leads_owner_strongest": (
        "leads",
        ["owner_id", sa.text("score DESC"), sa.text("coalesce(last_activity_at, created_at)")],
        f"owner_id IS NOT NULL AND {_PURSUED}",
    ),
    "ix_accounts_owner_next_step": (
        "accounts", ["owner_id", "next_step_on", "id"], "next_step_on IS NOT NULL AND status <> 'closed'",
    ),
    "ix_opportunities_owner_close": ("opportunities", ["owner_id", "expected_close_on", "id"], "state = 'open'"),
}  # fmt: skip
_FOREIGN_KEYS = (
    ("meetings", "organizer_id", "staff"),
    ("meetings", "lead_id", "leads"),
    ("meetings", "account_id", "accounts"),
    ("meetings", "opportunity_id", "opportunities"),
    ("meetings", "activity_id", "activities"),
    ("meeting_participants", "staff_id", "staff"),
    ("meeting_participants", "contact_id", "contacts"),
    ("calendar_feeds", "staff_id", "staff"),
)
_STATUS = sa.Enum("planned", "held", "not_held", "cancelled", name="meetingstatus", native_enum=False, length=40)
_OUTCOME = sa.Enum(
    "reached", "not_reached", "left_message", "interested", "not_interested", "follow_up", "done",
    name="activityoutcome", native_enum=False, length=40,
)  # fmt: skip


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_tables()
        _create_meetings()
        _create_participants()
        _create_calendar_feeds()
        for table, column, referred in _FOREIGN_KEYS:
            op.create_foreign_key(op.f(f"fk_{table}_{column}"), table, referred, [column], ["id"])
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")
        _drop_indexes()
        for name, (table, columns, where) in _INDEXES.items():
            op.create_index(name, table, columns, postgresql_where=sa.text(where), postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_tables()
        _drop_indexes()


def _drop_indexes() -> None:
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


def _drop_tables() -> None:
    for table in ("meeting_participants", "meetings", "calendar_feeds"):
        op.drop_table(table, if_exists=True)


def _stamps() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
    ]


def _create_meetings() -> None:
    op.create_table(
        "meetings",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("agenda", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organizer_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("opportunity_id", sa.Uuid(), nullable=True),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("outcome", _OUTCOME, nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rescheduled_to_id", sa.Uuid(), nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "(status = 'held') = (activity_id IS NOT NULL) AND (status = 'held') = (held_at IS NOT NULL)"
            " AND (status = 'held') = (result IS NOT NULL)",
            name=op.f("ck_meetings_held_has_activity"),
        ),
        sa.CheckConstraint(
            "(status = 'not_held') = (reason IS NOT NULL)", name=op.f("ck_meetings_not_held_has_reason")
        ),
        sa.CheckConstraint(
            "ends_at > starts_at AND ends_at <= starts_at + interval '14 days'", name=op.f("ck_meetings_interval")
        ),
        sa.CheckConstraint(
            "num_nonnulls(lead_id, account_id, opportunity_id) > 0", name=op.f("ck_meetings_about_something")
        ),
        sa.CheckConstraint("num_nonnulls(lead_id, opportunity_id) < 2", name=op.f("ck_meetings_about_one")),
        sa.ForeignKeyConstraint(["rescheduled_to_id"], ["meetings.id"], name=op.f("fk_meetings_rescheduled_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meetings")),
    )
    op.create_index("ix_meetings_starts_at", "meetings", ["starts_at", "id"])
    for name in ("status", "lead_id", "account_id", "opportunity_id"):
        op.create_index(f"ix_meetings_{name.removesuffix('_id')}", "meetings", [name, "starts_at", "id"])


def _create_participants() -> None:
    op.create_table(
        "meeting_participants",
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", _STATUS, nullable=False),
        sa.CheckConstraint("email IS NULL OR name IS NOT NULL", name=op.f("ck_meeting_participants_email_of_name")),
        sa.CheckConstraint(
            "num_nonnulls(staff_id, contact_id, name) = 1", name=op.f("ck_meeting_participants_one_person")
        ),
        sa.ForeignKeyConstraint(
            ["meeting_id"], ["meetings.id"], name=op.f("fk_meeting_participants_meeting_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("meeting_id", "position", name=op.f("pk_meeting_participants")),
    )
    op.create_index(
        "ix_meeting_participants_staff",
        "meeting_participants",
        ["staff_id", "starts_at", "meeting_id"],
        postgresql_where=sa.text("staff_id IS NOT NULL"),
    )
    op.create_index(
        "ix_meeting_participants_planned",
        "meeting_participants",
        ["staff_id", "starts_at", "ends_at"],
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index(
        "ix_meeting_participants_contact",
        "meeting_participants",
        ["contact_id", "starts_at"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )


def _create_calendar_feeds() -> None:
    op.create_table(
        "calendar_feeds",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("digest", name=op.f("uq_calendar_feeds_digest")),
    )
    op.create_index("ix_calendar_feeds_created_at", "calendar_feeds", ["created_at", "id"])
    op.create_index("ix_calendar_feeds_staff", "calendar_feeds", ["staff_id", "created_at", "id"])
    op.create_index(
        "uq_calendar_feeds_staff",
        "calendar_feeds",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
