"""Real receipts take the place of planned ones once, however often they are told."""

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.products.models import Product
from app.supply import service
from app.supply.schemas import ReceiptRead
from tests.supply.calls import Json, listed, receipt, tell
from tests.supply.goods import day, take


async def plan(tx: AsyncSession, product: Product, quantity: int, due: int = 20) -> str:
    """The id of a planned receipt."""
    return str((await take(tx, product, quantity, day(0), day(due))).receipt_id)


async def left(client: AsyncClient, planned: str) -> int:
    shown = (await client.get(f"/v1/receipts/{planned}")).json()
    return int(shown["quantity"]) if shown["status"] == "planned" else 0


async def refused(client: AsyncClient, **fields: object) -> list[tuple[str, str]]:
    response = await client.post("/v1/receipts", json=receipt(**fields))
    assert response.status_code == 422, response.text
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


async def test_a_quantity_that_goes_down_and_up_replaces_once(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    planned = await plan(tx, chai, 30)
    seen = []
    for quantity in ("10", "5", "10", "5", "10", "12", "10", "12"):
        told = ReceiptRead.model_validate(await tell(client, quantity=quantity))
        seen.append((int(told.quantity), await left(client, planned), int(told.replaced_quantity)))
    ten = [(10, 20, 10), (5, 20, 10), (10, 20, 10), (5, 20, 10), (10, 20, 10)]
    assert seen == [*ten, (12, 18, 12), (10, 18, 12), (12, 18, 12)]


@pytest.mark.parametrize("news", [{"due_on": str(day(15))}, {"status": "planned"}, {"status": "received"}, {}])
async def test_news_of_what_came_on_top_replaces_nothing_that_was_planned_since(
    client: AsyncClient, chai: Product, tx: AsyncSession, news: Json
) -> None:
    await tell(client, quantity="10", status="planned")
    await take(tx, chai, 10, day(12))
    planned = await plan(tx, chai, 30)
    await tell(client, quantity="4", status="planned")
    shown = await tell(client, quantity="10", **{"status": "confirmed", **news})
    assert (shown["replaced_quantity"], await left(client, planned)) == ("0", 30)
    assert [row["shortage"] for row in await listed(client, "production/requirements", sku="chai")][-1] == "0"


async def test_planned_ones_that_are_named_later_are_replaced_then(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    first, second = await plan(tx, chai, 4), await plan(tx, chai, 30)
    on_top = await tell(client, quantity="10", replaces=[])
    assert (await left(client, first), await left(client, second)) == (4, 30)
    named = await tell(client, quantity="10", replaces=[first])
    assert (await left(client, first), named["replaced_quantity"], named["version"]) == (0, "4", on_top["version"] + 1)
    assert await tell(client, quantity="10", replaces=[first]) == named
    both = await tell(client, quantity="10", replaces=[second, first])
    assert (await left(client, second), both["replaced_quantity"]) == (24, "10")
    assert await tell(client, quantity="10", replaces=[second, first]) == both
    events = (await client.get(f"/v1/receipts/{on_top['id']}/history")).json()["data"]
    assert {"field": "replaced_quantity", "old": "4", "new": "10"} in [
        change for event in events for change in event["data"]["changes"]
    ]


async def test_what_is_replaced_by_another_or_cancelled_cannot_be_named(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    planned = await plan(tx, chai, 10)
    order = await take(tx, chai, 3, day(0), day(20))
    await tell(client, external_id="A", quantity="10", replaces=[planned])
    assert await refused(client, external_id="B", quantity="5", replaces=[planned]) == [("/replaces/0", "replaced")]
    await service.release(tx, order_id=order.order_id)
    names = [planned, str(order.receipt_id)]
    assert await refused(client, external_id="A", quantity="12", replaces=names) == [("/replaces/1", "replaced")]
    rows = [receipt(external_id=name, quantity="7", replaces=[await plan(tx, chai, 7)]) for name in "CD"]
    rows[1]["replaces"] = rows[0]["replaces"]
    answer = await client.post("/v1/receipts/bulk", json={"receipts": rows})
    assert [row["status"] for row in answer.json()["data"]] == ["created", "invalid"]
    assert answer.json()["data"][1]["errors"][0]["pointer"] == "/receipts/1/replaces/0"


async def test_a_receipt_that_has_replaced_all_it_can_may_go_on_naming_what_has_ended_since(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    order = await take(tx, chai, 30, day(0), day(20))
    names = [str(order.receipt_id)]
    told = await tell(client, quantity="10", replaces=names)
    await service.release(tx, order_id=order.order_id)
    assert await tell(client, quantity="10", replaces=names) == told
    assert (await tell(client, quantity="10", due_on=str(day(14)), replaces=names))["due_on"] == str(day(14))
    assert await refused(client, quantity="11", replaces=names) == [("/replaces/0", "replaced")]


async def test_named_ones_go_by_their_due_day(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    later, sooner = await plan(tx, chai, 10, 20), await plan(tx, chai, 10, 9)
    await tell(client, quantity="12", replaces=[later, sooner])
    assert (await left(client, sooner), await left(client, later)) == (0, 8)
