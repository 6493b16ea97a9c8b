"""Price lists, their prices, and the price that applies, over HTTP."""

from typing import Any

from httpx import AsyncClient, Response

from app.products.schemas import PriceListRead, PriceRead, Quote

RETAIL = {
    "code": "Retail-26",
    "name": "Retail 2026",
    "currency": "USD",
    "is_default": True,
    "valid_from": "2026-01-01",
    "valid_to": "2026-12-31",
}
NOBODY = "0198c1de-0000-7000-8000-000000000000"


async def add_product(client: AsyncClient, sku: str = "CHAI") -> str:
    response = await client.post("/v1/products", json={"sku": sku, "name": sku.title()})
    assert response.status_code == 201, response.text
    return response.json()["id"]  # type: ignore[no-any-return]


async def add_list(client: AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post("/v1/price-lists", json={**RETAIL, **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def bulk(client: AsyncClient, price_list: dict[str, Any], *rows: object) -> list[dict[str, Any]]:
    response = await client.post(f"/v1/price-lists/{price_list['id']}/prices/bulk", json={"prices": rows})
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]


def row(unit_price: str, **fields: object) -> dict[str, object]:
    return {"sku": "CHAI", "unit_price": unit_price, "valid_from": "2026-01-01", **fields}


async def quoted(client: AsyncClient, product_id: str, **query: str) -> Response:
    return await client.get(f"/v1/products/{product_id}/price", params={"on": "2026-06-01", **query})


async def test_create_get_and_list(client: AsyncClient) -> None:
    created = await client.post("/v1/price-lists", json=RETAIL)
    body = created.json()
    assert body | RETAIL == body
    assert PriceListRead.model_validate(body).code == "Retail-26"
    got = await client.get(created.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, '"v1"')
    await add_list(client, code="B", currency="EUR")
    for query, codes in (
        ({}, ["B", "Retail-26"]),
        ({"code": "retail-26"}, ["Retail-26"]),
        ({"currency": "EUR"}, ["B"]),
        ({"is_default": "false"}, []),
        ({"valid_on": "2027-01-01"}, []),
        ({"sort": "-code"}, ["Retail-26", "B"]),
    ):
        data = (await client.get("/v1/price-lists", params=query)).json()["data"]
        assert [price_list["code"] for price_list in data] == codes, query


async def test_a_period_has_an_end_after_its_beginning(client: AsyncClient) -> None:
    wrong = await client.post("/v1/price-lists", json={**RETAIL, "valid_to": "2025-12-31"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/valid_to")
    url = f"/v1/price-lists/{(await add_list(client))['id']}"
    wrong = await client.patch(url, json={"valid_from": "2027-01-01"}, headers={"If-Match": '"v1"'})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/valid_to")
    opened = await client.patch(url, json={"valid_to": None, "name": "Retail"}, headers={"If-Match": '"v1"'})
    assert (opened.json()["valid_to"], opened.json()["name"]) == (None, "Retail")


async def test_a_code_is_taken_in_any_case_and_a_currency_stays(client: AsyncClient) -> None:
    price_list = await add_list(client)
    taken = await client.post("/v1/price-lists", json={**RETAIL, "code": "RETAIL-26", "currency": "EUR"})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/code")
    url = f"/v1/price-lists/{price_list['id']}"
    assert (await client.patch(url, json={"currency": "EUR"}, headers={"If-Match": '"v1"'})).status_code == 422


async def test_the_default_moves(client: AsyncClient) -> None:
    first, second = await add_list(client), await add_list(client, code="NEXT")

    async def defaults() -> dict[str, int]:
        data = (await client.get("/v1/price-lists", params={"is_default": "true"})).json()["data"]
        return {each["code"]: each["version"] for each in data}

    assert await defaults() == {"NEXT": 1}
    url = f"/v1/price-lists/{first['id']}"
    assert (await client.patch(url, json={"is_default": True}, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.patch(url, json={"is_default": True}, headers={"If-Match": '"v2"'})).status_code == 200
    assert await defaults() == {"Retail-26": 3}
    assert (await client.patch(url, json={"is_default": True}, headers={"If-Match": '"v3"'})).status_code == 200
    assert await defaults() == {"Retail-26": 3}
    assert (await client.get(f"/v1/price-lists/{second['id']}")).json()["is_default"] is False


async def test_bulk_tells_what_became_of_every_row(client: AsyncClient) -> None:
    await add_product(client)
    price_list = await add_list(client)
    rows = (
        row("18.00"),
        row("16.00", sku="chai", min_quantity="10"),
        row("1", sku="UNKNOWN"),
        row("17", min_quantity="1.0"),
        row("-1"),
        row("17", valid_from="2026-07-01", valid_to="2026-06-30"),
        row("17", valid_from="2026-07-01"),
        "what?",
    )
    results = await bulk(client, price_list, *rows)
    assert [result["status"] for result in results] == ["created"] * 2 + ["invalid"] * 4 + ["created", "invalid"]
    pointers = [error["pointer"] for result in results for error in result["errors"]]
    assert pointers == [f"/prices/{place}" for place in ("2/sku", "3/sku", "4/unit_price", "5/valid_to", "7")]

    again = await bulk(client, price_list, row("18"), row("15.5", min_quantity="10", valid_to="2026-08-01"))
    assert [(result["status"], result["id"]) for result in again] == [
        ("unchanged", results[0]["id"]),
        ("updated", results[1]["id"]),
    ]
    kept = await bulk(client, price_list, row("15.0", min_quantity="10"))
    price = (await client.get(f"/v1/price-lists/{price_list['id']}/prices/{kept[0]['id']}")).json()
    assert (price["unit_price"], price["valid_to"], price["version"]) == ("15.0", "2026-08-01", 3)
    nowhere = await client.post(f"/v1/price-lists/{NOBODY}/prices/bulk", json={"prices": [row("1")]})
    assert nowhere.status_code == 404


async def test_list_get_and_remove_prices(client: AsyncClient) -> None:
    await add_product(client)
    await add_product(client, "CHANG")
    price_list, other = await add_list(client), await add_list(client, code="OTHER", is_default=False)
    await bulk(client, price_list, row("18"), row("17", valid_from="2026-07-01"), row("19", sku="CHANG"))
    await bulk(client, other, row("1"))
    url = f"/v1/price-lists/{price_list['id']}/prices"

    async def listed(**query: str) -> list[str]:
        data = (await client.get(url, params=query)).json()["data"]
        return [PriceRead.model_validate(price).unit_price.to_eng_string() for price in data]

    assert await listed() == ["18", "17", "19"]
    assert await listed(sku="chai") == ["18", "17"]
    assert await listed(sku="nothing") == []
    assert await listed(valid_on="2026-06-30", sort="-created_at") == ["19", "18"]
    assert await listed(sort="-valid_from", limit="1") == ["17"]
    assert (await client.get(f"/v1/price-lists/{NOBODY}/prices")).status_code == 404

    price = (await client.get(url)).json()["data"][0]
    got = await client.get(f"{url}/{price['id']}")
    assert (got.json(), got.headers["etag"]) == (price, '"v1"')
    elsewhere = f"/v1/price-lists/{other['id']}/prices/{price['id']}"
    assert (await client.get(elsewhere)).status_code == 404
    assert (await client.delete(elsewhere, headers={"If-Match": '"v1"'})).status_code == 404
    assert (await client.delete(f"{url}/{price['id']}")).status_code == 428
    assert (await client.delete(f"{url}/{price['id']}", headers={"If-Match": '"v2"'})).status_code == 412
    removed = await client.delete(f"{url}/{price['id']}", headers={"If-Match": '"v1"'})
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await client.get(f"{url}/{price['id']}")).status_code == 404
    assert await listed() == ["17", "19"]


async def test_the_price_that_applies(client: AsyncClient) -> None:
    product = await add_product(client)
    price_list = await add_list(client)
    await bulk(
        client,
        price_list,
        row("18"),
        row("16", min_quantity="10"),
        row("15", min_quantity="10", valid_from="2026-05-01", valid_to="2026-06-01"),
        row("14", min_quantity="100"),
        row("20", valid_from="2026-07-01"),
    )
    for query, unit_price in (
        ({}, "18"),
        ({"quantity": "9.99"}, "18"),
        ({"quantity": "10"}, "15"),
        ({"quantity": "10", "on": "2026-06-02"}, "16"),
        ({"quantity": "1000"}, "14"),
        ({"on": "2026-07-01"}, "20"),
        ({"quantity": "10", "on": "2026-07-01"}, "16"),
        ({"price_list_id": price_list["id"]}, "18"),
        ({"price_list_id": price_list["id"], "currency": "USD"}, "18"),
    ):
        response = await quoted(client, product, **query)
        assert (response.status_code, response.json().get("unit_price")) == (200, unit_price), query

    quote = Quote.model_validate((await quoted(client, product, quantity="12")).json())
    row_of_it = (await client.get(f"/v1/price-lists/{price_list['id']}/prices/{quote.price_id}")).json()
    assert (row_of_it["unit_price"], row_of_it["min_quantity"]) == (str(quote.unit_price), str(quote.min_quantity))
    assert (quote.price_list_code, quote.currency, str(quote.quantity)) == ("Retail-26", "USD", "12")


async def test_no_price_says_why(client: AsyncClient) -> None:
    product = await add_product(client)
    price_list = await add_list(client)
    await bulk(client, price_list, row("18", min_quantity="5"))
    for query, status, pointer in (
        ({"quantity": "4"}, 404, None),
        ({"quantity": "5", "on": "2025-12-31"}, 404, None),
        ({"quantity": "5", "on": "2027-01-01"}, 404, None),
        ({"quantity": "5", "currency": "EUR"}, 404, None),
        ({"quantity": "5", "price_list_id": price_list["id"], "currency": "EUR"}, 422, "currency"),
        ({"quantity": "5", "price_list_id": NOBODY}, 422, "price_list_id"),
        ({"quantity": "0"}, 422, "quantity"),
        ({"amount": "1"}, 422, "amount"),
        ({"quantity": "5", "currency": "XXX"}, 422, "currency"),
    ):
        response = await quoted(client, product, **query)
        assert response.status_code == status, (query, response.text)
        assert [error["pointer"] for error in response.json()["errors"]] == ([pointer] if pointer else []), query
    assert (await quoted(client, NOBODY)).status_code == 404
    assert "quantity of 4" in (await quoted(client, product, quantity="4")).json()["detail"]
