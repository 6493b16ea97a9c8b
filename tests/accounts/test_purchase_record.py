"""The purchase record: entered by orders through the service, read over HTTP."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import service
from app.accounts.models import Account
from app.accounts.rules import AccountStatus, Move
from app.accounts.schemas import AccountRead, PurchaseRecord
from app.kernel import clock
from app.kernel.errors import NotFound
from app.kernel.outbox import OutboxEvent

TODAY = datetime(2026, 6, 15, 12, tzinfo=UTC)


async def account(tx: AsyncSession, **fields: object) -> Account:
    created = await service.create_account(tx, account=Account(name="Alfreds", currency="EUR", **fields))
    return await service.lock_account(tx, account_id=created.id)


async def sell(tx: AsyncSession, customer: Account, amount: str, day: str) -> UUID:
    order_id = uuid7()
    on = date.fromisoformat(day)
    await service.record_sale(tx, account=customer, order_id=order_id, amount=Decimal(amount), on=on)
    return order_id


async def record_of(client: AsyncClient, customer: Account) -> dict[str, Any]:
    alone = (await client.get(f"/v1/accounts/{customer.id}/purchase-record")).json()
    whole = (await client.get(f"/v1/accounts/{customer.id}")).json()
    assert AccountRead.model_validate(whole).purchase_record == PurchaseRecord.model_validate(alone)
    assert whole["purchase_record"] == alone
    return alone  # type: ignore[no-any-return]


async def test_sales_and_returns(tx: AsyncSession, client: AsyncClient) -> None:
    customer, other = await account(tx), await account(tx)
    with clock.at(TODAY):
        await sell(tx, customer, "100.10", "2025-06-15")
        await sell(tx, customer, "50", "2025-06-16")
        order = await sell(tx, customer, "200.25", "2026-06-01")
        await service.record_return(tx, account=customer, order_id=order, amount=Decimal("20.25"), on=date(2026, 6, 10))
        await service.record_return(tx, account=customer, order_id=order, amount=Decimal("1.5"), on=date(2026, 6, 11))
        await sell(tx, other, "7", "2026-06-01")
        await tx.commit()
        assert await record_of(client, customer) == {
            "currency": "USD",
            "orders": 3,
            "revenue_lifetime": "328.60",
            "revenue_last_12_months": "228.50",  # the day a year ago is out
            "first_order_on": "2025-06-15",
            "last_order_on": "2026-06-01",
            "usual_interval_days": 176,  # of 1 and 350: 175.5
        }
        assert (await record_of(client, other))["usual_interval_days"] is None


@pytest.mark.parametrize(
    ("days", "usual"),
    [
        (["2026-01-01"], None),
        (["2026-01-01", "2026-01-01"], None),
        (["2026-01-01", "2026-01-08", "2026-01-08"], 7),
        (["2026-01-01", "2026-01-08", "2026-01-18", "2026-03-01"], 10),
        (["2026-03-01", "2026-01-01", "2026-01-08"], 30),
    ],
)
async def test_the_usual_interval_is_between_days_with_orders(
    tx: AsyncSession, client: AsyncClient, days: list[str], usual: int | None
) -> None:
    customer = await account(tx)
    for day in days:
        await sell(tx, customer, "1", day)
    await tx.commit()
    assert (await record_of(client, customer))["usual_interval_days"] == usual


async def test_the_first_order_makes_a_customer(tx: AsyncSession) -> None:
    customer = await account(tx)
    assert (customer.status, customer.version) == (AccountStatus.PROSPECT, 1)
    await sell(tx, customer, "1", "2026-06-01")
    assert (customer.status, customer.version) == (AccountStatus.ACTIVE, 2)
    await sell(tx, customer, "1", "2026-06-02")
    types = select(OutboxEvent.type).where(OutboxEvent.subject_id == customer.id).order_by(OutboxEvent.seq)
    await tx.flush()
    assert list(await tx.scalars(types)) == [
        "account.created",
        "account.activated",
        "account.purchase_recorded",
        "account.purchase_recorded",
    ]


async def test_a_blocked_prospect_that_bought_unblocks_as_a_customer(tx: AsyncSession) -> None:
    customer = await account(tx)
    await service.move_account(tx, account_id=customer.id, expected=1, move=Move.BLOCK, reason="no papers")
    await sell(tx, customer, "1", "2026-06-01")
    seen = [customer.status]
    await service.move_account(tx, account_id=customer.id, expected=customer.version, move=Move.UNBLOCK)
    assert [*seen, customer.status] == [AccountStatus.BLOCKED, AccountStatus.ACTIVE]


async def test_an_order_is_entered_once(tx: AsyncSession) -> None:
    customer = await account(tx)
    order = await sell(tx, customer, "1", "2026-06-01")
    with pytest.raises(IntegrityError, match="uq_purchase_entries_sale"):
        async with tx.begin_nested():
            await service.record_sale(tx, account=customer, order_id=order, amount=Decimal(1), on=date(2026, 6, 1))


async def test_exposure_is_added_up_under_the_lock(tx: AsyncSession, client: AsyncClient) -> None:
    customer = await account(tx, credit_limit=Decimal(500))
    service.change_exposure(customer, by=Decimal("120.50"))
    service.change_exposure(customer, by=Decimal("-20.25"))
    await tx.commit()
    shown = (await client.get(f"/v1/accounts/{customer.id}")).json()
    assert (shown["open_exposure"], shown["credit_limit"], shown["version"]) == ("100.25", "500", 2)


async def test_nobody_is_not_locked(tx: AsyncSession) -> None:
    with pytest.raises(NotFound):
        await service.lock_account(tx, account_id=uuid7())
