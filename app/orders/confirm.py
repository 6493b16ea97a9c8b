"""From draft to promise: propose days, confirm and reserve, or cancel and release.

Locks are always taken in the order: order, account, stock items by product.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.kernel import clock, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError
from app.kernel.writes import Writes
from app.opportunities import service as opportunities
from app.orders.check import Finding, standing_in_the_way
from app.orders.draft import Draft, DraftLine, Locked, read
from app.orders.events import OrderCancelled, OrderConfirmed, PromisedLine
from app.orders.models import Order, OrderLine
from app.orders.repository import orders
from app.orders.review import review, stored
from app.orders.rules import OrderStatus, ShipmentState, may_move
from app.orders.schemas import LinePromise, PromiseRead
from app.supply import service as supply
from app.supply.promise import Promise, available, reserve


def _wanted(lines: Sequence[DraftLine], company: Company) -> list[supply.Wanted]:
    today = company.today()
    lead_times = {line.production_days for line in lines}
    made_by = {days: None if days is None else company.calendar.add_working_days(today, days) for days in lead_times}
    return [
        supply.Wanted(
            each.id, each.product_id, each.quantity, each.requested_on or today, made_by[each.production_days]
        )
        for each in lines
    ]


def _on_time(requested_on: date | None, promised_on: date | None) -> bool:
    """As soon as possible is always in time."""
    return promised_on is not None and (requested_on is None or promised_on <= requested_on)


async def propose(session: AsyncSession, *, company: Company, order_id: UUID) -> PromiseRead:
    """The earliest days on which the lines of a draft can be had now, one after the other. Reserves nothing.

    Raises:
        Conflict: the order is no draft any more; what was promised stands in its lines.

    """
    draft = await read(session, order_id)
    if draft.status is not OrderStatus.DRAFT:
        raise Conflict(f"{draft.number} is {draft.status}: only a draft asks for days")
    product_ids = [line.product_id for line in draft.lines]
    ledgers = await supply.ledgers(session, product_ids=product_ids, today=company.today())
    promises = supply.propose(ledgers, wanted=_wanted(draft.lines, company), today=company.today())
    shown = []
    for line, promise in zip(draft.lines, promises, strict=True):
        ledger = ledgers[line.product_id]
        there = (
            promise.available if promise else available(ledger, line.requested_on or company.today(), company.today())
        )
        shown.append(
            LinePromise(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                requested_on=line.requested_on,
                available_on_requested=there,
                promised_on=promise.date if promise else None,
                basis=promise.basis.kind if promise else None,
                basis_receipt_id=promise.basis.receipt_id if promise else None,
            )
        )
        if promise:
            ledgers[line.product_id] = reserve(ledger, promise, line.quantity)
    on_time = all(_on_time(each.requested_on, each.promised_on) for each in shown)
    return PromiseRead(order_id=draft.id, on_time=on_time, lines=shown)


async def confirm(
    session: AsyncSession,
    *,
    company: Company,
    order_id: UUID,
    expected: int,
    agreed_by: str | None,
    latest_on: date | None = None,
) -> None:
    """Check once more, promise every line and reserve what the promises rest on.

    `agreed_by` is who accepted days later than requested; `latest_on`, where it is given, is the latest day that was
    accepted, beside the days requested.

    Raises:
        Conflict: it is no draft, is on hold, a blocking finding stands, a line cannot be promised, or a day is later
            than requested and nobody accepted that.

    """
    draft = await read(session, order_id, locked=Locked.ORDER_AND_ACCOUNT, expected=expected)
    if not may_move(draft.status, OrderStatus.CONFIRMED):
        raise Conflict(f"{draft.number} is {draft.status}: only a draft can be confirmed")
    if draft.on_hold:
        raise Conflict(f"{draft.number} is on hold: release the holds first")
    findings = await review(session, company=company, draft=draft)
    _refuse_findings(draft, standing_in_the_way(findings))

    product_ids = [line.product_id for line in draft.lines]
    await supply.lock_items(session, product_ids=product_ids)
    ledgers = await supply.ledgers(session, product_ids=product_ids, today=company.today())
    proposed = supply.propose(ledgers, wanted=_wanted(draft.lines, company), today=company.today())
    promised = _all_promised(draft.lines, proposed)
    late = [(line, promise) for line, promise in promised if not _on_time(line.requested_on, promise.date)]
    not_agreed = late if agreed_by is None else _beyond(promised, latest_on or date.max)
    if not_agreed:
        _refuse_late(not_agreed)

    writes = Writes(session)
    reserved = [(line.id, line.product_id, line.quantity, promise) for line, promise in promised]
    rests_on = supply.reserve(writes, order_id=draft.id, order_number=draft.number, lines=reserved)
    exposure = draft.open_exposure + draft.base_amount
    accounts.set_exposure(writes, account_id=draft.account_id, version=draft.account_version, exposure=exposure)
    due_on = min(promise.date for _, promise in promised)
    now = clock.now()
    confirmed = {"status": OrderStatus.CONFIRMED, "status_at": now, "confirmed_at": now, "open_to_ship": True}
    checked = {"findings": stored(findings), "checked_at": now}
    agreed = {"due_on": due_on, "dates_agreed_by": agreed_by if late or latest_on else None}
    own = {"id": draft.id, "version": draft.version + 1, "updated_at": now}
    writes.update(Order, [own | confirmed | checked | agreed])
    writes.update(OrderLine, [_kept(line, promise, rests_on.get(line.id)) for line, promise in promised])
    writes.tell(draft.id, _told(draft, promised, due_on, dates_accepted=bool(late)))
    await writes.send()


def _kept(line: DraftLine, promise: Promise, receipt_id: UUID | None) -> dict[str, Any]:
    basis = {"basis": promise.basis.kind, "basis_receipt_id": receipt_id}
    return {"id": line.id, "promised_on": promise.date} | basis


def _told(
    draft: Draft, promised: Sequence[tuple[DraftLine, Promise]], due_on: date, *, dates_accepted: bool
) -> OrderConfirmed:
    return OrderConfirmed(
        number=draft.number,
        account_id=draft.account_id,
        currency=draft.currency,
        net_amount=draft.net_amount,
        due_on=due_on,
        dates_accepted=dates_accepted,
        lines=[
            PromisedLine(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                promised_on=promise.date,
                basis=promise.basis.kind,
            )
            for line, promise in promised
        ],
    )


async def cancel(session: AsyncSession, *, order_id: UUID, expected: int, reason: str) -> Order:
    """Cancel an order of which nothing has left; what it held is free for others.

    Raises:
        Conflict: something has been shipped, or the order is completed or cancelled.

    """
    order = await orders.lock(session, order_id, expected=expected)
    if not may_move(order.status, OrderStatus.CANCELLED):
        raise Conflict(f"{order.number} is {order.status}: it cannot be cancelled")
    if order.shipment_state is not ShipmentState.NONE:
        raise Conflict(f"goods of {order.number} have left: have them delivered and take them back as a return")
    lines = await orders.lines(session, order.id)
    if order.status is OrderStatus.CONFIRMED:
        account = await accounts.lock_account(session, account_id=order.account_id)
        await supply.lock_items(session, product_ids=[line.product_id for line in lines])
        await supply.release(session, order_id=order.id)
        accounts.change_exposure(account, by=-order.base_amount)
    now = clock.now()
    order.status, order.status_at, order.cancelled_at, order.cancel_reason = OrderStatus.CANCELLED, now, now, reason
    order.derive(lines, on_hold=False)
    if order.opportunity_id is not None:
        await opportunities.release(session, opportunity_id=order.opportunity_id, order_id=order.id)
    outbox.record(session, order, OrderCancelled(number=order.number, account_id=order.account_id, reason=reason))
    return order


def _beyond(promised: Sequence[tuple[DraftLine, Promise]], latest: date) -> list[tuple[DraftLine, Promise]]:
    """What comes later than accepted; a line that was requested for a later day still is accepted until that."""
    return [(line, promise) for line, promise in promised if promise.date > max(latest, line.requested_on or latest)]


def _refuse_findings(order: Draft, findings: Sequence[Finding]) -> None:
    if findings:
        errors = [FieldError(each.pointer, each.code, each.detail) for each in findings]
        raise Conflict(f"the order check of {order.number} blocks: mend it or override it", errors=errors)


def _all_promised(lines: Sequence[DraftLine], promises: Sequence[Promise | None]) -> list[tuple[DraftLine, Promise]]:
    paired = [(line, promise) for line, promise in zip(lines, promises, strict=True) if promise is not None]
    if len(paired) < len(lines):
        errors = [
            FieldError(f"/lines/{index}/sku", "no_supply", f"neither stock, receipts nor production cover {line.sku}")
            for index, (line, promise) in enumerate(zip(lines, promises, strict=True))
            if promise is None
        ]
        raise Conflict("not every line can be promised", errors=errors)
    return paired


def _refuse_late(late: Sequence[tuple[DraftLine, Promise]]) -> None:
    errors = [
        FieldError(
            f"/lines/{line.line_no - 1}/requested_on",
            "later_than_agreed",
            f"{line.sku} is wanted on {line.requested_on} and can be promised for {promise.date}",
        )
        for line, promise in late
    ]
    detail = "days are later than agreed: agree them with the customer, then send accept_dates and agreed_by"
    raise Conflict(detail, errors=errors)
