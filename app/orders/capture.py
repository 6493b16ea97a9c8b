"""Taking an order: a draft that can be changed freely until it is confirmed."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Contact
from app.kernel import clock, money, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError, Invalid
from app.kernel.outbox import Change
from app.orders.events import OrderCreated, OrderUpdated
from app.orders.models import ORDER_NUMBERS, Order, OrderLine
from app.orders.repository import next_number, orders
from app.orders.rules import OrderStatus
from app.orders.schemas import OrderCreate, OrderLineCreate, OrderUpdate
from app.products import service as products

_PERSONAL = ("delivery_address", "notes", "evidence_reference")


async def create(session: AsyncSession, *, company: Company, body: OrderCreate) -> Order:
    """Take an order as a draft: prices from the account's list where none was agreed, the exchange rate frozen.

    Raises:
        Invalid: an account, contact or product does not exist, or a line has no price.

    """
    account = await session.get(Account, body.account_id)
    if account is None:
        raise Invalid.at("/account_id", "unknown", "names no account")
    await _check_contact(session, account.id, body.contact_id)
    today = company.today()
    currency = body.currency or account.currency
    address = body.delivery_address.model_dump(mode="json") if body.delivery_address else account.delivery_address
    order = Order(
        number=await next_number(session, "SO", ORDER_NUMBERS, today),
        status=OrderStatus.DRAFT,
        ordered_on=today,
        account_id=account.id,
        contact_id=body.contact_id,
        lead_id=body.lead_id,
        channel=body.channel,
        evidence_reference=body.evidence_reference,
        received_at=body.received_at or clock.now(),
        taken_by_id=body.taken_by_id,
        po_number=body.po_number,
        delivery_address=address,
        notes=body.notes,
        currency=currency,
        exchange_rate=await products.rate_to_company(
            session, currency=currency, company_currency=company.currency, on=today
        ),
        freight=money.quantise(body.freight, currency),
        findings=[],
        returned_amount=Decimal(0),
    )
    lines = await _priced(session, order=order, account=account, wanted=body.lines)
    _sum_up(order, lines, company)
    session.add(order)
    await session.flush()
    session.add_all(lines)
    outbox.record(
        session,
        order,
        OrderCreated(
            number=order.number,
            account_id=account.id,
            lead_id=order.lead_id,
            currency=currency,
            net_amount=order.net_amount,
        ),
    )
    return order


async def update(session: AsyncSession, *, company: Company, order_id: UUID, expected: int, body: OrderUpdate) -> Order:
    """Change a draft.

    Raises:
        Conflict: the order is no draft any more.
        Invalid: a contact or product does not exist, or a line has no price.

    """
    order = await orders.lock(session, order_id, expected=expected)
    if order.status is not OrderStatus.DRAFT:
        raise Conflict(f"{order.number} is {order.status}: only a draft can be changed")
    before = await orders.lines(session, order.id)
    sent = body.sent()
    sent.pop("lines", None)
    if "delivery_address" in sent and body.delivery_address is not None:
        sent["delivery_address"] = body.delivery_address.model_dump(mode="json")
    if "freight" in sent:
        sent["freight"] = money.quantise(body.freight, order.currency)
    await _check_contact(session, order.account_id, sent.get("contact_id"))
    lines = before
    if "lines" in body.model_fields_set:
        account = await session.get_one(Account, order.account_id)
        lines = await _priced(session, order=order, account=account, wanted=body.lines)
    for name, value in sent.items():
        setattr(order, name, value)
    changes = list(outbox.changes(order, personal=_PERSONAL))
    if [_agreed(line) for line in lines] != [_agreed(line) for line in before]:
        changes.append(Change(field="lines", old=_told(before), new=_told(lines)))
    if not changes:
        return order
    _sum_up(order, lines, company)
    order.updated_at = clock.now()
    if lines is not before:
        await session.execute(delete(OrderLine).where(OrderLine.order_id == order.id))
        session.add_all(lines)
    event = OrderUpdated(number=order.number, net_amount=order.net_amount, changes=tuple(changes))
    outbox.record(session, order, event)
    return order


def _agreed(line: OrderLine) -> tuple[object, ...]:
    """What makes a line another one; 5 and 5.00 are the same."""
    price = (line.unit_price, line.discount, line.price_reason)
    return (line.product_id, line.quantity, line.requested_on, *price)


def _told(lines: Sequence[OrderLine]) -> str:
    """The lines as the history tells them: what was asked for, when, and at what price."""
    return "; ".join(
        f"{line.quantity} {line.sku} for {line.requested_on or 'soonest'} at {line.unit_price} less {line.discount}"
        + (f" ({line.price_reason})" if line.price_reason else "")
        for line in lines
    )


async def _check_contact(session: AsyncSession, account_id: UUID, contact_id: UUID | None) -> None:
    if contact_id is None:
        return
    contact = await session.get(Contact, contact_id)
    if contact is None or contact.account_id != account_id:
        raise Invalid.at("/contact_id", "unknown", "names no contact of the account")


async def _priced(
    session: AsyncSession, *, order: Order, account: Account, wanted: Sequence[OrderLineCreate]
) -> list[OrderLine]:
    """The lines with their products and prices; every unknown product is named."""
    known = await products.by_sku(session, skus=[line.sku for line in wanted])
    unknown = [
        FieldError(f"/lines/{index}/sku", "unknown", f"no product has the SKU {line.sku}")
        for index, line in enumerate(wanted)
        if line.sku not in known
    ]
    if unknown:
        raise Invalid(unknown[0].detail, errors=unknown)
    list_prices = await products.unit_prices(
        session,
        price_list_id=account.price_list_id,
        currency=order.currency,
        wanted=[(known[line.sku].id, line.quantity) for line in wanted],
        on=order.ordered_on,
    )
    unpriced = [
        FieldError(
            f"/lines/{index}/unit_price", "missing", f"{line.sku} has no list price for {line.quantity}: agree one"
        )
        for index, (line, list_price) in enumerate(zip(wanted, list_prices, strict=True))
        if line.unit_price is None and list_price is None
    ]
    if unpriced:
        raise Invalid(unpriced[0].detail, errors=unpriced)
    lines = []
    for line_no, (line, list_price) in enumerate(zip(wanted, list_prices, strict=True), start=1):
        price = line.unit_price if line.unit_price is not None else list_price
        assert price is not None  # noqa: S101 - an unpriced line was refused above
        product = known[line.sku]
        lines.append(
            OrderLine(
                order_id=order.id,
                line_no=line_no,
                product_id=product.id,
                sku=product.sku,
                quantity=line.quantity,
                requested_on=line.requested_on,
                list_price=list_price,
                unit_price=price,
                discount=line.discount,
                price_reason=line.price_reason,
                amount=money.line_amount(line.quantity, price, line.discount, order.currency),
                shipped_quantity=Decimal(0),
                delivered_quantity=Decimal(0),
                returned_quantity=Decimal(0),
            )
        )
    return lines


def _sum_up(order: Order, lines: Sequence[OrderLine], company: Company) -> None:
    order.net_amount = sum((line.amount for line in lines), Decimal(0))
    order.base_amount = money.convert(order.net_amount + order.freight, order.exchange_rate, company.currency)
    order.derive(lines, on_hold=False)
