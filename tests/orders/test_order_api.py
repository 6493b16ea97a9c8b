"""An order's way from the telephone to the customer, over HTTP."""

from typing import Any

from app.kernel import clock
from app.kernel.auth import Permission
from app.orders.schemas import OrderRead
from tests.conftest import ClientWith
from tests.orders.factories import NOON, Shop, day, ok


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
    assert (order["lines"][0]["requested_on"], order["due_on"]) == (None, day(0))


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
        ({"lines": [{"sku": "CHAI", "quantity": "1", "discount": "0.1"}]}, "/lines/0/price_reason"),
        ({"received_at": "2026-03-11T00:00:00Z"}, "/received_at"),
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


async def test_what_is_available_is_told_after_the_lines_before(shop: Shop) -> None:
    await shop.product("CHAI", stock="8")
    order = await shop.order(*({"sku": "CHAI", "quantity": quantity} for quantity in ("5", "4", "3")))
    proposal = ok(await shop.client.post(f"/v1/orders/{order['id']}/promise"))
    told = [(line["promised_on"], line["available_on_requested"]) for line in proposal["lines"]]
    assert told == [(day(0), "8"), (None, "3"), (day(0), "3")]


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
    assert (late.status_code, late.json()["errors"][0]["code"]) == (409, "later_than_agreed")
    unsaid = await shop.confirm(order, accept_dates=True)
    assert (unsaid.status_code, unsaid.json()["errors"][0]["pointer"]) == (422, "/agreed_by")
    beyond = await shop.confirm(order, accept_dates=True, agreed_by="Ms Anders", latest_on=day(11))
    assert (beyond.status_code, beyond.json()["errors"][0]["code"]) == (409, "later_than_agreed")
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
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/lines/1/sku")
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


async def test_only_a_draft_is_checked_and_asks_for_days(shop: Shop) -> None:
    await shop.product("CHAI", stock="10")
    order = await shop.confirmed({"sku": "CHAI", "quantity": "10"})
    url = f"/v1/orders/{order['id']}"
    for act in ("check", "promise"):
        assert (await shop.client.post(f"{url}/{act}")).status_code == 409
    body = {"code": "credit_limit", "reason": "late"}
    assert (await shop.client.post(f"{url}/overrides", json=body)).status_code == 409
    assert ok(await shop.client.get(url))["findings"] == order["findings"] == []


async def test_a_check_is_no_new_version(shop: Shop) -> None:
    await shop.product("CHAI", stock="10", minimum_quantity="10")
    order = await shop.order({"sku": "CHAI", "quantity": "1"})
    checked = ok(await shop.client.post(f"/v1/orders/{order['id']}/check"))
    assert (checked["version"], codes(checked)) == (1, {"below_minimum"})


async def test_of_two_drafts_with_one_number_the_first_goes_through(shop: Shop) -> None:
    await shop.product("CHAI", stock="10")
    first = await shop.order({"sku": "CHAI", "quantity": "1"}, po_number="PO-1")
    second = await shop.order({"sku": "CHAI", "quantity": "1"}, po_number="po-1")
    assert (await shop.confirm(second)).json()["errors"][0]["code"] == "duplicate_po_number"
    assert ok(await shop.confirm(first))["status"] == "confirmed"


async def test_what_is_wanted_as_soon_as_possible_is_never_late(shop: Shop) -> None:
    await shop.product("CHAI", stock="10", production_days=5)
    order = await shop.order({"sku": "CHAI", "quantity": "1"}, {"sku": "CHAI", "quantity": "10"})
    with clock.at(NOON.replace(day=12)):
        assert ok(await shop.client.post(f"/v1/orders/{order['id']}/check"))["findings"] == []
        assert ok(await shop.client.post(f"/v1/orders/{order['id']}/promise"))["on_time"] is True
        confirmed = ok(await shop.confirm(order))
    assert [line["promised_on"] for line in confirmed["lines"]] == [day(2), day(9)]


async def test_the_history_says_what_changed(shop: Shop) -> None:
    await shop.product("CHAI", price="10.00")
    order = await shop.order({"sku": "CHAI", "quantity": "1"})
    url = f"/v1/orders/{order['id']}"
    change = {"po_number": "PO-7", "lines": [{"sku": "CHAI", "quantity": "7"}]}
    changed = ok(await shop.client.patch(url, json=change, headers={"If-Match": '"v1"'}))
    same = ok(await shop.client.patch(url, json=change, headers={"If-Match": '"v2"'}))
    assert (changed["version"], same["version"]) == (2, 2)
    told = [event for event in ok(await shop.client.get(f"{url}/history"))["data"] if event["type"] == "order.updated"]
    assert [[(each["field"], each["old"], each["new"]) for each in event["data"]["changes"]] for event in told] == [
        [
            ("po_number", None, "PO-7"),
            ("lines", "1 CHAI for soonest at 10.00 less 0", "7 CHAI for soonest at 10.00 less 0"),
        ]
    ]


async def test_zeros_behind_a_quantity_are_no_fault(shop: Shop) -> None:
    await shop.product("CHAI", price="1.00")
    assert (await shop.order({"sku": "CHAI", "quantity": "1." + "0" * 20}))["lines"][0]["quantity"] == "1.0000"
    absurd = shop.draft({"sku": "CHAI", "quantity": "1." + "0" * 17000})
    refused = await shop.client.post("/v1/orders", json=absurd)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lines/0/quantity")


async def test_a_purchase_order_number_is_looked_for_at_its_account(shop: Shop) -> None:
    await shop.product("CHAI")
    order = await shop.order({"sku": "CHAI", "quantity": "1"}, po_number="PO-1")
    alone = await shop.client.get("/v1/orders", params={"po_number": "PO-1"})
    assert (alone.status_code, alone.json()["errors"][0]["pointer"]) == (422, "po_number")
    params = {"po_number": "po-1", "account_id": shop.account["id"]}
    assert [each["id"] for each in ok(await shop.client.get("/v1/orders", params=params))["data"]] == [order["id"]]


async def test_a_line_changes_by_its_reason_and_not_by_its_zeros(shop: Shop) -> None:
    await shop.product("CHAI", price="10.00", stock="10")
    line = {"sku": "CHAI", "quantity": "5", "unit_price": "1.00", "price_reason": "deal"}
    order = await shop.order(line)
    url = f"/v1/orders/{order['id']}"
    body = {"code": "price_below_list", "line_no": 1, "reason": "ours"}
    overridden = ok(await shop.client.post(f"{url}/overrides", json=body))

    async def patch(**changes: str) -> Any:
        match = {"If-Match": f'"v{ok(await shop.client.get(url))["version"]}"'}
        return ok(await shop.client.patch(url, json={"lines": [{**line, **changes}]}, headers=match))

    assert (await patch(quantity="5.00"))["version"] == overridden["version"]
    assert (await patch(quantity="5.00", price_reason="other"))["lines"][0]["price_reason"] == "other"
    assert ok(await shop.client.post(f"{url}/check"))["findings"][0]["overridden"] is True


async def test_the_latest_day_holds_for_every_line(shop: Shop) -> None:
    await shop.product("TOFU", stock="0", production_days=5)
    order = await shop.order({"sku": "TOFU", "quantity": "5"})
    beyond = await shop.confirm(order, accept_dates=True, agreed_by="Ms Anders", latest_on=day(6))
    assert (beyond.status_code, beyond.json()["errors"][0]["code"]) == (409, "later_than_agreed")
    unsaid = await shop.confirm(order, latest_on=day(7))
    assert (unsaid.status_code, unsaid.json()["errors"][0]["pointer"]) == (422, "/latest_on")
    assert (await shop.confirm(order, accept_dates=True, agreed_by="Ms Anders", latest_on=day(7))).is_success
    mixed = await shop.order(
        {"sku": "TOFU", "quantity": "1", "requested_on": day(30)}, {"sku": "TOFU", "quantity": "1"}
    )
    assert (await shop.confirm(mixed, accept_dates=True, agreed_by="Ms Anders", latest_on=day(7))).is_success
