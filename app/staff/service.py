"""Changes to staff."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import outbox
from app.kernel.errors import Invalid
from app.staff.events import StaffAbsenceAdded, StaffAbsenceRemoved, StaffCreated, StaffUpdated
from app.staff.models import Absence, StaffMember
from app.staff.repository import absences, staff
from app.staff.schemas import AbsenceCreate, StaffCreate, StaffUpdate

PERSONAL = ("name", "email")


async def create(session: AsyncSession, *, body: StaffCreate) -> StaffMember:
    """Add a member of staff.

    Raises:
        Invalid: the last day lies before the first.

    """
    member = StaffMember(**body.model_dump())
    _check_period(member)
    session.add(member)
    outbox.record(session, member, StaffCreated())
    return member


async def update(session: AsyncSession, *, member_id: UUID, expected: int, body: StaffUpdate) -> StaffMember:
    """Change the fields that were sent.

    Raises:
        Invalid: the person would report to themselves, directly or through others, or the last day lies before the
            first.

    """
    sent = body.sent()
    if sent.get("reports_to_id") is not None:
        await staff.lock_reporting_lines(session)
        if member_id in await staff.line_above(session, sent["reports_to_id"]):
            raise Invalid.at("/reports_to_id", "cycle", "would make the reporting line a circle")
    member = await staff.lock(session, member_id, expected=expected)
    for name, value in sent.items():
        setattr(member, name, value)
    _check_period(member)
    if changes := outbox.changes(member, personal=PERSONAL):
        outbox.record(session, member, StaffUpdated(changes=changes))
    return member


async def add_absence(session: AsyncSession, *, member_id: UUID, body: AbsenceCreate) -> Absence:
    """Record days on which somebody is away; they may overlap with others.

    Raises:
        Invalid: the last day lies before the first.

    """
    if body.to_day < body.from_day:
        raise Invalid.at("/to_day", "period", "lies before from_day")
    member = await staff.get(session, member_id)
    absence = Absence(staff_id=member_id, **body.model_dump())
    session.add(absence)
    told = StaffAbsenceAdded(absence_id=absence.id, from_day=absence.from_day, to_day=absence.to_day)
    outbox.record(session, member, told)
    await session.flush()
    return absence


async def remove_absence(session: AsyncSession, *, member_id: UUID, absence_id: UUID, expected: int) -> None:
    """Take an absence back.

    Raises:
        NotFound: no such member of staff, or no such absence of theirs.

    """
    member = await staff.get(session, member_id)
    absence = await absences.lock(session, absence_id, expected=expected)
    if absence.staff_id != member_id:
        raise absences.missing(absence_id)
    told = StaffAbsenceRemoved(absence_id=absence.id, from_day=absence.from_day, to_day=absence.to_day)
    outbox.record(session, member, told)
    await session.delete(absence)


def _check_period(member: StaffMember) -> None:
    if member.active_to is not None and member.active_to < member.active_from:
        raise Invalid.at("/active_to", "period", "lies before active_from")
