"""Changes to opportunities: taken up, changed, worked on, ordered. Through the stages they go in `moving`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.activities import service as activities
from app.activities.models import Activity
from app.activities.rules import ActivityCreate
from app.kernel import clock, outbox
from app.kernel.company import Company
from app.kernel.db import Base
from app.kernel.errors import Conflict, Invalid, NotFound
from app.opportunities import state
from app.opportunities.events import OpportunityCreated, OpportunityOrdered, OpportunityReleased, OpportunityUpdated
from app.opportunities.models import Opportunity, OpportunityContact, OpportunityLine
from app.opportunities.repository import opportunities, stages
from app.opportunities.rules import Part, StageType, who_orders
from app.opportunities.schemas import OpportunityContactCreate, OpportunityCreate, OpportunityUpdate

_OF_DECIDED = {"notes", "contacts"}
_USUAL_TIME = timedelta(days=90)  # until the decision, where nobody knows better


async def create(
    session: AsyncSession, *, company: Company, body: OpportunityCreate, lead_id: UUID | None = None
) -> Opportunity:
    """Take up an opportunity, in an open stage. `lead_id` is the lead whose conversion makes it.

    Raises:
        Invalid: an account, contact, product or stage does not exist or does not fit, a line has no price, there is no
            exchange rate, or a day is without its next step.

    """
    account = await state.account_to_sell_to(session, body.account_id)
    stage = await stages.active(session, body.stage) if body.stage else await stages.first_open(session)
    if stage.type is not StageType.OPEN:
        raise Invalid.at("/stage", "decided", f"{stage.code} is a {stage.type} stage: begin in an open one, then move")
    today = company.today()
    if body.opened_on is not None and body.opened_on > today:
        raise Invalid.at("/opened_on", "future", "lies in the future")
    if body.next_step_on is not None and body.next_step is None:
        raise Invalid.at("/next_step", "missing", "is needed when next_step_on is given")
    currency = body.currency or (account.currency if account else company.currency)
    plain = body.model_dump(exclude={"stage", "probability", "currency", "amount", "lines", "contacts", "opened_on"})
    (number,) = await opportunities.free_numbers(session, 1, today.year)
    opportunity = Opportunity(
        **plain,
        number=number,
        lead_id=lead_id,
        stage_id=stage.id,
        state=stage.type,
        stage_changed_at=clock.now(),
        probability=stage.probability if body.probability is None else body.probability,
        currency=currency,
        opened_on=body.opened_on or today,
    )
    if opportunity.owner_id is None and account is not None:
        opportunity.owner_id = account.owner_id
    lines = await state.lines_of(session, opportunity, account=account, company=company, wanted=body.lines)
    await state.set_value(session, opportunity, company=company, lines=lines, amount=body.amount)
    parts = await state.parts_of(session, opportunity, wanted=body.contacts)
    session.add(opportunity)
    await session.flush()  # before whatever refers to it
    session.add_all([*lines, *parts, state.stage_change(session, opportunity, from_stage_id=None)])
    event = OpportunityCreated(
        number=opportunity.number,
        account_id=opportunity.account_id,
        lead_id=lead_id,
        stage=stage.code,
        currency=currency,
        amount=opportunity.amount,
    )
    outbox.record(session, opportunity, event)
    return opportunity


async def from_lead(
    session: AsyncSession, *, company: Company, lead_id: UUID, contact_id: UUID, decides: bool, **given: Any
) -> Opportunity:
    """Take up the opportunity that a lead's conversion makes; `given` are fields of `OpportunityCreate`.

    The lead's contact has the part of who `decides`, or else of an influencer. Without a day the decision is expected
    in 90 days.

    Raises:
        Invalid: as `create` does, at places below `/opportunity`.

    """
    given["expected_close_on"] = given["expected_close_on"] or company.today() + _USUAL_TIME
    part = OpportunityContactCreate(contact_id=contact_id, part=Part.DECISION_MAKER if decides else Part.INFLUENCER)
    try:
        return await create(session, company=company, body=OpportunityCreate(**given, contacts=[part]), lead_id=lead_id)
    except Invalid as error:
        errors = [replace(each, pointer=f"/opportunity{each.pointer}") for each in error.errors]
        raise Invalid(error.detail, errors=errors) from error


async def update(
    session: AsyncSession, *, company: Company, opportunity_id: UUID, expected: int, body: OpportunityUpdate
) -> Opportunity:
    """Change the fields that were sent.

    Raises:
        Conflict: it is decided, and more than notes and contacts were sent.
        Invalid: an account, contact or product does not exist or does not fit, a line has no price, there is no
            exchange rate, or the currency of lines is changed without them.

    """
    row = await opportunities.lock(session, opportunity_id, expected=expected)
    sent = body.sent()
    if row.state is not StageType.OPEN and (fixed := sorted(sent.keys() - _OF_DECIDED)):
        raise Conflict(f"{row.number} is {row.state}: {', '.join(fixed)} cannot be changed, only notes and contacts")
    lines_before = await opportunities.lines(session, row.id)
    parts_before = await opportunities.contacts(session, row.id)
    if lines_before and "lines" not in sent and sent.get("currency", row.currency) != row.currency:
        raise Invalid.at("/currency", "lines", f"the lines are in {row.currency}: send them anew, in the other one")
    with session.no_autoflush:  # what was set is one change, told as a whole
        for name in sent.keys() - {"lines", "contacts", "amount"}:
            setattr(row, name, sent[name])
        activities.replan(row, sent=sent)
        lines = await _lines(session, row, company, body, lines_before)
        parts = await _parts(session, row, body, parts_before)
        changed = [
            *outbox.changes(row, personal=state.PERSONAL),
            *state.news_of_lines(lines_before, lines),
            *state.news_of_parts(parts_before, parts),
        ]
    if not changed:
        return row
    row.updated_at = clock.now()
    await _replace(session, row, OpportunityLine, lines_before, lines)
    await _replace(session, row, OpportunityContact, parts_before, parts)
    outbox.record(session, row, OpportunityUpdated(number=row.number, changes=tuple(changed)))
    return row


async def _lines(
    session: AsyncSession,
    row: Opportunity,
    company: Company,
    body: OpportunityUpdate,
    before: Sequence[OpportunityLine],
) -> Sequence[OpportunityLine]:
    """The lines as they are to be, with the amount set by them, or by hand where there are none."""
    sent, lines = body.sent(), before
    if "lines" in sent:
        account = await session.get(Account, row.account_id) if row.account_id else None
        lines = await state.lines_of(session, row, account=account, company=company, wanted=body.lines)
    if {"lines", "amount", "currency"} & sent.keys():
        kept = None if lines or before else row.amount
        await state.set_value(session, row, company=company, lines=lines, amount=sent.get("amount", kept))
    return lines


async def _parts(
    session: AsyncSession, row: Opportunity, body: OpportunityUpdate, before: Sequence[OpportunityContact]
) -> Sequence[OpportunityContact]:
    """Who has which part as it is to be; with another account they have to be its contacts."""
    sent = body.model_fields_set
    if "account_id" in sent:
        await state.account_to_sell_to(session, row.account_id)
    if not {"contacts", "account_id"} & sent:
        return before
    asked = [OpportunityContactCreate.model_validate(each, from_attributes=True) for each in before]
    return await state.parts_of(session, row, wanted=body.contacts if "contacts" in sent else asked)


async def _replace(
    session: AsyncSession,
    row: Opportunity,
    model: type[OpportunityLine] | type[OpportunityContact],
    before: Sequence[Base],
    now: Sequence[Base],
) -> None:
    if now is before:
        return
    for each in before:
        session.expunge(each)
    await session.execute(delete(model).where(model.opportunity_id == row.id))
    session.add_all(now)


async def record_activity(session: AsyncSession, *, opportunity_id: UUID, body: ActivityCreate) -> Activity:
    """Record what was done for an opportunity, which is done with its account too.

    A next step that its newest activity names becomes the opportunity's.

    Raises:
        Invalid: the contact is not one of the account's, or a date is given without a next step.

    """
    row = await opportunities.lock(session, opportunity_id)
    if body.contact_id is not None:
        contact = await accounts.standing_contact(session, contact_id=body.contact_id)
        if contact.account_id != row.account_id:
            raise Invalid.at("/contact_id", "unknown", "names no contact of the opportunity's account")
    activity = activities.record(session, opportunity_id=row.id, account_id=row.account_id, body=body)
    activities.follow(row, activity=activity)
    row.updated_at = clock.now()
    await session.flush()
    return activity


async def to_order(
    session: AsyncSession, *, opportunity_id: UUID
) -> tuple[Opportunity, Sequence[OpportunityLine], UUID | None]:
    """The won opportunity that becomes an order, held until the end; its lines; and which contact orders, if one does.

    Raises:
        Invalid: there is none.
        Conflict: it is not won, or has become an order.

    """
    try:
        row = await opportunities.lock(session, opportunity_id)
    except NotFound:
        raise Invalid.at("/opportunity_id", "unknown", "names no opportunity") from None
    if row.state is not StageType.WON:
        raise Conflict(f"{row.number} is {row.state}: only a won opportunity becomes an order")
    if row.order_id is not None:
        raise Conflict(f"{row.number} has become order {row.order_id} already")
    people = [(each.contact_id, each.part) for each in await opportunities.contacts(session, row.id)]
    return row, await opportunities.lines(session, row.id), who_orders(people)


def ordered(session: AsyncSession, *, opportunity: Opportunity, order_id: UUID, order_number: str) -> None:
    """Record which order the locked opportunity became."""
    opportunity.order_id = order_id
    event = OpportunityOrdered(number=opportunity.number, order_id=order_id, order_number=order_number)
    outbox.record(session, opportunity, event)


async def release(session: AsyncSession, *, opportunity_id: UUID, order_id: UUID) -> None:
    """Its order was cancelled: it may become another one, or be opened again."""
    row = await opportunities.lock(session, opportunity_id)
    if row.order_id == order_id:
        row.order_id = None
        outbox.record(session, row, OpportunityReleased(number=row.number, order_id=order_id))
