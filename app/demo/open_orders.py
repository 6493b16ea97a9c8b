"""The 21 orders that have not left: taken, checked, let stand and confirmed by the services, with the clock held."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.demo.history import Known, continue_numbers, evidence_of, number_of, price_reason
from app.demo.northwind import Northwind, Order, sku_of
from app.demo.remedies import LATE, OVERRIDES
from app.demo.timetable import Timetable
from app.kernel import clock
from app.kernel.company import Company
from app.orders import capture, confirm, review
from app.orders.check import standing_in_the_way
from app.orders.models import ORDER_NUMBERS
from app.orders.models import Order as OrderRow
from app.orders.rules import Channel
from app.orders.schemas import OrderCreate, OrderLineCreate


async def take(
    session: AsyncSession,
    *,
    company: Company,
    northwind: Northwind,
    known: Known,
    timetable: Timetable,
    order: Order,
) -> None:
    """One order, from the telephone to its promise.

    Raises:
        KeyError: the check finds something that `remedies` does not let stand.
        Conflict: a line cannot be promised, or only later than requested where `remedies` has nobody agree to it.

    """
    with clock.at(timetable.taken(order)):
        await continue_numbers(session, ORDER_NUMBERS, order.number)
        row = await capture.create(session, company=company, body=_order(order, known, northwind))
        await session.flush()
        if row.number != number_of(order):
            raise RuntimeError(f"Northwind's order {order.number} became {row.number}")
    with clock.at(timetable.confirmed(order)):
        await _let_stand(session, company, row)
        agreed_by = northwind.contacts[order.customer] if order.number in LATE else None
        await confirm.confirm(session, company=company, order_id=row.id, expected=row.version, agreed_by=agreed_by)
        await session.flush()


async def _let_stand(session: AsyncSession, company: Company, row: OrderRow) -> None:
    findings = await review.check_draft(session, company=company, order_id=row.id)
    for finding in standing_in_the_way(findings):
        await review.override(
            session,
            company=company,
            order_id=row.id,
            code=finding.code,
            line_no=finding.line_no,
            reason=OVERRIDES[finding.code],
        )


def _order(order: Order, known: Known, northwind: Northwind) -> OrderCreate:
    return OrderCreate(
        account_id=known.accounts[order.customer],
        contact_id=known.contacts[order.customer],
        channel=Channel.TELEPHONE,
        evidence_reference=evidence_of(order),
        taken_by_id=known.staff[order.employee],
        delivery_address=order.address,
        freight=order.freight,
        lines=[
            OrderLineCreate(
                sku=sku_of(line.product),
                quantity=line.quantity,
                requested_on=order.required_on,
                discount=line.discount,
                price_reason=price_reason(line, northwind.prices[line.product]),
            )
            for line in order.lines
        ],
    )
