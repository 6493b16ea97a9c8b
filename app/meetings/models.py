"""Tables of meetings, of who takes part, and of the secret addresses of calendars."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.activities.rules import ActivityOutcome
from app.kernel import clock
from app.kernel.db import Base, Stored
from app.meetings.rules import MeetingStatus


class Meeting(Stored, Base):
    """A meeting about a lead, an account or an opportunity.

    `account_id` goes along with an opportunity, and with a lead that has become an account. `activity_id` is what a
    meeting that was held became in the history of what it was about, `reason` why one was not held, `rescheduled_to_id`
    the meeting that takes its place.
    """

    __tablename__ = "meetings"

    subject: Mapped[str]
    agenda: Mapped[str | None]
    place: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    organizer_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    opportunity_id: Mapped[UUID | None] = mapped_column(ForeignKey("opportunities.id"))

    status: Mapped[MeetingStatus] = mapped_column(default=MeetingStatus.PLANNED)
    status_changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    held_at: Mapped[datetime | None]
    result: Mapped[str | None]
    outcome: Mapped[ActivityOutcome | None]
    next_step: Mapped[str | None]
    next_step_on: Mapped[date | None]
    activity_id: Mapped[UUID | None] = mapped_column(ForeignKey("activities.id"))
    reason: Mapped[str | None]
    rescheduled_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("meetings.id"))

    __table_args__ = (
        CheckConstraint("num_nonnulls(lead_id, account_id, opportunity_id) > 0", name="about_something"),
        CheckConstraint("num_nonnulls(lead_id, opportunity_id) < 2", name="about_one"),
        CheckConstraint("ends_at > starts_at AND ends_at <= starts_at + interval '14 days'", name="interval"),
        CheckConstraint(
            "(status = 'held') = (activity_id IS NOT NULL) AND (status = 'held') = (held_at IS NOT NULL)"
            " AND (status = 'held') = (result IS NOT NULL)",
            name="held_has_activity",
        ),
        CheckConstraint("(status = 'not_held') = (reason IS NOT NULL)", name="not_held_has_reason"),
        Index("ix_meetings_starts_at", "starts_at", "id"),
        Index("ix_meetings_status", "status", "starts_at", "id"),
        Index("ix_meetings_lead", "lead_id", "starts_at", "id"),
        Index("ix_meetings_account", "account_id", "starts_at", "id"),
        Index("ix_meetings_opportunity", "opportunity_id", "starts_at", "id"),
    )


class Participant(Base):
    """Somebody who takes part: staff, a contact, or somebody else by name; position 0 is the organizer.

    Time and status are the meeting's, kept here so that a person's meetings are found in the order of time.
    """

    __tablename__ = "meeting_participants"

    meeting_id: Mapped[UUID] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    name: Mapped[str | None]
    email: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[MeetingStatus]

    __table_args__ = (
        CheckConstraint("num_nonnulls(staff_id, contact_id, name) = 1", name="one_person"),
        CheckConstraint("email IS NULL OR name IS NOT NULL", name="email_of_name"),
        Index(
            "ix_meeting_participants_staff", "staff_id", "starts_at", "meeting_id",
            postgresql_where=text("staff_id IS NOT NULL"),
        ),
        Index(
            "ix_meeting_participants_planned", "staff_id", "starts_at", "ends_at",
            postgresql_where=text("status = 'planned'"),
        ),
        Index(
            "ix_meeting_participants_contact", "contact_id", "starts_at",
            postgresql_where=text("contact_id IS NOT NULL"),
        ),
    )  # fmt: skip


class CalendarFeed(Stored, Base):
    """The secret address under which calendar programs read somebody's meetings; only the secret's hash is kept."""

    __tablename__ = "calendar_feeds"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    digest: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[datetime] = mapped_column(default=clock.now)
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_calendar_feeds_staff", "staff_id", unique=True, postgresql_where=text("revoked_at IS NULL")),
        Index("ix_calendar_feeds_staff", "staff_id", "created_at", "id"),
        Index("ix_calendar_feeds_created_at", "created_at", "id"),
    )
