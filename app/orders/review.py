"""Brings the facts to the order check, keeps what it found, and records overrides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.accounts.rules import AccountStatus
from app.kernel import clock, outbox
from app.kernel.address import missing_fields
from app.kernel.company import Company
from app.kernel.errors import Conflict
from app.orders.check import Finding, FindingCode, LineFacts, OrderFacts, check, standing_in_the_way
from app.orders.events import OrderOverridden
from app.orders.models import Order, OrderLine, OrderOverride
from app.orders.repository import orders
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
    """Check the order against the facts of this moment, and keep the findings on it."""
    known = await products.by_sku(session, skus=[line.sku for line in lines])
    duplicate = None
    if order.po_number is not None:
        duplicate = await orders.with_po_number(session, account_id=account.id, po_number=order.po_number, but=order.id)
    facts = OrderFacts(
        channel=order.channel,
        has_reference=order.evidence_reference is not None,
        has_taker=order.taken_by_id is not None,
        po_number=order.po_number,
        po_number_on=duplicate,
        missing_address_fields=missing_fields(order.delivery_address),
        account_blocked=account.status is AccountStatus.BLOCKED,
        account_closed=account.status is AccountStatus.CLOSED,
        credit_limit=account.credit_limit,
        open_exposure=account.open_exposure,
        base_amount=order.base_amount,
        today=company.today(),
        price_allowance=company.price_allowance,
        lines=[_line(line, known[line.sku]) for line in lines],
    )
    findings = check(facts, await orders.overrides(session, order.id))
    order.findings = [asdict(finding) for finding in findings]
    order.checked_at = order.updated_at = clock.now()
    return Reviewed(known, findings)


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
    session: AsyncSession,
    *,
    company: Company,
    order: Order,
    lines: Sequence[OrderLine],
    account: Account,
    code: FindingCode,
    line_no: int | None,
    reason: str,
) -> None:
    """Let a blocking finding stand, on record.

    Raises:
        Conflict: the check finds no such thing now, or it does not block.

    """
    found = (await review(session, company=company, order=order, lines=lines, account=account)).findings
    matching = [each for each in standing_in_the_way(found) if (each.code, each.line_no) == (code, line_no)]
    if not matching:
        raise Conflict(f"the order check finds no blocking {code} on {f'line {line_no}' if line_no else 'the order'}")
    origin: outbox.Origin = session.info.get("origin", outbox.SYSTEM)
    session.add_all(
        OrderOverride(
            order_id=order.id,
            code=each.code,
            line_no=each.line_no,
            subject=each.subject,
            reason=reason,
            overridden_by=origin.name,
        )
        for each in matching
    )
    await session.flush()
    await review(session, company=company, order=order, lines=lines, account=account)
    outbox.record(session, order, OrderOverridden(number=order.number, code=code, line_no=line_no, reason=reason))
