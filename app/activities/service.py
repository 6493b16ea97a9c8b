"""Recording activities, for the domains whose leads and accounts they belong to."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.activities.events import AccountActivityRecorded, LeadActivityRecorded, OpportunityActivityRecorded
from app.activities.models import Activity
from app.activities.repository import activities
from app.activities.rules import ActivityCreate
from app.kernel import clock, outbox
from app.kernel.errors import Invalid
from app.kernel.repository import Document
from app.kernel.statement import Reader


class Planned(Protocol):
    """A lead, opportunity or account: when something was last done with it, what comes next, and when that is due."""

    last_activity_at: datetime | None
    next_step: str | None
    next_step_on: date | None


def record(
    session: AsyncSession,
    *,
    body: ActivityCreate,
    lead_id: UUID | None = None,
    account_id: UUID | None = None,
    opportunity_id: UUID | None = None,
) -> Activity:
    """Record what was done with a lead, for an opportunity, or with an account, and its event.

    The account of an opportunity, or of a lead that became one, goes along. The caller has locked the subject, has
    checked that `body.contact_id` belongs to it, and lets it `follow`.

    Raises:
        Invalid: a date is given without a next step.

    """
    subject, happened = (
        (lead_id, LeadActivityRecorded)
        if lead_id
        else (opportunity_id, OpportunityActivityRecorded)
        if opportunity_id
        else (account_id, AccountActivityRecorded)
    )
    if subject is None:
        raise ValueError("an activity is recorded on a lead, an opportunity or an account")
    at = body.at or clock.now()
    if body.next_step_on is not None and body.next_step is None:
        raise Invalid.at("/next_step", "missing", "is needed when next_step_on is given")
    belongs = {"lead_id": lead_id, "account_id": account_id, "opportunity_id": opportunity_id}
    activity = Activity(**body.model_dump(exclude={"at"}), **belongs, at=at)
    session.add(activity)
    event = happened(
        activity_id=activity.id, kind=body.kind, at=at, outcome=body.outcome, next_step_on=body.next_step_on
    )
    session.add(outbox.as_row(session, subject, event))
    return activity


def follow(subject: Planned, *, activity: Activity) -> None:
    """What an activity means for its lead or account: the newest one's next step takes the place of the planned one.

    An activity that names none leaves the plan as it is.
    """
    if subject.last_activity_at is not None and activity.at < subject.last_activity_at:
        return
    subject.last_activity_at = activity.at
    if activity.next_step is not None:
        subject.next_step, subject.next_step_on = activity.next_step, activity.next_step_on


def replan(subject: Planned, *, sent: Collection[str]) -> None:
    """Keep step and day together after the fields `sent` were set by hand: with the step its day goes.

    Raises:
        Invalid: there would be a day without a step.

    """
    if subject.next_step is not None:
        return
    if "next_step_on" not in sent:
        subject.next_step_on = None
    if subject.next_step_on is not None:
        raise Invalid.at("/next_step_on", "next_step", "needs a next_step: there is none")


async def hand_over(session: AsyncSession, *, lead_id: UUID, account_id: UUID) -> None:
    """Make what was done with a lead count as done with the account that it became; the lead keeps it too."""
    row = Activity
    values = {"account_id": account_id, "version": row.version + 1, "updated_at": clock.now()}
    await session.execute(update(row).where(row.lead_id == lead_id).values(values))


async def show(reader: Reader, *, activity_id: UUID) -> Document:
    """An activity as it is answered (`ActivityRead`).

    Raises:
        NotFound: there is none with this id.

    """
    return await activities.show(reader, activity_id)
