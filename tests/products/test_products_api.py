"""Products over HTTP: one by one, in bulk, found again."""

from typing import Any

from httpx import AsyncClient

from app.kernel.auth import Permission
from app.products.schemas import ProductRead
from tests.conftest import ClientWith

CHAI = {
    "sku": "Chai-10",
    "name": "Chai",
    "category": "Beverages",
    "unit": "10 boxes x 20 bags",
    "minimum_quantity": "2",
    "order_multiple": "2",
    "status": "active",
    "production_days": 5,
    "description": "Tea",
}


async def add(client: AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post("/v1/products", json={**CHAI, **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def bulk(client: AsyncClient, *rows: object) -> list[dict[str, Any]]:
    response = await client.post("/v1/products/bulk", json={"products": rows})
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]


async def found(client: AsyncClient, **query: str) -> list[str]:
    response = await client.get("/v1/products", params=query)
    assert response.status_code == 200, response.text
    return [product["sku"] for product in response.json()["data"]]


async def test_create_get_and_list(client: AsyncClient) -> None:
    created = await client.post("/v1/products", json=CHAI)
    body = created.json()
    assert body | CHAI == body
    got = await client.get(created.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, '"v1"')
    assert ProductRead.model_validate(body).model_dump(mode="json") | {"created_at": 0, "updated_at": 0} == body | {
        "created_at": 0,
        "updated_at": 0,
    }
    assert (await client.get("/v1/products")).json() == {"data": [body], "next_cursor": None, "has_more": False}


async def test_what_may_be_left_out(client: AsyncClient) -> None:
    body = (await client.post("/v1/products", json={"sku": "X", "name": "X"})).json()
    assert (body["unit"], body["minimum_quantity"], body["order_multiple"]) == ("each", "1", "1")
    assert (body["status"], body["production_days"], body["category"]) == ("active", None, None)


async def test_a_sku_is_taken_in_any_case(client: AsyncClient) -> None:
    await add(client)
    taken = await client.post("/v1/products", json={**CHAI, "sku": "CHAI-10"})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/sku")


async def test_patch(client: AsyncClient) -> None:
    product = await add(client)
    url = f"/v1/products/{product['id']}"
    response = await client.patch(
        url, json={"status": "blocked", "production_days": None}, headers={"If-Match": '"v1"'}
    )
    assert (response.status_code, response.headers["etag"]) == (200, '"v2"')
    ignored = {"version": 0, "updated_at": 0}
    assert response.json() | ignored == product | {"status": "blocked", "production_days": None} | ignored
    assert (await client.patch(url, json={"status": "active"}, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.patch(url, json={"status": "active"})).status_code == 428
    renamed = await client.patch(url, json={"sku": "OTHER"}, headers={"If-Match": '"v2"'})
    assert (renamed.status_code, renamed.json()["errors"][0]["pointer"]) == (422, "/sku")


async def test_wrong_fields_are_named(client: AsyncClient) -> None:
    wrong = {"sku": "a b", "name": "", "minimum_quantity": "0", "order_multiple": 1.5, "production_days": -1, "x": 1}
    response = await client.post("/v1/products", json=wrong)
    assert response.status_code == 422
    assert {error["pointer"] for error in response.json()["errors"]} == {f"/{name}" for name in wrong}


async def test_filters_and_sorts(client: AsyncClient) -> None:
    await bulk(
        client,
        {"sku": "A-1", "name": "Zebra", "category": "Animals"},
        {"sku": "B-1", "name": "Apple", "category": "Fruit", "status": "discontinued"},
        {"sku": "C-1", "name": "Mango", "category": "Fruit"},
    )
    assert await found(client) == ["A-1", "B-1", "C-1"]
    assert await found(client, sort="-name") == ["A-1", "C-1", "B-1"]
    assert await found(client, sort="created_at") == ["A-1", "B-1", "C-1"]
    assert await found(client, sku="b-1") == ["B-1"]
    assert await found(client, category="Fruit", sort="name") == ["B-1", "C-1"]
    assert await found(client, status="discontinued") == ["B-1"]
    assert (await client.get("/v1/products", params={"colour": "red"})).status_code == 422


async def test_words_find_beginnings_of_name_and_sku(client: AsyncClient) -> None:
    await add(client, sku="FR-R92B-58", name="Chef Anton's Cajun Seasoning (50%)")
    await add(client, sku="12-x.9", name="Café au lait")
    for words in ("chef", "CAJ sea", "fr", "FR-R", "fr-r92", "FR-R92B-5", "anton's", "50%", "seasoning) chef"):
        assert await found(client, words=words) == ["FR-R92B-58"], words
    assert await found(client, words="café 12-x.9") == ["12-x.9"]
    for words in ("hef", "chef lait", "' | !", "a' & 'b", "\\", ":*", "fr:*b", "'''", "--", "<->"):
        assert await found(client, words=words) == [], words


async def test_bulk_tells_what_became_of_every_row(client: AsyncClient) -> None:
    known = await add(client)
    results = await bulk(
        client,
        {"sku": "NEW", "name": "New"},
        {"sku": "CHAI-10", "name": "Chai"},
        {"sku": "BAD", "name": "Bad", "order_multiple": "0"},
        {"sku": "new", "name": "Twice"},
        7,
        {"sku": "Chang", "name": "Chang"},
    )
    statuses = [result["status"] for result in results]
    assert statuses == ["created", "unchanged", "invalid", "invalid", "invalid", "created"]
    assert results[1]["id"] == known["id"]
    pointers = [result["errors"][0]["pointer"] for result in results[2:5]]
    assert pointers == ["/products/2/order_multiple", "/products/3/sku", "/products/4"]
    new = (await client.get(f"/v1/products/{results[0]['id']}")).json()
    assert (new["sku"], new["name"], new["version"]) == ("NEW", "New", 1)


async def test_bulk_changes_only_what_a_row_names(client: AsyncClient) -> None:
    known = await add(client)
    row = {"sku": "chai-10", "name": "Chai Latte", "category": None, "minimum_quantity": "4.0"}
    assert [result["status"] for result in await bulk(client, row)] == ["updated"]
    changed = (await client.get(f"/v1/products/{known['id']}")).json()
    ignored = {"updated_at": 0}
    expected = known | {"name": "Chai Latte", "category": None, "minimum_quantity": "4.0", "version": 2}
    assert changed | ignored == expected | ignored
    assert [result["status"] for result in await bulk(client, row)] == ["unchanged"]
    assert (await client.get(f"/v1/products/{known['id']}")).json() == changed


async def test_bulk_takes_an_array_of_up_to_1000(client: AsyncClient) -> None:
    rows = [{"sku": f"S{n}", "name": f"Product {n}"} for n in range(1001)]
    for body in ([], rows, {"sku": "A"}, None):
        assert (await client.post("/v1/products/bulk", json={"products": body})).status_code == 422
    assert {result["status"] for result in await bulk(client, *rows[:1000])} == {"created"}
    assert [result["status"] for result in await bulk(client, 1, None)] == ["invalid", "invalid"]


async def test_scopes(client_with: ClientWith) -> None:
    reader = await client_with(Permission.PRODUCTS_READ)
    assert (await reader.get("/v1/products")).status_code == 200
    assert (await reader.post("/v1/products", json=CHAI)).status_code == 403
    assert (await reader.post("/v1/products/bulk", json={"products": [CHAI]})).status_code == 403
    writer = await client_with(Permission.PRODUCTS_WRITE)
    assert (await writer.get("/v1/products")).status_code == 403
