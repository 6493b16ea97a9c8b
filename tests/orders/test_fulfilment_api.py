"""What dispatch does with an order, over HTTP: shipments, deliveries, returns, holds."""

from typing import Any

from tests.orders.factories import Shop, day, ok


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
    shipment = ok(await shop.client.get(f"{url}/shipments"))["data"][0]
    ok(await shop.client.post(f"{url}/shipments/{shipment['id']}/delivery", json={}))
    account = ok(await shop.client.get(f"/v1/accounts/{shop.account['id']}"))
    assert account["open_exposure"] in {"0", "0.00"}
    assert (account["purchase_record"]["orders"], account["status"]) == (0, "prospect"), "nothing was bought"


async def test_a_shipment_needs_the_goods(shop: Shop) -> None:
    await shop.product("TOFU", stock="0", production_days=5)
    order = await shop.confirmed({"sku": "TOFU", "quantity": "4"})
    url = f"/v1/orders/{order['id']}/shipments"
    assert (await shop.client.post(url, json={})).status_code == 409
    await shop.receipt("TOFU", "4", day(7), status="received")
    assert (await shop.client.post(url, json={})).status_code == 201


async def test_nothing_happens_in_the_future_or_before_the_order(shop: Shop) -> None:
    await shop.product("CHAI", stock="10")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "4"})
    url = f"/v1/orders/{order['id']}"

    async def refused(path: str, body: dict[str, Any]) -> None:
        (field,) = body.keys() - {"lines", "reason"}
        answer = await shop.client.post(f"{url}/{path}", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")

    for at in ("2026-03-11T00:00:00Z", "2026-03-09T00:00:00Z"):
        await refused("shipments", {"shipped_at": at})
    shipment = ok(await shop.client.post(f"{url}/shipments", json={}))
    back = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "damaged"}
    for at in ("2026-03-11T00:00:00Z", "2026-03-09T00:00:00Z"):
        await refused(f"shipments/{shipment['id']}/delivery", {"delivered_at": at})
        await refused("returns", {**back, "received_at": at})


async def test_a_delivery_is_reported_once_and_may_be_completed(shop: Shop) -> None:
    await shop.product("CHAI", stock="10")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "4"})
    url = f"/v1/orders/{order['id']}/shipments"
    shipment = ok(await shop.client.post(url, json={}))
    delivery = f"{url}/{shipment['id']}/delivery"
    ok(await shop.client.post(delivery, json={}))
    assert ok(await shop.client.post(delivery, json={"received_by": "Maria"}))["received_by"] == "Maria"
    other = await shop.client.post(delivery, json={"received_by": "Ben"})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (409, "/received_by")


async def test_parts_of_an_order_that_is_not_there(shop: Shop) -> None:
    nobody = "0198c1de-0000-7000-8000-000000000000"
    for part in ("shipments", "returns", "history"):
        assert (await shop.client.get(f"/v1/orders/{nobody}/{part}")).status_code == 404
