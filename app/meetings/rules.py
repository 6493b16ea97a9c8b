"""What a meeting may become, and how long one may take. Pure: no I/O."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.activities.rules import ActivityOutcome

LONGEST = timedelta(days=14)
"""No meeting takes longer. So who looks for what overlaps need not look further back."""


class MeetingStatus(StrEnum):
    """Whether it is still to come (``planned``), and if not, what became of it."""

    PLANNED = "planned"
    HELD = "held"
    NOT_HELD = "not_held"
    CANCELLED = "cancelled"


class Interval(ValueError):  # noqa: N818 - what is wrong, as a word
    """Raised for a time that no meeting can have; the message ends a sentence that begins with ``ends_at``."""


def check_interval(starts_at: datetime, ends_at: datetime) -> None:
    """Raises Interval unless the end comes after the start, by no more than `LONGEST`."""
    if ends_at <= starts_at:
        raise Interval("must come after starts_at")
    if ends_at - starts_at > LONGEST:
        raise Interval(f"must come within {LONGEST.days} days after starts_at")


NOBODY_CAME = frozenset({ActivityOutcome.NOT_REACHED, ActivityOutcome.LEFT_MESSAGE})
"""Outcomes that a meeting which was held cannot have."""


def held_at(starts_at: datetime, now: datetime) -> datetime:
    """When a meeting was held of which nobody says when: as planned, unless that is still to come."""
    return min(starts_at, now)
