"""Taking an order: a draft that can be changed freely until it is confirmed."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.kernel import clock, money, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError, Invalid
from app.kernel.outbox import Change
from app.opportunities import service as opportunities
from app.opportunities.models import Opportunity, OpportunityLine
from app.orders.events import OrderCreated, OrderUpdated
from app.orders.models import ORDER_NUMBERS, Order, OrderLine
from app.orders.repository import next_number, orders
from app.orders.rules import OrderStatus
from app.orders.schemas import OrderCreate, OrderLineCreate, OrderUpdate
from app.products import service as products

_PERSONAL = ("delivery_address", "notes", "evidence_reference")


async def create(session: AsyncSession, *, company: Company, body: OrderCreate) -> Order:
    """Take an order as a draft: prices from the account's list where none was agreed, the exchange rate frozen.

    What a won opportunity says need not be said again: account, contact, currency, lines at the prices that
    were offered.

    Raises:
        Invalid: an account, contact, opportunity or product does not exist, or a line has no price.
        Conflict: the opportunity is not won, or has become an order.

    """
    opportunity, offered, contact_id = None, list[OrderLineCreate](), body.contact_id
    if body.opportunity_id is not None:
        opportunity, lines_of, contact_id = await opportunities.to_order(session, opportunity_id=body.opportunity_id)
        contact_id = body.contact_id or contact_id
        offered = [_offered(line, opportunity) for line in lines_of]
    account_id, wanted, currency = _given(body, opportunity, offered)
    account = await accounts.standing_account(session, account_id=account_id)
    await _check_contact(session, account.id, contact_id)
    today = company.today()
    currency = currency or account.currency
    address = body.delivery_address.model_dump(mode="json") if body.delivery_address else account.delivery_address
    order = Order(
        number=await next_number(session, "SO", ORDER_NUMBERS, today),
        status=OrderStatus.DRAFT,
        ordered_on=today,
        account_id=account.id,
        contact_id=contact_id,
        lead_id=body.lead_id or (opportunity.lead_id if opportunity else None),
        opportunity_id=body.opportunity_id,
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
    lines = await _priced(session, order=order, account=account, wanted=wanted)
    _sum_up(order, lines, company)
    session.add(order)
    await session.flush()
    session.add_all(lines)
    if opportunity is not None:
        opportunities.ordered(session, opportunity=opportunity, order_id=order.id, order_number=order.number)
    outbox.record(
        session,
        order,
        OrderCreated(
            number=order.number,
            account_id=account.id,
            lead_id=order.lead_id,
            opportunity_id=order.opportunity_id,
            currency=currency,
            net_amount=order.net_amount,
        ),
    )
    return order


def _offered(line: OpportunityLine, opportunity: Opportunity) -> OrderLineCreate:
    """The line at the price that was offered."""
    return OrderLineCreate(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        price_reason=line.price_reason or f"as offered in {opportunity.number}",
    )


def _given(
    body: OrderCreate, opportunity: Opportunity | None, offered: Sequence[OrderLineCreate]
) -> tuple[UUID, Sequence[OrderLineCreate], str | None]:
    """Account, lines and currency: what was sent, or else what the opportunity says."""
    account_id, lines, wrong = body.account_id, body.lines or offered, list[FieldError]()
    currency = body.currency
    if opportunity is not None:
        if account_id not in {None, opportunity.account_id}:
            wrong.append(FieldError("/account_id", "other_account", f"is not the account of {opportunity.number}"))
        account_id = account_id or opportunity.account_id
        currency = currency or opportunity.currency
        if body.lines is None and currency != opportunity.currency:
            detail = f"the lines of {opportunity.number} are in {opportunity.currency}: send lines, or leave it out"
            wrong.append(FieldError("/currency", "currency", detail))
    hint = "is needed" if opportunity is None else f"is needed: {opportunity.number} has none"
    if account_id is None:
        wrong.append(FieldError("/account_id", "missing", hint))
    if not lines:
        wrong.append(FieldError("/lines", "missing", hint))
    if wrong or account_id is None:
        raise Invalid(wrong[0].detail, errors=wrong)
    return account_id, lines, currency


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
    contact = await accounts.standing_contact(session, contact_id=contact_id)
    if contact.account_id != account_id:
        raise Invalid.at("/contact_id", "unknown", "names no contact of the account")


async def _priced(
    session: AsyncSession, *, order: Order, account: Account, wanted: Sequence[OrderLineCreate]
) -> list[OrderLine]:
    """The lines with their products and prices; every unknown product is named."""
    priced = await products.price_lines(
        session, price_list_id=account.price_list_id, currency=order.currency, wanted=wanted, on=order.ordered_on
    )
    return [
        OrderLine(
            order_id=order.id,
            line_no=line_no,
            product_id=found.product.id,
            sku=found.product.sku,
            quantity=line.quantity,
            requested_on=line.requested_on,
            list_price=found.list_price,
            unit_price=found.unit_price,
            discount=line.discount,
            price_reason=line.price_reason,
            amount=found.amount,
            shipped_quantity=Decimal(0),
            delivered_quantity=Decimal(0),
            returned_quantity=Decimal(0),
        )
        for line_no, (line, found) in enumerate(zip(wanted, priced, strict=True), start=1)
    ]


def _sum_up(order: Order, lines: Sequence[OrderLine], company: Company) -> None:
    order.net_amount = sum((line.amount for line in lines), Decimal(0))
    order.base_amount = money.convert(order.net_amount + order.freight, order.exchange_rate, company.currency)
    order.derive(lines, on_hold=False)
