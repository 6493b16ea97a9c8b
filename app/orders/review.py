"""Brings the facts to the order check, keeps what it found, and records overrides."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.rules import AccountStatus
from app.kernel import clock, outbox
from app.kernel.address import missing_fields
from app.kernel.company import Company
from app.kernel.errors import Conflict, FieldError
from app.orders.check import Finding, FindingCode, LineFacts, OrderFacts, check, standing_in_the_way
from app.orders.draft import Draft, DraftLine, Locked, read
from app.orders.events import OrderOverridden
from app.orders.models import Order, OrderOverride
from app.orders.repository import orders
from app.orders.rules import OrderStatus
from app.products.rules import ProductStatus


async def review(session: AsyncSession, *, company: Company, draft: Draft) -> list[Finding]:
    """Check a draft against the facts of this moment."""
    facts = OrderFacts(
        channel=draft.channel,
        has_reference=draft.evidence_reference is not None,
        has_taker=draft.taken_by_id is not None,
        po_number=draft.po_number,
        po_number_on=draft.po_number_on,
        delivery_address=json.dumps(draft.delivery_address, sort_keys=True),
        missing_address_fields=missing_fields(draft.delivery_address),
        account_block_reason=draft.block_reason,
        account_closed=draft.account_status is AccountStatus.CLOSED,
        credit_limit=draft.credit_limit,
        open_exposure=draft.open_exposure,
        groups=draft.groups,
        base_amount=draft.base_amount,
        today=company.today(),
        price_allowance=company.price_allowance,
        lines=[_line(line) for line in draft.lines],
    )
    found = check(facts)
    return check(facts, await orders.overrides(session, draft.id)) if standing_in_the_way(found) else found


def stored(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as the order keeps them."""
    return [asdict(finding) for finding in findings]


async def check_draft(session: AsyncSession, *, company: Company, order_id: UUID) -> list[Finding]:
    """Check a draft and keep what was found beside it. The order itself stays as it is, and so does its version.

    Raises:
        Conflict: the order is no draft any more; the check that it passed stays on record.

    """
    draft = await read(session, order_id, locked=Locked.ORDER)
    if draft.status is not OrderStatus.DRAFT:
        raise Conflict(f"{draft.number} is {draft.status}: only a draft is checked")
    findings = await review(session, company=company, draft=draft)
    await orders.keep_findings(session, draft.id, stored(findings))
    return findings


def _line(line: DraftLine) -> LineFacts:
    return LineFacts(
        line_no=line.line_no,
        sku=line.sku,
        product_active=line.product_status is ProductStatus.ACTIVE,
        minimum_quantity=line.minimum_quantity,
        order_multiple=line.order_multiple,
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
    found = await check_draft(session, company=company, order_id=order_id)
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
