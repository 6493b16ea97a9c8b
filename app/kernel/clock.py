"""The one clock: instants in UTC, business dates in the company's time zone.

Nothing else in the application asks the system for the time, so that a test or the demo loader can act at another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_held: ContextVar[datetime | None] = ContextVar("held_instant", default=None)


def now() -> datetime:
    """The present instant, aware, in UTC; inside `at(...)` the instant held there."""
    return _held.get() or datetime.now(UTC)


@contextmanager
def at(instant: datetime) -> Iterator[datetime]:
    """Hold the clock at an instant for this task or thread, until the block ends; blocks may be nested.

    Raises ValueError for a naive instant.
    """
    token = _held.set(_in_utc(instant))
    try:
        yield now()
    finally:
        _held.reset(token)


def today(tz: str) -> date:
    """The business date of now in a time zone, named as in the IANA database (`Europe/Berlin`).

    Raises ValueError for an unknown time zone.
    """
    return business_date(now(), tz)


def business_date(instant: datetime, tz: str) -> date:
    """The calendar day on which an instant falls in a time zone: 2026-06-30T22:30Z is 2026-07-01 in Europe/Berlin.

    Raises ValueError for a naive instant and for an unknown time zone.
    """
    return _in_utc(instant).astimezone(_zone(tz)).date()


def start_of(day: date, tz: str) -> datetime:
    """The instant, in UTC, at which a calendar day begins in a time zone: 2026-07-01 in Berlin at 2026-06-30T22:00Z.

    Raises ValueError for an unknown time zone.
    """
    return datetime.combine(day, time.min, _zone(tz)).astimezone(UTC)


def _in_utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"an instant needs its offset from UTC: {instant.isoformat()} has none")
    return instant.astimezone(UTC)


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError) as error:  # absent, not a name at all, or a folder of the database
        raise ValueError(f"unknown time zone {tz!r}") from error
