"""How many statements the hot routes of orders send; the transaction's own and the key's look-up are not counted."""

from collections.abc import Awaitable
from typing import Any

from httpx import Response

from tests.conftest import BoundDatabase
from tests.orders.factories import Shop, day, ok
from tests.statements import counted


async def test_statements(shop: Shop, database: BoundDatabase) -> None:
    for sku in ("CHAI", "TOFU", "KONBU"):
        await shop.product(sku, stock="100", production_days=5)
    url = "/v1/orders"

    async def count(call: Awaitable[Response]) -> tuple[int, Any]:
        async with counted(database.connection) as sent:
            body = ok(await call)
        return len(sent), body

    async def whole_life(lines: int) -> dict[str, int]:
        wanted = [{"sku": sku, "quantity": "1", "requested_on": day(2)} for sku in ("CHAI", "TOFU", "KONBU")[:lines]]
        counts = {}
        counts["create"], order = await count(shop.client.post(url, json=shop.draft(*wanted, po_number=f"PO-{lines}")))
        own = f"{url}/{order['id']}"
        counts["check"], _ = await count(shop.client.post(f"{own}/check"))
        counts["promise"], _ = await count(shop.client.post(f"{own}/promise"))
        counts["confirm"], _ = await count(shop.confirm(order))
        counts["list"], _ = await count(shop.client.get(url, params={"open_to_ship": True, "sort": "due_on"}))
        counts["get"], _ = await count(shop.client.get(own))
        counts["ship"], shipment = await count(shop.client.post(f"{own}/shipments", json={}))
        counts["deliver"], _ = await count(shop.client.post(f"{own}/shipments/{shipment['id']}/delivery", json={}))
        return counts

    one, three = await whole_life(1), await whole_life(3)
    assert one == three, "no statement is sent for each line"
    assert three == {
        "create": 8, "check": 4, "promise": 3, "confirm": 6, "list": 1, "get": 1, "ship": 13, "deliver": 16,
    }  # fmt: skip
