"""Filters that bound a list's order leave out and repeat no row, in either direction, on any page."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.schema import MOST_FOUND
from app.products.models import ExchangeRate

_FIRST = date(2026, 1, 1)
_INSERT_PRODUCTS = """
    INSERT INTO products
        (id, sku, name, unit, minimum_quantity, order_multiple, status, version, created_at, updated_at)
    SELECT gen_random_uuid(), 'T-' || n, 'Tea', 'pcs', 1, 1, 'active', 1, now(), now() FROM generate_series(1, :n) AS n
"""


@pytest.fixture
async def rates(tx: AsyncSession) -> list[ExchangeRate]:
    """Three rates on each of ten days, in three currencies."""
    made = [
        ExchangeRate(currency=currency, to_currency=other, day=_FIRST + timedelta(days=n), rate=Decimal(1))
        for n in range(10)
        for currency in ("CHF", "EUR", "GBP")
        for other in ("USD", "JPY", "SEK")
    ]
    tx.add_all(made)
    await tx.flush()
    return made


async def _walk(client: AsyncClient, **parameters: Any) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await client.get("/v1/exchange-rates", params={**parameters, **cursor, "limit": 4})).json()
        found += [row["id"] for row in answer["data"]]
        if not answer["has_more"]:
            return found
        cursor = {"cursor": answer["next_cursor"]}


@pytest.mark.parametrize("sort", ["day", "-day"])
@pytest.mark.parametrize("day_from", [None, 0, 3])
@pytest.mark.parametrize("day_to", [None, 3, 6])
@pytest.mark.parametrize("currency", [None, "EUR"])
async def test_pages_hold_what_the_filters_say(
    client: AsyncClient,
    rates: list[ExchangeRate],
    sort: str,
    day_from: int | None,
    day_to: int | None,
    currency: str | None,
) -> None:
    days = {"day_from": day_from, "day_to": day_to}
    parameters: dict[str, Any] = {name: _FIRST + timedelta(days=n) for name, n in days.items() if n is not None}
    parameters |= {} if currency is None else {"currency": currency}
    wanted = [
        (rate.day, rate.id)
        for rate in rates
        if currency in (None, rate.currency)
        and parameters.get("day_from", rate.day) <= rate.day <= parameters.get("day_to", rate.day)
    ]
    found = await _walk(client, sort=sort, **parameters)
    assert found == [str(identity) for _, identity in sorted(wanted, reverse=sort.startswith("-"))]


async def test_words_that_begin_very_many_rows_are_refused(client: AsyncClient, tx: AsyncSession) -> None:
    await tx.execute(text(_INSERT_PRODUCTS), {"n": MOST_FOUND})
    answer = await client.get("/v1/products", params={"words": "tea", "limit": 1})
    assert answer.json()["has_more"]
    await tx.execute(text(_INSERT_PRODUCTS.replace("'T-'", "'U-'")), {"n": 1})
    refused = await client.get("/v1/products", params={"words": "tea"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "too_common")
    answer = await client.get("/v1/products", params={"words": "tea u"})
    assert [row["sku"] for row in answer.json()["data"]] == ["U-1"]
