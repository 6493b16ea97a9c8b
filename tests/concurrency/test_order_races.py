"""Orders raced with real parallel transactions: what is promised can be kept, what is decided is decided once."""

import asyncio
import random
from decimal import Decimal
from typing import Any

from httpx import Response
from sqlalchemy import text

from app.kernel import clock, outbox
from tests import invariants
from tests.conftest import Live
from tests.orders.factories import Shop, ok


async def _all_holds(live: Live) -> None:
    await outbox.number_all(live.database)
    async with live.database.read() as connection:
        await invariants.check(connection, today=clock.today("UTC"))


async def _confirm(shop: Shop, order: dict[str, Any]) -> Response:
    return await shop.confirm(order, accept_dates=True, agreed_by="Ms Anders")


async def test_forty_orders_for_the_same_three_products(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", stock="60")
    await shop.product("TOFU", stock="40", production_days=3)
    await shop.product("KONBU", stock="80")
    chance = random.Random(7)  # noqa: S311 - a repeatable shuffle, no secret
    drafts = []
    for _ in range(40):
        skus = chance.sample(["CHAI", "TOFU", "KONBU"], 3)
        drafts.append(await shop.order(*({"sku": sku, "quantity": str(chance.randint(1, 4))} for sku in skus)))

    answers = await asyncio.gather(*(_confirm(shop, draft) for draft in drafts))

    assert {answer.status_code for answer in answers} == {200, 409}
    assert all("deadlock" not in answer.text for answer in answers)
    await _all_holds(live)
    async with live.database.read() as connection:
        promised = await connection.execute(
            text(
                "SELECT p.sku, sum(v.quantity) FROM reservations v"
                " JOIN products p ON p.id = v.product_id GROUP BY p.sku"
            )
        )
        sums: dict[str, Decimal] = dict(promised.all())
    confirmed = [ok(answer) for answer in answers if answer.status_code == 200]
    for sku in ("CHAI", "TOFU", "KONBU"):
        wanted = sum(Decimal(line["quantity"]) for order in confirmed for line in order["lines"] if line["sku"] == sku)
        assert sums[sku] == wanted
    assert sums["CHAI"] <= 60


async def test_one_order_confirmed_by_ten_at_once(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", stock="60")
    draft = await shop.order({"sku": "CHAI", "quantity": "5"})
    answers = await asyncio.gather(*(_confirm(shop, draft) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_the_credit_limit_holds_when_orders_are_confirmed_at_once(live: Live) -> None:
    shop = await Shop.open(live.client, credit_limit="100.00")
    await shop.product("CHAI", stock="600")
    drafts = [await shop.order({"sku": "CHAI", "quantity": "3"}) for _ in range(8)]
    answers = await asyncio.gather(*(_confirm(shop, draft) for draft in drafts))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 5


async def test_cancel_against_ship(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", stock="60")
    for _ in range(5):
        order = await shop.confirmed({"sku": "CHAI", "quantity": "5"})
        url, match = f"/v1/orders/{order['id']}", {"If-Match": f'"v{order["version"]}"'}
        shipped, cancelled = await asyncio.gather(
            live.client.post(f"{url}/shipments", json={}),
            live.client.post(f"{url}/cancel", json={"reason": "too late?"}, headers=match),
        )
        assert (shipped.status_code, cancelled.status_code) in {(201, 412), (409, 200)}
        await _all_holds(live)


async def test_a_shipment_sent_twice_with_one_key_leaves_once(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", stock="60")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "6"})
    body = {"lines": [{"line_no": 1, "quantity": "3"}]}
    answers = await asyncio.gather(
        *(
            live.client.post(f"/v1/orders/{order['id']}/shipments", json=body, headers={"Idempotency-Key": "ship-1"})
            for _ in range(6)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    shipped = ok(await live.client.get(f"/v1/orders/{order['id']}"))["lines"][0]["shipped_quantity"]
    assert shipped == "3"
