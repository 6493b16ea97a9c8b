"""Opportunities of files: what may be said of them, and what becomes of those that are there."""

from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.outbox import OutboxEvent
from tests.accounts.customers import account
from tests.transfer.conftest import Import, counts, ndjson

ROW = {
    "source": "crm",
    "external_id": "1",
    "name": "Deal",
    "opened_on": "2026-01-01",
    "expected_close_on": "2030-01-01",
}
OPENED: dict[str, Any] = ROW | {"currency": "USD", "amount": "100", "stage": "prospecting"}


async def taken(import_: Import, *rows: dict[str, Any]) -> tuple[int, int, int, int]:
    return counts(await import_("opportunities", ndjson(*rows), format="ndjson"))


async def the_one(client: AsyncClient) -> dict[str, Any]:
    (found,) = (await client.get("/v1/opportunities")).json()["data"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stage": "won"}, "account_id: is needed for a won one"),
        ({"stage": "lost"}, "lost_reason: is needed for a lost one"),
        ({"stage": "nowhere"}, "stage: no stage has the code or name 'nowhere'"),
        ({"lost_reason": "price"}, "lost_reason: is of a lost one"),
        ({"closed_on": "2026-02-01"}, "closed_on: is the day of a decision"),
        ({"stage": "lost", "lost_reason": "price", "closed_on": "2025-01-01"}, "closed_on: lies before opened_on"),
        ({"stage": "lost", "lost_reason": "price", "closed_on": "2999-01-01"}, "closed_on: lies in the future"),
        ({"opened_on": "2999-01-01"}, "opened_on: lies in the future"),
        ({"expected_close_on": None}, "expected_close_on: is needed while it is open"),
        ({"sku": "NONE", "unit_price": "1", "amount": None}, "sku: no product has the SKU NONE"),
        ({"sku": "NONE", "amount": None}, "a line needs its unit_price"),
        ({"currency": "EUR"}, "currency: no exchange rate of EUR to USD"),
        ({"next_step_on": "2030-01-01"}, "next_step_on: needs a next_step"),
        ({"external_id": "1", "source": None}, "external_id goes with a source"),
        ({"number": "OP-1", "id": "0198c1de-0000-7000-8000-000000000000"}, "id: no opportunity has this id"),
    ],
    ids=str,
)
async def test_what_cannot_be(import_: Import, rejected: Callable[[], str], fields: dict[str, Any], says: str) -> None:
    assert await taken(import_, OPENED | fields) == (0, 0, 0, 1)
    assert says in rejected()


async def test_it_moves_is_won_and_is_open_again(client: AsyncClient, tx: AsyncSession, import_: Import) -> None:
    acme = await account(client, currency="USD")
    assert await taken(import_, OPENED) == (1, 0, 0, 0)
    assert await taken(import_, OPENED, OPENED | {"stage": "proposal"}) == (0, 1, 1, 0)
    assert (await the_one(client))["probability"] == "0.50"
    won = OPENED | {"stage": "won", "closed_on": "2026-03-01", "account_id": acme["id"]}
    assert await taken(import_, won) == (0, 1, 0, 0)
    assert await taken(import_, won) == (0, 0, 1, 0)
    found = await the_one(client)
    assert (found["state"], found["closed_on"], found["stage_changed_at"]) == (
        "won",
        "2026-03-01",
        "2026-03-01T00:00:00Z",
    )
    assert await taken(import_, OPENED | {"name": "Again"}) == (0, 1, 0, 0)
    found = await the_one(client)
    assert (found["state"], found["closed_on"], found["name"]) == ("open", None, "Again")
    told = select(OutboxEvent.type).where(OutboxEvent.subject_id == found["id"]).order_by(OutboxEvent.seq)
    assert list(await tx.scalars(told)) == [f"opportunity.{act}" for act in ("created", "moved", "won", "reopened")]
    history = (await client.get(f"/v1/opportunities/{found['id']}/stage-changes", params={"sort": "at"})).json()["data"]
    assert [change["to_stage"] for change in history][:1] == ["prospecting"]
    assert sorted(change["to_stage"] for change in history) == ["proposal", "prospecting", "prospecting", "won"]


async def test_lines_are_replaced_and_their_sum_is_the_amount(client: AsyncClient, import_: Import) -> None:
    await import_("products", "sku,name\nTEA,Tea\nCAKE,Cake\n")
    lines = [
        {"sku": "tea", "quantity": "3", "unit_price": "9.99"},
        {"sku": "CAKE", "unit_price": "5", "discount": "0.5"},
    ]
    row = ROW | {"lines": lines}
    assert await taken(import_, row) == (1, 0, 0, 0)
    assert await taken(import_, row) == (0, 0, 1, 0)
    found = await the_one(client)
    assert (found["amount"], [line["sku"] for line in found["lines"]]) == ("32.47", ["TEA", "CAKE"])
    assert await taken(import_, ROW | {"amount": "1"}) == (0, 0, 0, 1)
    assert await taken(import_, ROW | {"lines": lines[:1]}) == (0, 1, 0, 0)
    assert await taken(import_, ROW | {"lines": lines[:1], "amount": "30"}) == (0, 0, 0, 1)
    found = await the_one(client)
    assert (found["amount"], len(found["lines"]), found["version"]) == ("29.97", 1, 2)


async def test_what_has_become_an_order_stays_what_was_ordered(
    client: AsyncClient, tx: AsyncSession, import_: Import, rejected: Callable[[], str]
) -> None:
    acme = await account(client, currency="USD")
    won = OPENED | {"stage": "won", "closed_on": "2026-03-01", "account_id": acme["id"]}
    await taken(import_, won)
    await tx.execute(text("UPDATE opportunities SET order_id = gen_random_uuid()"))
    assert await taken(import_, won | {"amount": "5"}) == (0, 0, 0, 1)
    assert "has become an order" in rejected()
    assert await taken(import_, won | {"notes": "good"}) == (0, 1, 0, 0)
