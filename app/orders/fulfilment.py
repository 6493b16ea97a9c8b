"""From confirmed to completed: shipments, their delivery, and what comes back.

Locks are always taken in the order: order, account, stock items by product.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.kernel import clock, money, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError, Invalid, NotFound
from app.orders.events import MovedLine, OrderCompleted, OrderDelivered, OrderReturned, OrderShipped
from app.orders.models import (
    RETURN_NUMBERS,
    SHIPMENT_NUMBERS,
    Order,
    OrderLine,
    OrderReturn,
    OrderReturnLine,
    Shipment,
    ShipmentLine,
)
from app.orders.repository import next_number, orders
from app.orders.rules import OrderStatus, ReturnReason, ShipmentState, returned_amount
from app.supply import service as supply

_UNDERWAY = (ShipmentState.NONE, ShipmentState.PARTIAL)

Wanted = Sequence[tuple[int, Decimal]]
"""Line numbers and quantities, as the caller named them."""


async def ship(
    session: AsyncSession,
    *,
    company: Company,
    order_id: UUID,
    wanted: Wanted | None,
    carrier: str | None,
    tracking_number: str | None,
    shipped_at: datetime | None,
) -> Shipment:
    """Goods leave: reservation and stock go down by them. Without lines: everything still open.

    Raises:
        Conflict: the order is not open to ship, more is named than is open, or stock is short.

    """
    order = await orders.lock(session, order_id)
    if not order.open_to_ship:
        confirmed, shipped = order.status is OrderStatus.CONFIRMED, order.shipment_state
        why = order.status if not confirmed else "on hold" if shipped in _UNDERWAY else "shipped already"
        raise Conflict(f"{order.number} is not open to ship: it is {why}")
    lines = await orders.lines(session, order.id)
    moving = _pick(lines, wanted) if wanted else [(line, line.open_quantity) for line in lines if line.open_quantity]
    _refuse_excess(moving, {line.id: line.open_quantity for line in lines}, "is still open")
    at = shipped_at or clock.now()
    _refuse_earlier("/shipped_at", at, order.confirmed_at, company)
    await supply.lock_items(session, product_ids=[line.product_id for line, _ in moving])
    await supply.ship(
        session,
        order_id=order.id,
        lines=[(line.id, line.product_id, quantity) for line, quantity in moving],
        at=at,
        today=company.today(),
    )
    shipment = Shipment(
        number=await next_number(session, "SH", SHIPMENT_NUMBERS, company.today()),
        order_id=order.id,
        carrier=carrier,
        tracking_number=tracking_number,
        shipped_at=at,
    )
    session.add(shipment)
    await session.flush()
    for line, quantity in moving:
        line.shipped_quantity += quantity
        session.add(
            ShipmentLine(shipment_id=shipment.id, order_line_id=line.id, line_no=line.line_no, quantity=quantity)
        )
    order.derive(lines, on_hold=False)
    order.updated_at = clock.now()
    outbox.record(
        session,
        order,
        OrderShipped(
            number=order.number,
            shipment_id=shipment.id,
            shipment_number=shipment.number,
            carrier=carrier,
            tracking_number=tracking_number,
            shipped_at=at,
            shipment_state=order.shipment_state,
            lines=_moved(moving),
        ),
    )
    return shipment


async def deliver(
    session: AsyncSession,
    *,
    company: Company,
    order_id: UUID,
    shipment_id: UUID,
    delivered_at: datetime | None,
    received_by: str | None,
) -> Shipment:
    """A shipment reached the customer; when all of the order has, it completes.

    Reported twice it changes nothing, but who received it may be added.

    Raises:
        NotFound: the order has no such shipment.
        Conflict: it was reported already, with another time or recipient.

    """
    order = await orders.lock(session, order_id)
    shipment = await session.get(Shipment, shipment_id)
    if shipment is None or shipment.order_id != order_id:
        raise NotFound(f"{order.number} has no shipment {shipment_id}")
    if shipment.delivered_at is not None:
        _refuse_another_story(shipment, delivered_at, received_by)
        shipment.received_by = shipment.received_by or received_by
        return shipment
    at = delivered_at or clock.now()
    if at < shipment.shipped_at:
        raise Invalid.at(
            "/delivered_at", "too_early", f"lies before the shipment left, {shipment.shipped_at.isoformat()}"
        )
    shipment.delivered_at, shipment.received_by = at, received_by
    lines = await orders.lines(session, order.id)
    await session.flush()
    reached = await orders.reached(session, order.id)
    for line in lines:
        line.delivered_quantity = max(reached.get(line.id, Decimal(0)), line.returned_quantity)
    order.derive(lines, on_hold=await orders.on_hold(session, order.id))
    order.updated_at = clock.now()
    outbox.record(
        session,
        order,
        OrderDelivered(
            number=order.number,
            shipment_id=shipment.id,
            shipment_number=shipment.number,
            shipment_state=order.shipment_state,
            delivered_at=at,
        ),
    )
    if order.status is OrderStatus.CONFIRMED and order.shipment_state is ShipmentState.DELIVERED:
        account = await accounts.lock_account(session, account_id=order.account_id)
        await _complete(session, company=company, order=order, account=account)
    return shipment


async def _complete(session: AsyncSession, *, company: Company, order: Order, account: Account) -> None:
    """The customer has everything: the account's exposure ends, its purchase record grows."""
    now = clock.now()
    order.status, order.status_at, order.completed_at = OrderStatus.COMPLETED, now, now
    revenue = _revenue(order, order.returned_amount, company)
    accounts.change_exposure(account, by=-order.base_amount)
    if order.returned_amount != order.net_amount or not order.net_amount:  # what all came back was no purchase
        await accounts.record_sale(session, account=account, order_id=order.id, amount=revenue, on=order.ordered_on)
    outbox.record(session, order, OrderCompleted(number=order.number, account_id=order.account_id, revenue=revenue))


def _revenue(order: Order, returned: Decimal, company: Company) -> Decimal:
    """What the lines brought in, in the company's currency, after what came back."""
    return money.convert(order.net_amount - returned, order.exchange_rate, company.currency)


async def take_back(
    session: AsyncSession,
    *,
    company: Company,
    order_id: UUID,
    wanted: Wanted,
    reason: ReturnReason,
    note: str | None,
    received_at: datetime | None,
    restock: bool,
) -> OrderReturn:
    """Goods come back: revenue goes down by them, and so does the purchase record of a completed order.

    What was refused at the door counts as delivered and returned; where other goods of the line have arrived, the
    refused shipment's delivery is reported as well, for which of them came back is not known.

    Raises:
        Conflict: more comes back than has left.

    """
    order = await orders.lock(session, order_id)
    account = await accounts.lock_account(session, account_id=order.account_id)
    lines = await orders.lines(session, order.id)
    moving = _pick(lines, wanted)
    away = {line.id: line.shipped_quantity - line.returned_quantity for line in lines}
    _refuse_excess(moving, away, "has left and not come back yet")
    at = received_at or clock.now()
    _refuse_earlier("/received_at", at, order.confirmed_at, company)
    if restock:
        await supply.lock_items(session, product_ids=[line.product_id for line, _ in moving])
        await supply.restock(
            session, order_id=order.id, lines=[(line.product_id, quantity) for line, quantity in moving], at=at
        )
    back = OrderReturn(
        number=await next_number(session, "RE", RETURN_NUMBERS, company.today()),
        order_id=order.id,
        reason=reason,
        note=note,
        received_at=at,
        restocked=restock,
        amount=Decimal(0),
    )
    session.add(back)
    await session.flush()
    for line, quantity in moving:
        amount = returned_amount(line.amount, line.quantity, line.returned_quantity, quantity, order.currency)
        line.returned_quantity += quantity
        line.delivered_quantity = max(line.delivered_quantity, line.returned_quantity)
        back.amount += amount
        session.add(
            OrderReturnLine(
                return_id=back.id, order_line_id=line.id, line_no=line.line_no, quantity=quantity, amount=amount
            )
        )
    before = _revenue(order, order.returned_amount, company)
    order.returned_amount += back.amount
    order.updated_at = clock.now()
    lost = before - _revenue(order, order.returned_amount, company)
    completed = order.status is OrderStatus.COMPLETED
    if completed:
        day = clock.business_date(at, company.timezone)
        await accounts.record_return(session, account=account, order_id=order.id, amount=lost, on=day)
    order.derive(lines, on_hold=await orders.on_hold(session, order.id))
    outbox.record(
        session,
        order,
        OrderReturned(
            number=order.number,
            account_id=order.account_id,
            return_id=back.id,
            return_number=back.number,
            amount=back.amount,
            revenue=lost if completed else Decimal(0),
            lines=_moved(moving),
        ),
    )
    if not completed and order.shipment_state is ShipmentState.DELIVERED:
        await _complete(session, company=company, order=order, account=account)
    return back


def _pick(lines: Sequence[OrderLine], wanted: Wanted) -> list[tuple[OrderLine, Decimal]]:
    """The lines that the caller named.

    Raises:
        Invalid: a line is named twice, or there is none with its number.

    """
    by_number = {line.line_no: line for line in lines}
    numbers = [line_no for line_no, _ in wanted]
    errors = [
        FieldError(f"/lines/{index}/line_no", "unknown", f"the order has no line {line_no}, or it is named twice")
        for index, line_no in enumerate(numbers)
        if line_no not in by_number or line_no in numbers[:index]
    ]
    if errors:
        raise Invalid(errors[0].detail, errors=errors)
    return [(by_number[line_no], quantity) for line_no, quantity in wanted]


def _refuse_earlier(pointer: str, at: datetime, confirmed_at: datetime | None, company: Company) -> None:
    """By days, since the clocks of two systems never agree to the second."""
    day = None if confirmed_at is None else clock.business_date(confirmed_at, company.timezone)
    if day is not None and clock.business_date(at, company.timezone) < day:
        raise Invalid.at(pointer, "too_early", f"lies before {day}, the day the order was confirmed")


def _refuse_another_story(shipment: Shipment, delivered_at: datetime | None, received_by: str | None) -> None:
    told = {
        "delivered_at": (shipment.delivered_at, delivered_at),
        "received_by": (shipment.received_by, received_by),
    }
    errors = [
        FieldError(f"/{name}", "reported_otherwise", f"was reported as {old}")
        for name, (old, new) in told.items()
        if new is not None and old is not None and new != old
    ]
    if errors:
        raise Conflict(f"{shipment.number} was reported delivered already, otherwise", errors=errors)


def _refuse_excess(moving: Sequence[tuple[OrderLine, Decimal]], most: Mapping[UUID, Decimal], why: str) -> None:
    errors = [
        FieldError(f"/lines/{index}/quantity", "too_many", f"of line {line.line_no}, {most[line.id]} {why}")
        for index, (line, quantity) in enumerate(moving)
        if quantity > most[line.id]
    ]
    if errors:
        raise Conflict(errors[0].detail, errors=errors)


def _moved(moving: Sequence[tuple[OrderLine, Decimal]]) -> list[MovedLine]:
    return [MovedLine(line_no=line.line_no, sku=line.sku, quantity=quantity) for line, quantity in moving]
