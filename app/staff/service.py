"""Changes to staff."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import outbox
from app.kernel.errors import Invalid
from app.staff.events import StaffCreated, StaffUpdated
from app.staff.models import StaffMember
from app.staff.repository import staff
from app.staff.schemas import StaffCreate, StaffUpdate

_PERSONAL = ("name", "email")


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
    if changes := outbox.changes(member, personal=_PERSONAL):
        outbox.record(session, member, StaffUpdated(changes=changes))
    return member


def _check_period(member: StaffMember) -> None:
    if member.active_to is not None and member.active_to < member.active_from:
        raise Invalid.at("/active_to", "period", "lies before active_from")
