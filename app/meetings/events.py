"""What happens to meetings, and to the addresses of calendars. Personal fields are named, never with their values."""

from datetime import date, datetime
from uuid import UUID

from app.activities.rules import ActivityOutcome
from app.kernel.outbox import Event


class MeetingPlanned(Event):
    """Somebody is to be met."""

    type = "meeting.planned"
    subject_type = "meetings"

    lead_id: UUID | None
    account_id: UUID | None
    opportunity_id: UUID | None
    organizer_id: UUID
    starts_at: datetime
    ends_at: datetime


class MeetingChanged(Event):
    """A planned meeting is to be otherwise: at another time or place, about something else, with others."""

    type = "meeting.changed"
    subject_type = "meetings"


class MeetingHeld(Event):
    """A meeting took place; the activity is in the history of what it was about."""

    type = "meeting.held"
    subject_type = "meetings"

    activity_id: UUID
    held_at: datetime
    outcome: ActivityOutcome
    next_step_on: date | None


class MeetingNotHeld(Event):
    """A meeting did not take place; another one may take its place."""

    type = "meeting.not_held"
    subject_type = "meetings"

    rescheduled_to_id: UUID | None


class MeetingCancelled(Event):
    """A meeting is called off."""

    type = "meeting.cancelled"
    subject_type = "meetings"


class CalendarIssued(Event):
    """Somebody's meetings can be read at a secret address."""

    type = "calendar.issued"
    subject_type = "calendars"

    staff_id: UUID


class CalendarRenewed(Event):
    """A calendar has another secret address; nothing is at the one before."""

    type = "calendar.renewed"
    subject_type = "calendars"

    staff_id: UUID


class CalendarRevoked(Event):
    """Nothing is at a calendar's secret address any more."""

    type = "calendar.revoked"
    subject_type = "calendars"

    staff_id: UUID


ALL: tuple[type[Event], ...] = (
    MeetingPlanned,
    MeetingChanged,
    MeetingHeld,
    MeetingNotHeld,
    MeetingCancelled,
    CalendarIssued,
    CalendarRenewed,
    CalendarRevoked,
)
