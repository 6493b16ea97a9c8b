"""The secret addresses under which calendar programs, which send no API key, read somebody's meetings."""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock, outbox
from app.kernel.auth import digest
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.statement import Reader
from app.meetings import events
from app.meetings.ics import calendar_of
from app.meetings.models import CalendarFeed
from app.meetings.repository import calendars, meetings
from app.meetings.schemas import CalendarCreate, MeetingRead
from app.staff.models import StaffMember

_BACK = timedelta(days=30)


def _secret() -> str:
    """256 random bits: its plain hash cannot be searched."""
    return f"cal_{secrets.token_urlsafe(32)}"


async def issue(session: AsyncSession, *, body: CalendarCreate) -> tuple[CalendarFeed, str]:
    """Give a member of staff a calendar; the second value is its secret, which nobody can read again.

    Raises:
        Invalid: there is no such member of staff.
        Conflict: they have one.

    """
    # Locked, so that of two who ask at once one is told of the other's.
    whose = select(StaffMember.id).where(StaffMember.id == body.staff_id).with_for_update(key_share=True)
    if await session.scalar(whose) is None:
        raise Invalid.at("/staff_id", "unknown", "names nothing that exists")
    in_force = select(CalendarFeed.id).where(CalendarFeed.staff_id == body.staff_id, CalendarFeed.revoked_at.is_(None))
    if there := await session.scalar(in_force):
        raise Conflict(f"calendar {there} is theirs: renew it, if its address is lost")
    secret = _secret()
    calendar = CalendarFeed(staff_id=body.staff_id, digest=digest(secret))
    session.add(calendar)
    outbox.record(session, calendar, events.CalendarIssued(staff_id=body.staff_id))
    return calendar, secret


async def renew(session: AsyncSession, *, calendar_id: UUID, expected: int) -> tuple[CalendarFeed, str]:
    """Give a calendar another secret; the one before opens nothing any more.

    Raises:
        Conflict: the calendar is revoked.

    """
    calendar = await _in_force(session, calendar_id, expected)
    secret = _secret()
    calendar.digest, calendar.issued_at = digest(secret), clock.now()
    outbox.record(session, calendar, events.CalendarRenewed(staff_id=calendar.staff_id))
    return calendar, secret


async def revoke(session: AsyncSession, *, calendar_id: UUID, expected: int) -> CalendarFeed:
    """Let a calendar's secret open nothing any more, for good.

    Raises:
        Conflict: it is revoked already.

    """
    calendar = await _in_force(session, calendar_id, expected)
    calendar.revoked_at = clock.now()
    outbox.record(session, calendar, events.CalendarRevoked(staff_id=calendar.staff_id))
    return calendar


async def _in_force(session: AsyncSession, calendar_id: UUID, expected: int) -> CalendarFeed:
    calendar = await calendars.lock(session, calendar_id, expected=expected)
    if calendar.revoked_at is not None:
        raise Conflict("is revoked: issue another one")
    return calendar


async def read(reader: Reader, *, secret: str) -> bytes:
    """The meetings of whose calendar it is, in iCalendar: those of the last 30 days and all to come, 5,000 at most.

    Raises:
        NotFound: no calendar in force has this secret.

    """
    calendar = await calendars.of_secret(reader, digest(secret))
    if calendar is None:
        raise NotFound("no calendar is at this address: it is none, or has been renewed or revoked")
    rows = await meetings.of_staff_since(reader, calendar.staff_id, clock.now() - _BACK)
    shown = (MeetingRead.model_validate_json(row) for row in rows)
    return calendar_of(shown, name=f"Meetings of {calendar.name}")
