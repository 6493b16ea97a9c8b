"""Brings the facts to the order check, keeps what it found, and records overrides."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.accounts.rules import AccountStatus
from app.kernel import clock, outbox
from app.kernel.address import missing_fields
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError
from app.orders.check import Finding, FindingCode, LineFacts, OrderFacts, check, standing_in_the_way
from app.orders.events import OrderOverridden
from app.orders.models import Order, OrderLine, OrderOverride
from app.orders.repository import orders
from app.orders.rules import OrderStatus
from app.products import service as products
from app.products.models import Product
from app.products.rules import ProductStatus


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review read and found."""

    products: dict[str, Product]
    findings: list[Finding]


async def review(
    session: AsyncSession, *, company: Company, order: Order, lines: Sequence[OrderLine], account: Account
) -> Reviewed:
    """Check a draft against the facts of this moment."""
    known = await products.by_sku(session, skus=[line.sku for line in lines])
    duplicate = None
    if order.po_number is not None:
        duplicate = await orders.with_po_number(session, order)
    facts = OrderFacts(
        channel=order.channel,
        has_reference=order.evidence_reference is not None,
        has_taker=order.taken_by_id is not None,
        po_number=order.po_number,
        po_number_on=duplicate,
        delivery_address=json.dumps(order.delivery_address, sort_keys=True),
        missing_address_fields=missing_fields(order.delivery_address),
        account_block_reason=account.block_reason,
        account_closed=account.status is AccountStatus.CLOSED,
        credit_limit=account.credit_limit,
        open_exposure=account.open_exposure,
        base_amount=order.base_amount,
        today=company.today(),
        price_allowance=company.price_allowance,
        lines=[_line(line, known[line.sku]) for line in lines],
    )
    return Reviewed(known, check(facts, await orders.overrides(session, order.id)))


def stored(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as the order keeps them."""
    return [asdict(finding) for finding in findings]


async def check_draft(session: AsyncSession, *, company: Company, order_id: UUID) -> Reviewed:
    """Check a draft and keep what was found beside it. The order itself stays as it is, and so does its version.

    Raises:
        Conflict: the order is no draft any more; the check that it passed stays on record.

    """
    order = await orders.lock(session, order_id)
    if order.status is not OrderStatus.DRAFT:
        raise Conflict(f"{order.number} is {order.status}: only a draft is checked")
    account = await session.get_one(Account, order.account_id)
    lines = await orders.lines(session, order.id)
    reviewed = await review(session, company=company, order=order, lines=lines, account=account)
    await orders.keep_findings(session, order.id, stored(reviewed.findings))
    return reviewed


def _line(line: OrderLine, product: Product) -> LineFacts:
    return LineFacts(
        line_no=line.line_no,
        sku=line.sku,
        product_active=product.status is ProductStatus.ACTIVE,
        minimum_quantity=product.minimum_quantity,
        order_multiple=product.order_multiple,
        quantity=line.quantity,
        requested_on=line.requested_on,
        list_price=line.list_price,
        unit_price=line.unit_price,
        discount=line.discount,
    )


async def override(
    session: AsyncSession, *, company: Company, order_id: UUID, code: FindingCode, line_no: int | None, reason: str
) -> Order:
    """Let a blocking finding stand, on record.

    Raises:
        Conflict: the order is no draft any more, or the check finds no such thing now, or it does not block.

    """
    found = (await check_draft(session, company=company, order_id=order_id)).findings
    matching = [each for each in standing_in_the_way(found) if (each.code, each.line_no) == (code, line_no)]
    if not matching:
        where = f"line {line_no}" if line_no else "the order"
        raise Conflict(
            f"the order check finds no blocking {code} on {where}",
            errors=[FieldError("/code", "not_found", f"nothing blocks {where} that is called {code}")],
        )
    order = await orders.get(session, order_id)
    session.add_all(
        OrderOverride(
            order_id=order_id,
            code=each.code,
            line_no=each.line_no,
            subject=each.subject,
            reason=reason,
            overridden_by=outbox.origin(session).name,
        )
        for each in matching
    )
    order.updated_at = clock.now()
    outbox.record(session, order, OrderOverridden(number=order.number, code=code, line_no=line_no, reason=reason))
    await session.flush()
    await check_draft(session, company=company, order_id=order_id)
    return order
