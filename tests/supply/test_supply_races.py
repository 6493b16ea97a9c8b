"""Promises under concurrency, with real commits: what is promised by a day never exceeds the supply by it."""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from app.kernel.writes import Writes
from app.products.models import Product
from app.supply import service
from app.supply.models import Reservation, StockItem
from app.supply.promise import Wanted
from tests.conftest import Live
from tests.supply.calls import receipt
from tests.supply.goods import COUNTED, TODAY, add_product, count_stock, day, expect


async def confirm(live: Live, products: list[UUID], quantity: int) -> bool:
    """What a confirmation does: all lines by day 30, or nothing."""
    async with live.database.transaction() as session:
        await service.lock_items(session, product_ids=products)
        ledgers = await service.ledgers(session, product_ids=products, today=TODAY)
        wanted = [Wanted(uuid7(), each, Decimal(quantity), TODAY) for each in products]
        promises = service.propose(ledgers, wanted=wanted, today=TODAY)
        booked = [(w.line_id, w.product_id, w.quantity, p) for w, p in zip(wanted, promises, strict=True) if p]
        if len(booked) < len(wanted):
            return False
        writes = Writes(session)
        service.reserve(writes, order_id=uuid7(), order_number="SO", lines=booked)
        await writes.send()
        return True


async def set_up(live: Live, *skus: str) -> list[Product]:
    async with live.database.transaction() as session:
        products = [await add_product(session, sku) for sku in skus]
        for product in products:
            await count_stock(session, product, 20)
            await expect(session, product, 25, day(5))
            await expect(session, product, 15, day(9))
    return products


async def promised_by_day(live: Live, product: Product) -> Counter[int]:
    async with live.database.read() as reader:
        rows = (
            await reader.execute(
                select(Reservation.promised_on, Reservation.quantity).where(Reservation.product_id == product.id)
            )
        ).all()
    by_day: Counter[int] = Counter()
    for promised_on, quantity in rows:
        for number in range(20):
            if promised_on <= TODAY + timedelta(days=number):
                by_day[number] += int(quantity)
    return by_day


async def test_thirty_at_once_never_promise_more_than_comes(live: Live) -> None:
    (product,) = await set_up(live, "CHAI")
    done = await asyncio.gather(*(confirm(live, [product.id], 3) for _ in range(30)))
    by_day = await promised_by_day(live, product)
    for number in range(20):
        assert by_day[number] <= 20 + (25 if number >= 5 else 0) + (15 if number >= 9 else 0)
    assert sum(done) == 20  # 60 come, 3 each: nothing is left over either


async def test_two_products_in_opposite_order_do_not_deadlock(live: Live) -> None:
    one, two = await set_up(live, "ONE", "TWO")
    orders = [[one.id, two.id] if number % 2 else [two.id, one.id] for number in range(30)]
    done = await asyncio.gather(*(confirm(live, products, 2) for products in orders))
    assert all(done)
    assert (await promised_by_day(live, one))[19] == 60


async def test_products_that_nobody_touched_before_do_not_deadlock(live: Live) -> None:
    async with live.database.transaction() as session:
        ids = [(await add_product(session, f"NEW-{number}")).id for number in range(6)]

    async def touch(number: int) -> None:
        async with live.database.transaction() as session:
            await service.lock_items(session, product_ids=ids[number % 6 :] + ids[: number % 6])

    await asyncio.gather(*(touch(number) for number in range(30)))
    async with live.database.read() as reader:
        assert len((await reader.execute(select(StockItem.product_id))).all()) == 6


async def test_a_receipt_told_twenty_times_at_once_is_booked_once(live: Live) -> None:
    (product,) = await set_up(live, "CHAI")
    body = {
        "source": "mes", "external_id": "WO-1", "sku": "CHAI", "quantity": "7", "due_on": str(TODAY),
        "status": "received",
    }  # fmt: skip
    answers = await asyncio.gather(*(live.client.post("/v1/receipts", json=body) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert (await live.client.get(f"/v1/stock/{product.id}")).json()["on_hand"] == "27"


async def test_counts_race_and_the_latest_stands(live: Live) -> None:
    (product,) = await set_up(live, "CHAI")
    bodies = [
        {"sku": "CHAI", "quantity": str(number), "counted_at": (COUNTED + timedelta(minutes=number)).isoformat()}
        for number in range(1, 21)
    ]
    await asyncio.gather(*(live.client.post("/v1/stock-counts", json=body) for body in bodies))
    assert (await live.client.get(f"/v1/stock/{product.id}")).json()["on_hand"] == "20"


async def test_one_receipt_told_of_two_products_at_once_costs_no_other_row(live: Live) -> None:
    await set_up(live, "CHAI", "TOFU")
    for number in range(10):
        names = [f"WO-{number}-{each}" for each in range(3)]
        bodies = [
            {"receipts": [receipt(external_id=name, sku=sku) for name in order]}
            for sku, order in (("CHAI", names), ("TOFU", names[::-1]))
        ]
        told = await asyncio.gather(*(live.client.post("/v1/receipts/bulk", json=body) for body in bodies))
        assert [answer.status_code for answer in told] == [200, 200], [answer.text for answer in told]
        results = [[row["status"] for row in answer.json()["data"]] for answer in told]
        assert sorted(results) == [["created"] * 3, ["invalid"] * 3]
