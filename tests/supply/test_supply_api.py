"""Stock, receipts and requirements over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.auth import Permission
from app.kernel.bulk import BulkResult
from app.kernel.pagination import Page
from app.products.models import Product
from app.supply.schemas import AvailabilityRead, ReceiptRead, StockRead
from tests.conftest import ClientWith
from tests.supply.calls import Json, at, listed, receipt, tell
from tests.supply.goods import TODAY, add_product, count_stock, day, take

NOBODY = "0198c1de-0000-7000-8000-000000000000"


async def count(client: AsyncClient, quantity: str, counted_at: str, sku: str = "chai") -> Json:
    body = {"sku": sku, "quantity": quantity, "counted_at": counted_at}
    response = await client.post("/v1/stock-counts", json=body)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


def outcomes(body: Mapping[str, Any]) -> list[str]:
    return [row["status"] for row in body["data"]]


async def test_a_count_is_answered_and_read(client: AsyncClient, chai: Product) -> None:
    counted_at = at(3)
    response = await client.post("/v1/stock-counts", json={"sku": "chai", "quantity": "8.5", "counted_at": counted_at})
    shown = StockRead.model_validate(response.json())
    assert shown.sku == "CHAI"
    assert [shown.on_hand, shown.reserved, shown.available] == [Decimal("8.5"), 0, Decimal("8.5")]
    assert shown.counted_at == datetime.fromisoformat(counted_at)
    got = await client.get(f"/v1/stock/{chai.id}")
    assert (got.json(), got.headers["etag"]) == (response.json(), response.headers["etag"])
    assert await listed(client, "stock", sku="CHAI") == [response.json()]


async def test_an_older_count_changes_nothing(client: AsyncClient, chai: Product) -> None:
    first = await count(client, "8", at(2))
    assert await count(client, "99", at(3)) == first
    assert await count(client, "8", str(first["counted_at"])) == first
    assert (await count(client, "9", str(first["counted_at"])))["on_hand"] == "9"
    assert (await count(client, "7", at(1)))["on_hand"] == "7"


async def test_movements_after_the_count_are_added(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await count(client, "10", at(9))
    await tell(client, external_id="A", quantity="5", status="received", received_at=at(8))
    await tell(client, external_id="B", quantity="3", status="received", received_at=at(4))
    assert (await count(client, "14", at(6)))["on_hand"] == "17"


async def test_counts_in_bulk(client: AsyncClient, chai: Product) -> None:
    rows = [
        {"sku": "CHAI", "quantity": "5", "counted_at": at(5)},
        {"sku": "NONE", "quantity": "5", "counted_at": at(5)},
        {"sku": "chai", "quantity": "6", "counted_at": at(4)},
        {"sku": "chai", "quantity": "4", "counted_at": at(5)},
        {"sku": "chai", "quantity": "-1", "counted_at": at(5)},
        {"sku": "chai", "quantity": "1", "counted_at": at(-1)},
        {"sku": "chai", "quantity": "1"},
    ]
    response = await client.post("/v1/stock-counts/bulk", json={"counts": rows})
    body = BulkResult.model_validate(response.json())
    assert outcomes(response.json()) == ["created", "invalid", "updated", "unchanged"] + ["invalid"] * 3
    assert body.data[0].id == chai.id
    places = ["/counts/1/sku", "/counts/4/quantity", "/counts/5/counted_at", "/counts/6/counted_at"]
    assert [each.errors[0].pointer for each in body.data if each.errors] == places
    assert (await client.get(f"/v1/stock/{chai.id}")).json()["on_hand"] == "6"
    again = await client.post("/v1/stock-counts/bulk", json={"counts": rows[2:3]})
    assert outcomes(again.json()) == ["unchanged"]


async def test_the_list_of_stock_is_paged_by_sku(client: AsyncClient, tx: AsyncSession) -> None:
    for sku in ("C", "A", "B"):
        await count_stock(tx, await add_product(tx, sku), 1)
    first = (await client.get("/v1/stock", params={"limit": 2})).json()
    Page[StockRead].model_validate(first)
    assert [row["sku"] for row in first["data"]] == ["A", "B"]
    rest = (await client.get("/v1/stock", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([row["sku"] for row in rest["data"]], rest["has_more"]) == (["C"], False)
    assert [row["sku"] for row in await listed(client, "stock", sort="-sku")] == ["C", "B", "A"]
    assert (await client.get(f"/v1/stock/{NOBODY}")).status_code == 404


async def test_availability_is_a_step_function(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await count_stock(tx, chai, 8)
    await tell(client)
    await take(tx, chai, 30, day(18))
    response = await client.get("/v1/availability", params={"sku": "chai", "on": str(day(15))})
    shown = AvailabilityRead.model_validate(response.json())
    assert (shown.on, shown.available, shown.on_hand) == (day(15), Decimal(28), Decimal(8))
    assert [(step.day, step.available) for step in shown.steps] == [(TODAY, Decimal(8)), (day(12), Decimal(28))]
    assert (await client.get("/v1/availability", params={"sku": "chai"})).json()["available"] == "8"
    unknown = await client.get("/v1/availability", params={"sku": "none"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "sku")
    assert (await client.get("/v1/availability", params={"sku": "chai", "x": "1"})).status_code == 422
    past = await client.get("/v1/availability", params={"sku": "chai", "on": str(day(-1))})
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "on")
    assert (await client.get("/v1/availability", params={"sku": "chai", "on": str(TODAY)})).status_code == 200


async def test_a_receipt_is_told_once_and_again(client: AsyncClient, chai: Product) -> None:
    first = await client.post("/v1/receipts", json=receipt())
    shown = ReceiptRead.model_validate(first.json())
    assert first.status_code == 201
    assert first.headers["location"] == f"/v1/receipts/{shown.id}"
    assert (shown.sku, shown.product_id, shown.quantity, shown.version) == ("CHAI", chai.id, Decimal(50), 1)
    again = await client.post("/v1/receipts", json=receipt())
    assert (again.status_code, again.json()) == (200, first.json())
    news = await client.post("/v1/receipts", json=receipt(due_on=str(day(20))))
    assert (news.json()["due_on"], news.headers["etag"]) == (str(day(20)), '"v2"')
    got = await client.get(first.headers["location"])
    assert got.json() == news.json()
    assert (await client.get(f"/v1/receipts/{NOBODY}")).status_code == 404


async def test_a_receipt_received_twice_books_once(client: AsyncClient, chai: Product) -> None:
    await tell(client)
    received = await tell(client, status="received", quantity="48")
    assert received["received_at"] is not None
    assert await tell(client, status="received", quantity="48") == received
    assert (await client.get(f"/v1/stock/{chai.id}")).json()["on_hand"] == "48"
    assert (await client.get("/v1/availability", params={"sku": "chai", "on": str(day(30))})).json()[
        "available"
    ] == "48"


async def test_what_is_received_changes_no_more(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await add_product(tx, "OTHER")
    came = await tell(client, status="received", quantity="48", received_at=at(2), replaces=[])
    planned = (await take(tx, chai, 60, day(0), day(9))).receipt_id
    changes: list[tuple[Json, list[str]]] = [
        ({"quantity": "50"}, ["quantity"]),
        ({"status": "confirmed"}, ["status"]),
        ({"due_on": "2020-01-01", "quantity": "50", "sku": "OTHER"}, ["sku", "quantity", "due_on"]),
        ({"received_at": at(1)}, ["received_at"]),
        ({"received_at": at(3)}, ["received_at"]),
        ({"replaces": [str(planned)]}, ["replaces"]),
    ]
    for change, fields in changes:
        row = receipt(**{"status": "received", "quantity": "48", **change})
        refused = await client.post("/v1/receipts", json=row)
        assert refused.status_code == 409, refused.text
        assert "count the stock, or tell a new receipt" in refused.json()["detail"]
        assert [error["pointer"] for error in refused.json()["errors"]] == [f"/{name}" for name in fields]
        assert {error["code"] for error in refused.json()["errors"]} == {"final"}
        in_bulk = await client.post("/v1/receipts/bulk", json={"receipts": [row]})
        (result,) = in_bulk.json()["data"]
        assert result["status"] == "invalid"
        assert [error["pointer"] for error in result["errors"]] == [f"/receipts/0/{name}" for name in fields]
    assert (await client.get(f"/v1/receipts/{came['id']}")).json() == came


async def test_the_same_time_ahead_of_our_clock_is_told_twice(client: AsyncClient, chai: Product) -> None:
    ahead = (datetime.now(UTC) + timedelta(seconds=40)).isoformat()
    first = await tell(client, status="received", received_at=ahead)
    assert datetime.fromisoformat(first["received_at"]) < datetime.fromisoformat(ahead)
    assert await tell(client, status="received", received_at=ahead) == first


async def test_cancelled_is_final_and_no_supply(client: AsyncClient, chai: Product) -> None:
    await tell(client)
    await tell(client, status="cancelled")
    assert (await client.get("/v1/availability", params={"sku": "chai", "on": str(day(30))})).json()["available"] == "0"
    refused = await client.post("/v1/receipts", json=receipt())
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/status")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"source": "bellwether"}, "/source"),
        ({"source": "BellWether"}, "/source"),
        ({"quantity": "0"}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"sku": "none"}, "/sku"),
        ({"status": "lost"}, "/status"),
        ({"due_on": "tomorrow"}, "/due_on"),
        ({"status": "received", "received_at": at(-1)}, "/received_at"),
        ({"received_at": at(1)}, "/received_at"),
        ({"status": "cancelled", "received_at": at(1)}, "/received_at"),
        ({"replaces": [NOBODY]}, "/replaces/0"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_wrong_receipts_are_refused(client: AsyncClient, chai: Product, fields: Json, pointer: str) -> None:
    response = await client.post("/v1/receipts", json=receipt(**fields))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer), response.text


async def test_what_a_receipt_may_not_become(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await add_product(tx, "OTHER")
    await tell(client)
    back = await client.post("/v1/receipts", json=receipt(status="planned"))
    assert back.json()["errors"][0]["code"] == "move"
    other = await client.post("/v1/receipts", json=receipt(sku="OTHER"))
    assert other.json()["errors"][0]["pointer"] == "/sku"


async def test_receipts_in_bulk(client: AsyncClient, chai: Product) -> None:
    rows = [
        receipt(status="planned"),
        receipt(external_id="WO-2", sku="NONE"),
        receipt(),
        receipt(),
        receipt(status="received", quantity="10"),
        receipt(external_id="WO-3", quantity="x"),
        receipt(external_id="WO-4"),
        receipt(external_id="WO-5", received_at=at(1)),
    ]
    response = await client.post("/v1/receipts/bulk", json={"receipts": rows})
    assert response.status_code == 200, response.text
    BulkResult.model_validate(response.json())
    expected = ["created", "invalid", "updated", "unchanged", "updated", "invalid", "created", "invalid"]
    assert outcomes(response.json()) == expected
    places = [error["pointer"] for row in response.json()["data"] for error in row["errors"]]
    assert places == ["/receipts/1/sku", "/receipts/5/quantity", "/receipts/7/received_at"]
    assert (await client.get(f"/v1/stock/{chai.id}")).json()["on_hand"] == "10"
    assert [row["external_id"] for row in await listed(client, "receipts", status="received")] == ["WO-1"]


async def test_receipts_are_filtered_and_sorted(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await add_product(tx, "OTHER")
    await tell(client, external_id="A", due_on=str(day(-3)))
    await tell(client, external_id="B", due_on=str(day(9)), source="erp")
    await tell(client, external_id="C", due_on=str(day(5)), sku="OTHER", status="planned")
    await tell(client, external_id="D", due_on=str(day(-5)), status="received")
    names: list[tuple[Json, str]] = [
        ({}, "DACB"),
        ({"sort": "-due_on"}, "BCAD"),
        ({"sort": "created_at"}, "ABCD"),
        ({"sort": "-created_at"}, "DCBA"),
        ({"status": "planned"}, "C"),
        ({"sku": "other"}, "C"),
        ({"source": "erp"}, "B"),
        ({"external_id": "A", "source": "mes"}, "A"),
        ({"due_from": str(day(0)), "due_to": str(day(6))}, "C"),
        ({"late": "true"}, "A"),
        ({"late": "false"}, "DCB"),
    ]
    for params, expected in names:
        shown = await listed(client, "receipts", **params)
        assert "".join(row["external_id"] for row in shown) == expected, params


async def test_scopes(client_with: ClientWith) -> None:
    reader = await client_with(Permission.SUPPLY_READ)
    for path in ("stock", "receipts", "production/requirements"):
        assert (await reader.get(f"/v1/{path}")).status_code == 200
    writer = await client_with(Permission.SUPPLY_WRITE)
    assert (await writer.get("/v1/stock")).status_code == 403
    for path in ("stock-counts", "stock-counts/bulk", "receipts", "receipts/bulk"):
        assert (await reader.post(f"/v1/{path}", json={})).status_code == 403
        assert (await writer.post(f"/v1/{path}", json={})).status_code == 422
