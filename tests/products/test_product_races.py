"""Writers in parallel, with real commits."""

import asyncio
from collections import Counter
from random import Random

from tests.conftest import Live


async def test_bulk_writers_of_the_same_skus_neither_lose_nor_double_a_product(live: Live) -> None:
    random = Random(7)  # noqa: S311 - a test's
    rows = [{"sku": f"S{n}", "name": "before"} for n in range(60)]
    await live.client.post("/v1/products/bulk", json={"products": rows[:20]})

    async def write(writer: int) -> Counter[str]:
        mine = [
            {**row, "sku": row["sku"].swapcase() if writer % 2 else row["sku"], "name": f"{writer}"} for row in rows
        ]
        random.shuffle(mine)
        response = await live.client.post("/v1/products/bulk", json={"products": mine})
        assert response.status_code == 200, response.text
        return Counter(result["status"] for result in response.json()["data"])

    total: Counter[str] = sum(await asyncio.gather(*map(write, range(8))), Counter())
    assert total == {"created": 40, "updated": 8 * 60 - 40}
    products = (await live.client.get("/v1/products", params={"limit": "200"})).json()["data"]
    assert len(products) == 60
    assert sum(product["version"] - 1 for product in products) == total["updated"]


async def test_importers_of_one_list_wait_for_each_other(live: Live) -> None:
    await live.client.post("/v1/products/bulk", json={"products": [{"sku": f"S{n}", "name": "P"} for n in range(20)]})
    listed = {"code": "STD", "name": "Standard", "currency": "USD", "valid_from": "2026-01-01"}
    url = f"/v1/price-lists/{(await live.client.post('/v1/price-lists', json=listed)).json()['id']}/prices"

    async def write(writer: int) -> Counter[str]:
        rows = [{"sku": f"S{n}", "unit_price": f"{writer}", "valid_from": "2026-01-01"} for n in range(20)]
        response = await live.client.post(f"{url}/bulk", json={"prices": rows[:: -1 if writer % 2 else 1]})
        assert response.status_code == 200, response.text
        return Counter(result["status"] for result in response.json()["data"])

    total: Counter[str] = sum(await asyncio.gather(*map(write, range(8))), Counter())
    assert total == {"created": 20, "updated": 140}
    prices = (await live.client.get(url, params={"limit": "200"})).json()["data"]
    assert ({price["version"] for price in prices}, len({price["unit_price"] for price in prices})) == ({8}, 1)


async def test_a_currency_has_one_default_list_however_many_want_to_be_it(live: Live) -> None:
    listed = {"name": "A list", "currency": "USD", "valid_from": "2026-01-01", "is_default": True}

    async def add(n: int) -> int:
        return (await live.client.post("/v1/price-lists", json={**listed, "code": f"L{n}"})).status_code

    statuses = await asyncio.gather(*map(add, range(10)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    lists = (await live.client.get("/v1/price-lists")).json()["data"]
    assert len(lists) == statuses.count(201)
    assert sum(each["is_default"] for each in lists) == 1


async def test_the_same_rate_set_in_parallel_is_one(live: Live) -> None:
    async def put(n: int) -> int:
        return (await live.client.put("/v1/exchange-rates/EUR/2026-06-01", json={"rate": f"1.{n}"})).status_code

    assert sorted(await asyncio.gather(*map(put, range(1, 11)))) == [200] * 9 + [201]
    assert len((await live.client.get("/v1/exchange-rates")).json()["data"]) == 1
