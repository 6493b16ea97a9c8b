"""From draft to promise: propose days, confirm and reserve, or cancel and release.

Locks are always taken in the order: order, account, stock items by product.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.kernel import clock, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError
from app.orders.check import Finding, standing_in_the_way
from app.orders.events import OrderCancelled, OrderConfirmed, PromisedLine
from app.orders.models import Order, OrderLine
from app.orders.repository import orders
from app.orders.review import review, stored
from app.orders.rules import OrderStatus, ShipmentState, may_move
from app.orders.schemas import LinePromise, PromiseRead
from app.products import service as products
from app.products.models import Product
from app.supply import service as supply
from app.supply.promise import Promise, available, reserve


def _wanted(lines: Sequence[OrderLine], known: Mapping[str, Product], company: Company) -> list[supply.Wanted]:
    today = company.today()
    lead_times = {known[line.sku].production_days for line in lines}
    made_by = {days: None if days is None else company.calendar.add_working_days(today, days) for days in lead_times}
    return [
        supply.Wanted(
            line.id,
            line.product_id,
            line.quantity,
            line.requested_on or today,
            made_by[known[line.sku].production_days],
        )
        for line in lines
    ]


def _on_time(requested_on: date | None, promised_on: date | None) -> bool:
    """As soon as possible is always in time."""
    return promised_on is not None and (requested_on is None or promised_on <= requested_on)


async def propose(session: AsyncSession, *, company: Company, order_id: UUID) -> PromiseRead:
    """The earliest days on which the lines of a draft can be had now, one after the other. Reserves nothing.

    Raises:
        Conflict: the order is no draft any more; what was promised stands in its lines.

    """
    order = await orders.get(session, order_id)
    if order.status is not OrderStatus.DRAFT:
        raise Conflict(f"{order.number} is {order.status}: only a draft asks for days")
    lines = await orders.lines(session, order.id)
    known = await products.by_sku(session, skus=[line.sku for line in lines])
    ledgers = await supply.ledgers(session, product_ids=[line.product_id for line in lines], today=company.today())
    promises = supply.propose(ledgers, wanted=_wanted(lines, known, company), today=company.today())
    shown = []
    for line, promise in zip(lines, promises, strict=True):
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
    return PromiseRead(order_id=order.id, on_time=on_time, lines=shown)


async def confirm(
    session: AsyncSession,
    *,
    company: Company,
    order_id: UUID,
    expected: int,
    agreed_by: str | None,
    latest_on: date | None = None,
) -> Order:
    """Check once more, promise every line and reserve what the promises rest on.

    `agreed_by` is who accepted days later than requested; `latest_on`, where it is given, is the latest day that was
    accepted, beside the days requested.

    Raises:
        Conflict: it is no draft, is on hold, a blocking finding stands, a line cannot be promised, or a day is later
            than requested and nobody accepted that.

    """
    order = await orders.lock(session, order_id, expected=expected)
    if not may_move(order.status, OrderStatus.CONFIRMED):
        raise Conflict(f"{order.number} is {order.status}: only a draft can be confirmed")
    if await orders.on_hold(session, order.id):
        raise Conflict(f"{order.number} is on hold: release the holds first")
    lines = await orders.lines(session, order.id)
    account = await accounts.lock_account(session, account_id=order.account_id)
    reviewed = await review(session, company=company, order=order, lines=lines, account=account)
    order.findings, order.checked_at = stored(reviewed.findings), clock.now()
    _refuse_findings(order, standing_in_the_way(reviewed.findings))

    product_ids = [line.product_id for line in lines]
    wanted = _wanted(lines, reviewed.products, company)
    await supply.lock_items(session, product_ids=product_ids)
    ledgers = await supply.ledgers(session, product_ids=product_ids, today=company.today())
    promised = _all_promised(lines, supply.propose(ledgers, wanted=wanted, today=company.today()))
    late = [(line, promise) for line, promise in promised if not _on_time(line.requested_on, promise.date)]
    not_agreed = late if agreed_by is None else _beyond(promised, latest_on or date.max)
    if not_agreed:
        _refuse_late(not_agreed)
    rests_on = await supply.reserve(
        session,
        order_id=order.id,
        order_number=order.number,
        lines=[(line.id, line.product_id, line.quantity, promise) for line, promise in promised],
    )
    for line, promise in promised:
        line.promised_on, line.basis = promise.date, promise.basis.kind
        line.basis_receipt_id = rests_on.get(line.id)
    order.dates_agreed_by = agreed_by if late or latest_on else None
    now = clock.now()
    order.status, order.status_at, order.confirmed_at = OrderStatus.CONFIRMED, now, now
    order.derive(lines, on_hold=False)
    accounts.change_exposure(account, by=order.base_amount)
    outbox.record(
        session,
        order,
        OrderConfirmed(
            number=order.number,
            account_id=order.account_id,
            currency=order.currency,
            net_amount=order.net_amount,
            due_on=order.due_on,
            dates_accepted=bool(late),
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
        ),
    )
    return order


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
    outbox.record(session, order, OrderCancelled(number=order.number, account_id=order.account_id, reason=reason))
    return order


def _beyond(promised: Sequence[tuple[OrderLine, Promise]], latest: date) -> list[tuple[OrderLine, Promise]]:
    """What comes later than accepted; a line that was requested for a later day still is accepted until that."""
    return [(line, promise) for line, promise in promised if promise.date > max(latest, line.requested_on or latest)]


def _refuse_findings(order: Order, findings: Sequence[Finding]) -> None:
    if findings:
        errors = [FieldError(each.pointer, each.code, each.detail) for each in findings]
        raise Conflict(f"the order check of {order.number} blocks: mend it or override it", errors=errors)


def _all_promised(lines: Sequence[OrderLine], promises: Sequence[Promise | None]) -> list[tuple[OrderLine, Promise]]:
    paired = [(line, promise) for line, promise in zip(lines, promises, strict=True) if promise is not None]
    if len(paired) < len(lines):
        errors = [
            FieldError(f"/lines/{index}/sku", "no_supply", f"neither stock, receipts nor production cover {line.sku}")
            for index, (line, promise) in enumerate(zip(lines, promises, strict=True))
            if promise is None
        ]
        raise Conflict("not every line can be promised", errors=errors)
    return paired


def _refuse_late(late: Sequence[tuple[OrderLine, Promise]]) -> None:
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
