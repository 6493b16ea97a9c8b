"""Recording activities, for the domains whose leads and accounts they belong to."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activities.events import AccountActivityRecorded, LeadActivityRecorded
from app.activities.models import Activity
from app.activities.repository import activities
from app.activities.rules import SKEW, ActivityCreate
from app.kernel import clock, outbox
from app.kernel.errors import Invalid
from app.kernel.repository import Document, Reader


def record(
    session: AsyncSession, *, body: ActivityCreate, lead_id: UUID | None = None, account_id: UUID | None = None
) -> Activity:
    """Record what was done with a lead or with an account (exactly one of them), and its event.

    The caller has locked the lead or account, has checked that `body.contact_id` belongs to it, and carries the next
    step over to it when this is its newest activity.

    Raises:
        Invalid: it lies in the future, or a date is given without a next step.

    """
    subject = lead_id or account_id
    if subject is None or (lead_id and account_id):
        raise ValueError("an activity is recorded on a lead or on an account")
    now = clock.now()
    at = body.at or now
    if at > now + SKEW:
        raise Invalid.at("/at", "future", "lies in the future: what is planned is a next step")
    if body.next_step_on is not None and body.next_step is None:
        raise Invalid.at("/next_step", "missing", "is needed when next_step_on is given")
    activity = Activity(**body.model_dump(exclude={"at"}), at=at, lead_id=lead_id, account_id=account_id)
    session.add(activity)
    happened = AccountActivityRecorded if lead_id is None else LeadActivityRecorded
    event = happened(
        activity_id=activity.id, kind=body.kind, at=at, outcome=body.outcome, next_step_on=body.next_step_on
    )
    session.add(outbox.as_row(session, subject, event))
    return activity


async def show(reader: Reader, *, activity_id: UUID) -> Document:
    """An activity as it is answered (`ActivityRead`).

    Raises:
        NotFound: there is none with this id.

    """
    return await activities.show(reader, activity_id)
