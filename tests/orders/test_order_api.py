"""An order's way from the telephone to the customer, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from app.kernel import clock
from app.kernel.auth import Permission
from app.orders.schemas import OrderRead
from tests.conftest import ClientWith
from tests.orders.factories import NOON, Shop, day, ok


@pytest.fixture
async def shop(client: AsyncClient) -> AsyncIterator[Shop]:
    with clock.at(NOON):
        yield await Shop.open(client, credit_limit="5000.00")


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with clock.at(NOON):
        yield


def codes(order: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in order["findings"]}


async def test_capture_prices_the_lines(shop: Shop) -> None:
    await shop.product("CHAI", price="18.00")
    order = await shop.order(
        {"sku": "chai", "quantity": "12"},
        {"sku": "CHAI", "quantity": "3", "unit_price": "17.335", "discount": "0.05", "price_reason": "agreed by Nancy"},
        freight="32.38",
    )
    assert OrderRead.model_validate(order).model_dump(mode="json")["lines"] == order["lines"]
    assert [(line["line_no"], line["unit_price"], line["amount"]) for line in order["lines"]] == [
        (1, "18.00", "216.00"),
        (2, "17.335", "49.40"),
    ]
    assert (order["net_amount"], order["base_amount"], order["status"]) == ("265.40", "297.78", "draft")
    assert order["number"].startswith("SO-2026-")
    assert order["delivery_address"]["city"] == "Berlin"
    assert order["lines"][0]["requested_on"] == day(0)


async def test_capture_names_what_is_wrong(shop: Shop) -> None:
    await shop.product("CHAI")
    nobody = "0198c1de-0000-7000-8000-000000000000"
    for change, pointer in (
        ({"account_id": nobody}, "/account_id"),
        ({"contact_id": nobody}, "/contact_id"),
        ({"lead_id": nobody}, "/lead_id"),
        ({"taken_by_id": nobody}, "/taken_by_id"),
        ({"lines": [{"sku": "CHAI", "quantity": "1"}, {"sku": "NONE", "quantity": "1"}]}, "/lines/1/sku"),
        ({"lines": [{"sku": "CHAI", "quantity": "0"}]}, "/lines/0/quantity"),
        ({"lines": []}, "/lines"),
        ({"currency": "CHF"}, "/currency"),
        ({"lines": [{"sku": "CHAI", "quantity": "1", "discount": "0.1"}]}, "/lines/0"),
    ):
        body = {**shop.draft({"sku": "CHAI", "quantity": "1"}), **change}
        response = await shop.client.post("/v1/orders", json=body)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_draft_changes_freely_and_a_confirmed_order_does_not(shop: Shop) -> None:
    await shop.product("CHAI", stock="100")
    order = await shop.order({"sku": "CHAI", "quantity": "5"})
    url = f"/v1/orders/{order['id']}"
    change = {"lines": [{"sku": "CHAI", "quantity": "7"}], "po_number": "PO-7", "freight": "1.005"}
    changed = ok(await shop.client.patch(url, json=change, headers={"If-Match": '"v1"'}))
    assert (changed["net_amount"], changed["freight"], changed["po_number"]) == ("70.00", "1.01", "PO-7")
    assert changed["version"] > order["version"]
    confirmed = ok(await shop.confirm(changed))
    refused = await shop.client.patch(url, json={"notes": "x"}, headers={"If-Match": f'"v{confirmed["version"]}"'})
    assert refused.status_code == 409


async def test_check_blocks_confirm_until_overridden(shop: Shop, client_with: ClientWith) -> None:
    await shop.product("CHAI", stock="100", minimum_quantity="10")
    order = await shop.order({"sku": "CHAI", "quantity": "5"})
    url = f"/v1/orders/{order['id']}"
    checked = ok(await shop.client.post(f"{url}/check"))
    assert codes(checked) == {"below_minimum"}
    assert checked["check_is_current"] is True
    refused = await shop.confirm(checked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/lines/0/quantity")

    body = {"code": "below_minimum", "line_no": 1, "reason": "a sample"}
    clerk = await client_with(Permission.ORDERS_READ, Permission.ORDERS_WRITE)
    assert (await clerk.post(f"{url}/overrides", json=body)).status_code == 403
    overridden = ok(await shop.client.post(f"{url}/overrides", json=body))
    assert (overridden["overrides"][0]["reason"], overridden["findings"][0]["overridden"]) == ("a sample", True)
    again = await shop.client.post(f"{url}/overrides", json={"code": "credit_limit", "reason": "never"})
    assert again.status_code == 409
    assert ok(await shop.confirm(overridden))["status"] == "confirmed"


async def test_a_check_is_current_until_something_it_read_changes(shop: Shop) -> None:
    product = await shop.product("CHAI", stock="100")
    order = await shop.order({"sku": "CHAI", "quantity": "5"})
    url = f"/v1/orders/{order['id']}"
    assert order["check_is_current"] is False
    assert ok(await shop.client.post(f"{url}/check"))["check_is_current"] is True
    with clock.at(NOON.replace(hour=13)):
        ok(await shop.client.patch(
            f"/v1/products/{product['id']}", json={"minimum_quantity": "6"}, headers={"If-Match": '"v1"'}
        ))  # fmt: skip
    assert ok(await shop.client.get(url))["check_is_current"] is False


async def test_credit_limit_counts_open_orders(shop: Shop) -> None:
    await shop.product("WINE", price="263.50", stock="100")
    await shop.confirmed({"sku": "WINE", "quantity": "15"})
    order = await shop.order({"sku": "WINE", "quantity": "4"})
    refused = await shop.confirm(order)
    assert [error["code"] for error in refused.json()["errors"]] == ["credit_limit"]
    account = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))
    assert account["open_exposure"] == "3952.50"


async def test_a_purchase_order_number_is_used_once(shop: Shop) -> None:
    await shop.product("CHAI", stock="100")
    first = await shop.order({"sku": "CHAI", "quantity": "1"}, po_number="PO-1")
    second = await shop.order({"sku": "CHAI", "quantity": "1"}, po_number="PO-1")
    refused = await shop.confirm(second)
    assert [error["code"] for error in refused.json()["errors"]] == ["duplicate_po_number"]
    cancel = {"reason": "doubled"}
    ok(await shop.client.post(f"/v1/orders/{first['id']}/cancel", json=cancel, headers={"If-Match": '"v1"'}))
    assert ok(await shop.confirm(second | {"version": 1}))["status"] == "confirmed"


async def test_the_worked_example(shop: Shop) -> None:
    """Stock 8, a receipt of 50 due on day 12, 30 already promised for day 18."""
    await shop.product("TOFU", stock="8", production_days=20)
    receipt = await shop.receipt("TOFU", "50", day(12))
    await shop.confirmed({"sku": "TOFU", "quantity": "30", "requested_on": day(18)})
    assert [await shop.available("TOFU", day(n)) for n in (0, 11, 12, 40)] == ["8", "8", "28", "28"]

    order = await shop.order({"sku": "TOFU", "quantity": "20", "requested_on": day(5)})
    url = f"/v1/orders/{order['id']}"
    proposal = ok(await shop.client.post(f"{url}/promise"))
    line = proposal["lines"][0]
    assert (line["promised_on"], line["basis"], line["basis_receipt_id"]) == (day(12), "receipt", receipt["id"])
    assert (proposal["on_time"], line["available_on_requested"]) == (False, "8")
    assert await shop.available("TOFU", day(12)) == "28", "a proposal reserves nothing"

    late = await shop.confirm(order)
    assert (late.status_code, late.json()["errors"][0]["code"]) == (409, "later_than_requested")
    assert (await shop.confirm(order, accept_dates=True)).status_code == 422
    confirmed = ok(await shop.confirm(order, accept_dates=True, agreed_by="Ms Anders"))
    assert (confirmed["lines"][0]["promised_on"], confirmed["due_on"]) == (day(12), day(12))
    assert confirmed["dates_agreed_by"] == "Ms Anders"

    before = [await shop.available("TOFU", day(n)) for n in (0, 12, 18, 28, 60)]
    big = await shop.confirmed({"sku": "TOFU", "quantity": "30", "requested_on": day(5)})
    assert (big["lines"][0]["basis"], big["lines"][0]["promised_on"]) == ("production", day(28))
    assert [await shop.available("TOFU", day(n)) for n in (0, 12, 18, 28, 60)] == before
    planned = ok(await shop.client.get("/v1/receipts", params={"status": "planned"}))["data"]
    assert [(each["quantity"], each["due_on"]) for each in planned] == [("30", day(28))]


async def test_what_nothing_covers_is_refused_whole(shop: Shop) -> None:
    await shop.product("CHAI", stock="100")
    await shop.product("RARE", stock="1")
    order = await shop.order({"sku": "CHAI", "quantity": "5"}, {"sku": "RARE", "quantity": "2"})
    refused = await shop.confirm(order)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/lines/1")
    assert ok(await shop.client.get(f"/v1/orders/{order['id']}"))["status"] == "draft"
    assert await shop.available("CHAI", day(0)) == "100"


async def test_cancel_releases_what_it_held(shop: Shop) -> None:
    await shop.product("TOFU", stock="8", production_days=5)
    order = await shop.confirmed({"sku": "TOFU", "quantity": "8"}, {"sku": "TOFU", "quantity": "4"})
    assert await shop.available("TOFU", day(60)) == "0"
    cancelled = ok(await shop.client.post(
        f"/v1/orders/{order['id']}/cancel",
        json={"reason": "changed their mind"},
        headers={"If-Match": f'"v{order["version"]}"'},
    ))  # fmt: skip
    assert (cancelled["status"], cancelled["open_to_ship"]) == ("cancelled", False)
    assert await shop.available("TOFU", day(60)) == "8", "the planned receipt went with the order"
    assert ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))["open_exposure"] in {"0", "0.00"}


async def test_holds(shop: Shop) -> None:
    await shop.product("CHAI", stock="100")
    order = await shop.order({"sku": "CHAI", "quantity": "5"})
    url = f"/v1/orders/{order['id']}"
    ok(await shop.client.post(f"{url}/holds", json={"reason": "credit"}))
    held = ok(await shop.client.post(f"{url}/holds", json={"reason": "price", "note": "ask Nancy"}))
    assert len(held["holds"]) == 2
    assert (await shop.confirm(held)).status_code == 409
    for hold in held["holds"]:
        released = ok(await shop.client.post(f"{url}/holds/{hold['id']}/release", json={"note": "paid"}))
    confirmed = ok(await shop.confirm(released))
    assert confirmed["open_to_ship"] is True
    again = ok(await shop.client.post(f"{url}/holds", json={"reason": "fraud"}))
    assert again["open_to_ship"] is False
    assert (await shop.client.post(f"{url}/shipments", json={})).status_code == 409
    assert ok(await shop.client.get("/v1/orders", params={"open_to_ship": True}))["data"] == []


async def test_dispatch_ships_in_parts_and_the_order_completes(shop: Shop) -> None:
    await shop.product("CHAI", price="18.00", stock="100")
    await shop.product("TOFU", price="23.25", stock="50")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "10"}, {"sku": "TOFU", "quantity": "4"}, freight="5.00")
    url = f"/v1/orders/{order['id']}"
    part = {"lines": [{"line_no": 1, "quantity": "6"}], "carrier": "Speedy Express", "tracking_number": "T1"}
    first = ok(await shop.client.post(f"{url}/shipments", json=part))
    listed = ok(await shop.client.get("/v1/orders", params={"open_to_ship": True, "sort": "due_on"}))["data"]
    assert [(each["id"], each["shipment_state"], each["status"]) for each in listed] == [
        (order["id"], "partial", "confirmed")
    ]
    over = await shop.client.post(f"{url}/shipments", json={"lines": [{"line_no": 1, "quantity": "5"}]})
    assert (over.status_code, over.json()["errors"][0]["pointer"]) == (409, "/lines/0/quantity")
    unknown = await shop.client.post(f"{url}/shipments", json={"lines": [{"line_no": 9, "quantity": "5"}]})
    assert unknown.status_code == 422

    second = ok(await shop.client.post(f"{url}/shipments", json={}))
    assert [(line["line_no"], line["quantity"]) for line in second["lines"]] == [(1, "4"), (2, "4")]
    assert ok(await shop.client.get("/v1/orders", params={"open_to_ship": True}))["data"] == []
    ok(await shop.client.post(f"{url}/shipments/{first['id']}/delivery", json={"received_by": "Maria"}))
    assert ok(await shop.client.get(url))["status"] == "confirmed"
    for _ in range(2):
        ok(await shop.client.post(f"{url}/shipments/{second['id']}/delivery", json={}))
    done = ok(await shop.client.get(url))
    assert (done["status"], done["shipment_state"]) == ("completed", "delivered")
    account = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))
    record = account["purchase_record"]
    assert (record["orders"], record["revenue_lifetime"], record["last_order_on"]) == (1, "273.00", day(0))
    assert account["open_exposure"] in {"0", "0.00"}
    assert account["status"] == "active"


async def test_returns_lower_revenue_to_the_cent(shop: Shop) -> None:
    await shop.product("CHAI", price="3.333", stock="100")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "10"})
    url = f"/v1/orders/{order['id']}"
    back = {"lines": [{"line_no": 1, "quantity": "3"}], "reason": "damaged", "restock": True}
    assert (await shop.client.post(f"{url}/returns", json=back)).status_code == 409
    shipment = ok(await shop.client.post(f"{url}/shipments", json={}))
    ok(await shop.client.post(f"{url}/shipments/{shipment['id']}/delivery", json={}))
    amounts = [ok(await shop.client.post(f"{url}/returns", json=back))["amount"] for _ in range(3)]
    assert amounts == ["10.00", "10.00", "10.00"]
    assert (await shop.client.post(f"{url}/returns", json=back)).status_code == 409
    last = {**back, "lines": [{"line_no": 1, "quantity": "1"}], "restock": False}
    assert ok(await shop.client.post(f"{url}/returns", json=last))["amount"] == "3.33"
    record = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))["purchase_record"]
    assert record["revenue_lifetime"] == "0.00"
    assert await shop.available("CHAI", day(0)) == "99"


async def test_what_is_refused_at_the_door_counts_as_delivered_and_returned(shop: Shop) -> None:
    await shop.product("CHAI", price="10.00", stock="100")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "8"})
    url = f"/v1/orders/{order['id']}"
    first, second = [
        ok(await shop.client.post(f"{url}/shipments", json={"lines": [{"line_no": 1, "quantity": quantity}]}))
        for quantity in ("5", "3")
    ]
    back = {"lines": [{"line_no": 1, "quantity": "3"}], "reason": "refused"}
    ok(await shop.client.post(f"{url}/returns", json=back))
    ok(await shop.client.post(f"{url}/shipments/{first['id']}/delivery", json={}))
    line = ok(await shop.client.get(url))["lines"][0]
    assert (line["delivered_quantity"], line["returned_quantity"]) == ("5", "3"), "the second is still on its way"
    ok(await shop.client.post(f"{url}/shipments/{second['id']}/delivery", json={}))
    done = ok(await shop.client.get(url))
    assert (done["status"], done["returned_amount"]) == ("completed", "30.00")
    record = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))["purchase_record"]
    assert record["revenue_lifetime"] == "50.00"


async def test_an_order_that_all_comes_back_completes_for_nothing(shop: Shop) -> None:
    await shop.product("CHAI", price="10.00", stock="100")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "8"})
    url = f"/v1/orders/{order['id']}"
    ok(await shop.client.post(f"{url}/shipments", json={}))
    back = {"lines": [{"line_no": 1, "quantity": "8"}], "reason": "refused", "restock": True}
    ok(await shop.client.post(f"{url}/returns", json=back))
    done = ok(await shop.client.get(url))
    assert (done["status"], done["returned_amount"]) == ("completed", "80.00")
    account = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))
    assert account["open_exposure"] in {"0", "0.00"}
    assert account["purchase_record"]["revenue_lifetime"] == "0.00"


async def test_a_shipment_needs_the_goods(shop: Shop) -> None:
    await shop.product("TOFU", stock="0", production_days=5)
    order = await shop.confirmed({"sku": "TOFU", "quantity": "4"})
    url = f"/v1/orders/{order['id']}/shipments"
    assert (await shop.client.post(url, json={})).status_code == 409
    await shop.receipt("TOFU", "4", day(7), status="received")
    assert (await shop.client.post(url, json={})).status_code == 201


async def test_foreign_currency_is_frozen(shop: Shop) -> None:
    rate = {"rate": "1.10"}
    ok(await shop.client.put("/v1/exchange-rates/EUR/2026-03-01", json=rate))
    prices = {"code": "EURO", "name": "Euro", "currency": "EUR", "is_default": True, "valid_from": "2020-01-01"}
    euro = ok(await shop.client.post("/v1/price-lists", json=prices))
    await shop.product("CHAI", stock="100")
    row = {"sku": "CHAI", "unit_price": "9.99", "valid_from": "2020-01-01"}
    ok(await shop.client.post(f"/v1/price-lists/{euro['id']}/prices/bulk", json={"prices": [row]}))
    order = await shop.order({"sku": "CHAI", "quantity": "3"}, currency="EUR")
    assert (order["net_amount"], order["exchange_rate"], order["base_amount"]) == ("29.97", "1.10", "32.97")


async def test_a_stale_confirm_is_refused(shop: Shop) -> None:
    await shop.product("CHAI", stock="100")
    order = await shop.order({"sku": "CHAI", "quantity": "5"})
    ok(await shop.client.patch(f"/v1/orders/{order['id']}", json={"notes": "n"}, headers={"If-Match": '"v1"'}))
    assert (await shop.confirm(order)).status_code == 412
    assert (await shop.client.post(f"/v1/orders/{order['id']}/confirm", json={})).status_code == 428
