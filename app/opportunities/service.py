"""Changes to opportunities: taken up, changed, moved through the stages, won, lost, ordered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus
from app.activities import service as activities
from app.activities.models import Activity
from app.activities.rules import ActivityCreate
from app.kernel import clock, money, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError, Invalid
from app.kernel.outbox import Change
from app.opportunities.events import (
    OpportunityCreated,
    OpportunityLost,
    OpportunityMoved,
    OpportunityOrdered,
    OpportunityReleased,
    OpportunityReopened,
    OpportunityUpdated,
    OpportunityWon,
)
from app.opportunities.models import (
    OPPORTUNITY_NUMBERS,
    Opportunity,
    OpportunityContact,
    OpportunityLine,
    Stage,
    StageChange,
)
from app.opportunities.repository import opportunities, stages
from app.opportunities.rules import Part, StageType
from app.opportunities.schemas import (
    OpportunityContactCreate,
    OpportunityCreate,
    OpportunityLineCreate,
    OpportunityMove,
    OpportunityUpdate,
)
from app.products import service as products

_PERSONAL = ("next_step", "notes", "lost_note")
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
    account = await _account(session, body.account_id)
    stage = await _stage(session, body.stage) if body.stage else await stages.first_open(session)
    if stage.type is not StageType.OPEN:
        raise Invalid.at("/stage", "decided", f"{stage.code} is a {stage.type} stage: begin in an open one, then move")
    today = company.today()
    if body.opened_on is not None and body.opened_on > today:
        raise Invalid.at("/opened_on", "future", "lies in the future")
    if body.next_step_on is not None and body.next_step is None:
        raise Invalid.at("/next_step", "missing", "is needed when next_step_on is given")
    currency = body.currency or (account.currency if account else company.currency)
    plain = body.model_dump(exclude={"stage", "probability", "currency", "amount", "lines", "contacts", "opened_on"})
    value: int = (await session.execute(select(OPPORTUNITY_NUMBERS.next_value()))).scalar_one()
    opportunity = Opportunity(
        **plain,
        number=f"OP-{today.year}-{value:06d}",
        lead_id=lead_id,
        stage_id=stage.id,
        state=stage.type,
        stage_changed_at=clock.now(),
        probability=stage.probability if body.probability is None else body.probability,
        currency=currency,
        exchange_rate=Decimal(1),
        amount=Decimal(0),
        base_amount=Decimal(0),
        opened_on=body.opened_on or today,
    )
    if opportunity.owner_id is None and account is not None:
        opportunity.owner_id = account.owner_id
    lines = await _priced(session, opportunity, account, company, body.lines)
    await _value(session, opportunity, company, lines, body.amount)
    parts = await _parts(session, opportunity, body.contacts)
    session.add(opportunity)
    await session.flush()
    session.add_all([*lines, *parts, _change(session, opportunity, None)])
    outbox.record(
        session,
        opportunity,
        OpportunityCreated(
            number=opportunity.number,
            account_id=opportunity.account_id,
            lead_id=lead_id,
            stage=stage.code,
            currency=currency,
            amount=opportunity.amount,
        ),
    )
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
        Invalid: an account, contact or product does not exist or does not fit, a line has no price, or there is no
            exchange rate.

    """
    row = await opportunities.lock(session, opportunity_id, expected=expected)
    sent = body.sent()
    if row.state is not StageType.OPEN and (fixed := sorted(sent.keys() - _OF_DECIDED)):
        raise Conflict(f"{row.number} is {row.state}: {', '.join(fixed)} cannot be changed, only notes and contacts")
    lines_before = await opportunities.lines(session, row.id)
    parts_before = await opportunities.contacts(session, row.id)
    with session.no_autoflush:  # what was set is one change, told as a whole
        for name in sent.keys() - {"lines", "contacts", "amount"}:
            setattr(row, name, sent[name])
        activities.replan(row, sent=sent)
        account = await _account(session, row.account_id)
        lines, parts = lines_before, parts_before
        if "lines" in sent or ("currency" in sent and lines):
            wanted = body.lines if "lines" in sent else [_again(line) for line in lines_before]
            lines = await _priced(session, row, account, company, wanted)
        if {"lines", "amount", "currency"} & sent.keys():
            kept = row.amount if not lines_before else Decimal(0)
            await _value(session, row, company, lines, sent.get("amount", None if lines else kept))
        if "contacts" in sent or "account_id" in sent:
            wanted_parts = body.contacts if "contacts" in sent else [_same(part) for part in parts_before]
            parts = await _parts(session, row, wanted_parts)
    changed = list(outbox.changes(row, personal=_PERSONAL))
    changed += _told("lines", [_line(each) for each in lines_before], [_line(each) for each in lines])
    changed += _told("contacts", [_part(each) for each in parts_before], [_part(each) for each in parts])
    if not changed:
        return row
    row.updated_at = clock.now()
    for model, before, now in (
        (OpportunityLine, lines_before, lines),
        (OpportunityContact, parts_before, parts),
    ):
        if now is not before:
            for each in before:
                session.expunge(each)
            await session.execute(delete(model).where(model.opportunity_id == row.id))
            session.add_all(now)
    outbox.record(session, row, OpportunityUpdated(number=row.number, changes=tuple(changed)))
    return row


async def move(
    session: AsyncSession, *, company: Company, opportunity_id: UUID, expected: int, body: OpportunityMove
) -> Opportunity:
    """Move it to another stage: on, back, to a decision, or open again.

    Raises:
        Conflict: it is in that stage, or has become an order.
        Invalid: the stage does not exist or is out of use, the reason of a loss is missing or out of place, the day
            lies in the future or before the opportunity, or a won one has no account.

    """
    row = await opportunities.lock(session, opportunity_id, expected=expected)
    stage = await _stage(session, body.stage)
    before = await session.get_one(Stage, row.stage_id)
    if stage.id == before.id:
        raise Conflict(f"{row.number} is in {stage.code}")
    if row.order_id is not None:
        raise Conflict(f"{row.number} has become an order: cancel that first")
    _check_move(row, stage, body, company)
    was = row.state
    row.stage_id, row.state, row.stage_changed_at = stage.id, stage.type, clock.now()
    row.probability = stage.probability
    if stage.type is StageType.OPEN and body.probability is not None:
        row.probability = body.probability
    row.closed_on = None if stage.type is StageType.OPEN else body.closed_on or company.today()
    row.lost_reason, row.lost_note = body.lost_reason, body.lost_note
    if body.competitor is not None:
        row.competitor = body.competitor
    changes = outbox.changes(row, personal=_PERSONAL, silent=("stage_id", "stage_changed_at"))
    told: dict[str, Any] = {"number": row.number, "changes": changes}
    event: outbox.Event
    if stage.type is StageType.WON and row.account_id is not None:
        event = OpportunityWon(**told, account_id=row.account_id, currency=row.currency, amount=row.amount)
    elif row.lost_reason is not None:
        event = OpportunityLost(**told, reason=row.lost_reason, competitor=row.competitor)
    elif was is not StageType.OPEN:
        event = OpportunityReopened(**told, to_stage=stage.code)
    else:
        event = OpportunityMoved(**told, from_stage=before.code, to_stage=stage.code)
    session.add(_change(session, row, before.id))
    outbox.record(session, row, event)
    return row


def _check_move(row: Opportunity, stage: Stage, body: OpportunityMove, company: Company) -> None:
    wrong: list[FieldError] = []
    if stage.type is StageType.WON and row.account_id is None:
        wrong.append(FieldError("/stage", "account", "needs an account: give the opportunity one first"))
    if (stage.type is StageType.LOST) != (body.lost_reason is not None):
        needed = stage.type is StageType.LOST
        detail = "is needed for a lost stage" if needed else f"belongs to a lost stage, {stage.code} is {stage.type}"
        wrong.append(FieldError("/lost_reason", "missing" if needed else "out_of_place", detail))
    if body.lost_note is not None and stage.type is not StageType.LOST:
        wrong.append(FieldError("/lost_note", "out_of_place", f"belongs to a lost stage, {stage.code} is {stage.type}"))
    if body.probability is not None and stage.type is not StageType.OPEN:
        wrong.append(
            FieldError("/probability", "out_of_place", f"follows from the stage: {stage.code} is {stage.type}")
        )
    if body.closed_on is not None:
        if stage.type is StageType.OPEN:
            wrong.append(FieldError("/closed_on", "out_of_place", f"belongs to a decision, {stage.code} is open"))
        elif body.closed_on > company.today():
            wrong.append(FieldError("/closed_on", "future", "lies in the future"))
        elif body.closed_on < row.opened_on:
            wrong.append(FieldError("/closed_on", "period", f"lies before {row.opened_on}, when it was opened"))
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong)


async def record_activity(session: AsyncSession, *, opportunity_id: UUID, body: ActivityCreate) -> Activity:
    """Record what was done for an opportunity, which is done with its account too.

    Raises:
        Invalid: the contact is not one of the account's, or a date is given without a next step.

    """
    row = await opportunities.lock(session, opportunity_id)
    if body.contact_id is not None:
        contact = await session.get(Contact, body.contact_id)
        if contact is None or contact.account_id != row.account_id:
            raise Invalid.at("/contact_id", "unknown", "names no contact of the opportunity's account")
    activity = activities.record(session, opportunity_id=row.id, account_id=row.account_id, body=body)
    activities.follow(row, activity=activity)
    row.updated_at = clock.now()
    await session.flush()
    return activity


async def to_order(session: AsyncSession, *, opportunity_id: UUID) -> tuple[Opportunity, Sequence[OpportunityLine]]:
    """The won opportunity that becomes an order, held until the end, and its lines.

    Raises:
        Invalid: there is none.
        Conflict: it is not won, or has become an order.

    """
    row = await session.get(Opportunity, opportunity_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise Invalid.at("/opportunity_id", "unknown", "names no opportunity")
    if row.state is not StageType.WON:
        raise Conflict(f"{row.number} is {row.state}: only a won opportunity becomes an order")
    if row.order_id is not None:
        raise Conflict(f"{row.number} has become order {row.order_id} already")
    return row, await opportunities.lines(session, row.id)


def ordered(session: AsyncSession, *, opportunity: Opportunity, order_id: UUID, order_number: str) -> None:
    """Record which order it became."""
    opportunity.order_id = order_id
    event = OpportunityOrdered(number=opportunity.number, order_id=order_id, order_number=order_number)
    outbox.record(session, opportunity, event)


async def release(session: AsyncSession, *, opportunity_id: UUID, order_id: UUID) -> None:
    """Its order was cancelled: it may become another one."""
    row = await session.get(Opportunity, opportunity_id, with_for_update=True, populate_existing=True)
    if row is not None and row.order_id == order_id:
        row.order_id = None
        outbox.record(session, row, OpportunityReleased(number=row.number, order_id=order_id))


async def _account(session: AsyncSession, account_id: UUID | None) -> Account | None:
    if account_id is None:
        return None
    account = await accounts.standing_account(session, account_id=account_id)
    if account.status is AccountStatus.CLOSED:
        raise Invalid.at("/account_id", "closed", "is a closed account: reopen it first")
    return account


async def _stage(session: AsyncSession, code: str) -> Stage:
    stage = await stages.named(session, code)
    if stage is None:
        raise Invalid.at("/stage", "unknown", f"no stage has the code {code}: see /v1/opportunity-stages")
    if not stage.active:
        raise Invalid.at("/stage", "inactive", f"{code} is out of use")
    return stage


async def _priced(
    session: AsyncSession,
    row: Opportunity,
    account: Account | None,
    company: Company,
    wanted: Sequence[OpportunityLineCreate],
) -> list[OpportunityLine]:
    found = await products.price_lines(
        session,
        price_list_id=account.price_list_id if account and account.currency == row.currency else None,
        currency=row.currency,
        wanted=wanted,
        on=company.today(),
    )
    return [
        OpportunityLine(
            opportunity_id=row.id,
            line_no=line_no,
            product_id=priced.product.id,
            sku=priced.product.sku,
            quantity=line.quantity,
            list_price=priced.list_price,
            unit_price=priced.unit_price,
            discount=line.discount,
            price_reason=line.price_reason,
            amount=priced.amount,
        )
        for line_no, (line, priced) in enumerate(zip(wanted, found, strict=True), start=1)
    ]


async def _value(
    session: AsyncSession,
    row: Opportunity,
    company: Company,
    lines: Sequence[OpportunityLine],
    amount: Decimal | None,
) -> None:
    if lines and amount is not None:
        raise Invalid.at("/amount", "lines", "is the sum of the lines: leave it out, or send no lines")
    row.exchange_rate = await products.rate_to_company(
        session, currency=row.currency, company_currency=company.currency, on=company.today()
    )
    whole = sum((line.amount for line in lines), Decimal(0)) if lines else amount or Decimal(0)
    row.amount = money.quantise(whole, row.currency)
    row.base_amount = money.convert(row.amount, row.exchange_rate, company.currency)


async def _parts(
    session: AsyncSession, row: Opportunity, wanted: Sequence[OpportunityContactCreate]
) -> list[OpportunityContact]:
    own = select(Contact.id).where(Contact.account_id == row.account_id)
    known = set(await session.scalars(own.where(Contact.id.in_([each.contact_id for each in wanted]))))
    seen: set[UUID] = set()
    wrong = []
    for index, each in enumerate(wanted):
        pointer = f"/contacts/{index}/contact_id"
        if each.contact_id not in known:
            wrong.append(FieldError(pointer, "unknown", "names no contact of the opportunity's account"))
        elif each.contact_id in seen:
            wrong.append(FieldError(pointer, "twice", "is named twice: a contact has one part"))
        seen.add(each.contact_id)
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong)
    return [OpportunityContact(opportunity_id=row.id, contact_id=each.contact_id, part=each.part) for each in wanted]


def _change(session: AsyncSession, row: Opportunity, from_stage: UUID | None) -> StageChange:
    return StageChange(
        opportunity_id=row.id,
        at=row.stage_changed_at,
        from_stage_id=from_stage,
        to_stage_id=row.stage_id,
        to_state=row.state,
        probability=row.probability,
        base_amount=row.base_amount,
        expected_close_on=row.expected_close_on,
        actor=outbox.origin(session).name,
    )


def _again(line: OpportunityLine) -> OpportunityLineCreate:
    """The line as it was asked for, to be priced anew."""
    agreed = None if line.unit_price == line.list_price else line.unit_price
    return OpportunityLineCreate.model_construct(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=agreed,
        discount=line.discount,
        price_reason=line.price_reason,
    )


def _same(part: OpportunityContact) -> OpportunityContactCreate:
    return OpportunityContactCreate(contact_id=part.contact_id, part=Part(part.part))


def _line(line: OpportunityLine) -> str:
    reason = f" ({line.price_reason})" if line.price_reason else ""
    return f"{line.quantity.normalize():f} {line.sku} at {line.unit_price.normalize():f} less {line.discount}{reason}"


def _part(part: OpportunityContact) -> str:
    return f"{part.contact_id} {part.part}"


def _told(field: str, before: Sequence[str], now: Sequence[str]) -> list[Change]:
    return [] if list(before) == list(now) else [Change(field=field, old="; ".join(before), new="; ".join(now))]
