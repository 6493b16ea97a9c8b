"""What belongs on somebody's worklist, in which order, and why, in words. Pure: no I/O."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class EntryKind(StrEnum):
    """What is to be done, the most urgent kind first."""

    MEETING = "meeting"
    NEXT_STEP = "next_step"
    STRONG_LEAD = "strong_lead"
    UNANSWERED_QUOTE = "unanswered_quote"
    DECISION_MAKER = "decision_maker"


@dataclass(frozen=True, slots=True)
class View:
    """For which day a worklist is, seen from which moment, and after how long silence is too long."""

    day: date
    moment: datetime
    begins: datetime
    ends: datetime
    timezone: str
    lead_hours: int
    contact_days: int
    quote_days: int

    @property
    def leads_silent_since(self) -> datetime:
        return self.moment - timedelta(hours=self.lead_hours)

    @property
    def contacts_silent_since(self) -> datetime:
        return self.moment - timedelta(days=self.contact_days)

    @property
    def quotes_silent_since(self) -> datetime:
        return self.moment - timedelta(days=self.quote_days)


def reason_of_meeting(view: View, *, starts_at: datetime, ends_at: datetime, subject: str) -> str:
    start, end = (at.astimezone(ZoneInfo(view.timezone)) for at in (starts_at, ends_at))
    since = "" if start.date() == view.day else f"{start:%Y-%m-%d} "
    until = "" if end.date() == view.day else f"{end:%Y-%m-%d} "
    return f"Meeting from {since}{start:%H:%M} to {until}{end:%H:%M}: {subject}"


def reason_of_next_step(view: View, *, due_on: date, step: str) -> str:
    late = (view.day - due_on).days
    return f"Next step due today: {step}" if late == 0 else f"Next step due {_days(late)} ago: {step}"


def reason_of_lead(view: View, *, score: int, heard_at: datetime, contacted: bool) -> str:
    hours = int((view.moment - heard_at) / timedelta(hours=1))
    ago = f"{_counted(hours, 'hour')} ago" if hours < 48 else f"{_days(hours // 24)} ago"  # noqa: PLR2004 - two days
    return f"Score {score}: last contact {ago}" if contacted else f"Score {score}: came in {ago}, no contact yet"


def reason_of_quote(view: View, *, stage: str, heard_at: datetime) -> str:
    return f"{stage}: nothing done or heard for {_days((view.moment - heard_at).days)}"


def reason_of_decision_maker(view: View, *, contacted_at: datetime | None, opened_on: date) -> str:
    if contacted_at is None:
        return f"Decides: never contacted, opened {_days((view.day - opened_on).days)} ago"
    return f"Decides: last contact {_days((view.moment - contacted_at).days)} ago"


def _days(count: int) -> str:
    return _counted(count, "day")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
