"""What other domains call: products by SKU, list prices for many lines, exchange rates; and what it costs."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel.errors import Invalid
from app.kernel.outbox import OutboxEvent
from app.products import service
from app.products.models import ExchangeRate, Price, PriceList, Product
from app.products.schemas import PriceListCreate, ProductCreate
from tests.conftest import BoundDatabase
from tests.statements import counted

DAY = date(2026, 6, 1)


async def product(tx: AsyncSession, sku: str) -> Product:
    return await service.create(tx, body=ProductCreate(sku=sku, name=sku))


async def price_list(tx: AsyncSession, code: str, **fields: object) -> PriceList:
    body = {"code": code, "name": code, "currency": "USD", "valid_from": DAY - timedelta(100), **fields}
    return await service.create_price_list(tx, body=PriceListCreate.model_validate(body))


async def test_by_sku_answers_each_sku_as_asked(tx: AsyncSession, database: BoundDatabase) -> None:
    chai, chang = await product(tx, "Chai"), await product(tx, "Chang")
    await tx.flush()
    async with counted(database.connection) as sent:
        found = await service.by_sku(tx, skus=["CHAI", "chai", "Chang", "nothing", "' OR 1=1"])
    assert found == {"CHAI": chai, "chai": chai, "Chang": chang}
    assert len(sent) == 1
    assert await service.by_sku(tx, skus=[]) == {}


@pytest.mark.parametrize("seed", range(4))
async def test_unit_prices_agree_with_the_rule_written_down(
    tx: AsyncSession, database: BoundDatabase, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a test's
    standard, special = await price_list(tx, "STD", is_default=True), await price_list(tx, "SPECIAL")
    products = [await product(tx, f"P{n}") for n in range(5)]
    await tx.flush()
    rows: dict[tuple[object, ...], Price] = {}
    for n in range(300):
        start = DAY + timedelta(random.randint(-5, 3))
        price = Price(
            price_list_id=random.choice([standard, special]).id,
            product_id=random.choice(products[1:]).id,
            min_quantity=Decimal(random.randint(1, 8)),
            unit_price=Decimal(n),
            valid_from=start,
            valid_to=random.choice([None, start + timedelta(random.randint(0, 5))]),
        )
        rows.setdefault((price.price_list_id, price.product_id, price.min_quantity, price.valid_from), price)
    tx.add_all(rows.values())
    await tx.flush()

    def expected(price_list: PriceList, product_id: object, quantity: Decimal) -> Decimal | None:
        valid = [
            price
            for price in rows.values()
            if (price.price_list_id, price.product_id) == (price_list.id, product_id)
            and price.valid_from <= DAY <= (price.valid_to or DAY)
            and price.min_quantity <= quantity
        ]
        best = max(valid, key=lambda price: (price.min_quantity, price.valid_from), default=None)
        return best.unit_price if best else None

    wanted = [(random.choice(products).id, Decimal(random.randint(2, 20)) / 2) for _ in range(200)]
    for asked, used in ((None, standard), (special.id, special)):
        async with counted(database.connection) as sent:
            found = await service.unit_prices(tx, price_list_id=asked, currency="USD", wanted=wanted, on=DAY)
        assert found == [expected(used, product_id, quantity) for product_id, quantity in wanted]
        assert len(sent) == 1
        assert any(price is None for price in found)


async def test_a_list_in_another_currency_has_no_price(tx: AsyncSession) -> None:
    listed, chai = await price_list(tx, "STD", is_default=True), await product(tx, "CHAI")
    await tx.flush()
    tx.add(Price(price_list_id=listed.id, product_id=chai.id, min_quantity=1, unit_price=5, valid_from=DAY))
    await tx.flush()
    wanted = [(chai.id, Decimal(1)), (uuid7(), Decimal(1))]
    for asked, currency, on, found in (
        (None, "USD", DAY, [Decimal(5), None]),
        (listed.id, "USD", DAY, [Decimal(5), None]),
        (listed.id, "EUR", DAY, [None, None]),
        (None, "EUR", DAY, [None, None]),
        (None, "USD", DAY - timedelta(1), [None, None]),
    ):
        prices = await service.unit_prices(tx, price_list_id=asked, currency=currency, wanted=wanted, on=on)
        assert prices == found
    assert await service.unit_prices(tx, price_list_id=None, currency="USD", wanted=[], on=DAY) == []


async def test_rate_to_company(tx: AsyncSession) -> None:
    async def rate(currency: str, on: date, company: str = "USD") -> Decimal:
        return await service.rate_to_company(tx, currency=currency, company_currency=company, on=on)

    tx.add(ExchangeRate(currency="EUR", to_currency="USD", day=DAY, rate=Decimal("1.08")))
    await tx.flush()
    assert await rate("USD", DAY) == 1
    assert await rate("EUR", DAY + timedelta(365)) == Decimal("1.08")
    for currency, on, company in (("EUR", DAY - timedelta(1), "USD"), ("GBP", DAY, "USD"), ("EUR", DAY, "CHF")):
        with pytest.raises(Invalid) as refused:
            await rate(currency, on, company)
        assert refused.value.errors[0].pointer == "/currency"


async def test_bulk_costs_the_same_number_of_statements_for_any_number_of_rows(
    client: AsyncClient, database: BoundDatabase
) -> None:
    listed = {"code": "STD", "name": "Standard", "currency": "USD", "valid_from": "2026-01-01"}
    prices_url = f"/v1/price-lists/{(await client.post('/v1/price-lists', json=listed)).json()['id']}/prices/bulk"
    for size in (2, 500):
        products = [{"sku": f"{size}-{n}", "name": "A product"} for n in range(size)]
        prices = [{"sku": each["sku"], "unit_price": "1", "valid_from": "2026-01-01"} for each in products]
        changed = [each | {"name": "Another"} for each in products[1:]] + [{"sku": f"{size}-x", "name": "New"}]
        dearer = [each | {"unit_price": "2"} for each in prices[1:]]
        for url, body, statements in (
            ("/v1/products/bulk", {"products": products}, 3),
            ("/v1/products/bulk", {"products": changed}, 3),
            ("/v1/products/bulk", {"products": changed}, 2),
            (prices_url, {"prices": prices}, 3),
            (prices_url, {"prices": [*dearer, prices[0] | {"min_quantity": "5"}]}, 3),
            (prices_url, {"prices": dearer}, 2),
        ):
            async with counted(database.connection) as sent:
                response = await client.post(url, json=body)
            assert {result["status"] for result in response.json()["data"]} <= {"created", "updated", "unchanged"}
            assert len(sent) == statements, "\n".join(sent)


async def test_changes_are_told_with_old_and_new_values(client: AsyncClient, tx: AsyncSession) -> None:
    await client.post("/v1/products/bulk", json={"products": [{"sku": "A", "name": "A"}]})
    await client.post("/v1/products/bulk", json={"products": [{"sku": "a", "name": "B", "production_days": 3}]})
    listed = {"code": "STD", "name": "Standard", "currency": "USD", "valid_from": "2026-01-01"}
    url = f"/v1/price-lists/{(await client.post('/v1/price-lists', json=listed)).json()['id']}/prices"
    for unit_price in ("1.50", "1.5", "2"):
        row = {"sku": "a", "unit_price": unit_price, "valid_from": "2026-01-01"}
        price_id = (await client.post(f"{url}/bulk", json={"prices": [row]})).json()["data"][0]["id"]
    await client.delete(f"{url}/{price_id}", headers={"If-Match": '"v2"'})
    told = (await tx.execute(select(OutboxEvent.type, OutboxEvent.data).order_by(OutboxEvent.seq))).all()
    assert [kind for kind, _ in told] == [
        "product.created",
        "product.updated",
        "price_list.created",
        "price.set",
        "price.set",
        "price.removed",
    ]
    assert told[1][1]["changes"] == [
        {"field": "name", "old": "A", "new": "B"},
        {"field": "production_days", "old": None, "new": 3},
    ]
    assert (told[3][1]["sku"], told[3][1]["unit_price"], told[3][1]["changes"]) == ("A", "1.50", [])
    assert told[4][1]["changes"] == [{"field": "unit_price", "old": "1.50", "new": "2"}]
    assert told[5][1]["price_id"] == price_id
