"""Accounts and contacts that become part of others, with all that they ordered and said."""

from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates import merging
from app.kernel import clock
from tests.accounts.customers import account, contact, if_match
from tests.duplicates.looking import get, merged, undone, versioned
from tests.leads.test_lead_capture import events_of
from tests.orders.factories import Shop, ok

Json = dict[str, Any]
NO = {"purpose": "newsletter", "channel": "email", "granted": False, "at": "2026-01-01T00:00:00Z", "source": "post"}


async def shop_of(client: AsyncClient) -> tuple[Shop, Json]:
    """A shop whose account has two confirmed orders of 50 USD, and another account that is the same company."""
    shop = await Shop.open(client, credit_limit="1000")
    await shop.product("CHAI", price="10.00", stock="100")
    for _ in range(2):
        await shop.confirmed({"sku": "CHAI", "quantity": "5"})
    twin = await account(client, name="Alfred's Futterkiste GmbH", currency="USD", industry="food")
    return shop, twin


async def test_orders_exposure_contacts_and_children_move(client: AsyncClient, tx: AsyncSession) -> None:
    shop, twin = await shop_of(client)
    old = shop.account["id"]
    maria = await contact(client, old)
    child = await account(client, name="Branch", currency="USD", parent_id=old)
    draft = await shop.order({"sku": "CHAI", "quantity": "1"}, contact_id=maria["id"])
    before = await get(client, "accounts", old)
    merge = await merged(client, "accounts", twin["id"], old)
    now = await get(client, "accounts", twin["id"])
    assert (now["open_exposure"], now["industry"], now["credit_limit"]) == ("100.00", "food", None)
    assert now["delivery_address"] == before["delivery_address"]
    orders = (await client.get("/v1/orders", params={"account_id": twin["id"]})).json()["data"]
    assert (len(orders), {order["status"] for order in orders}) == (3, {"draft", "confirmed"})
    assert (await get(client, "orders", draft["id"]))["contact_id"] == maria["id"]
    assert (await get(client, "contacts", maria["id"]))["account_id"] == twin["id"]
    assert (await get(client, "accounts", child["id"]))["parent_id"] == twin["id"]
    answer = await client.get(f"/v1/accounts/{old}/purchase-record")
    assert answer.headers["Content-Location"] == f"/v1/accounts/{twin['id']}"
    assert [each["id"] for each in (await client.get("/v1/accounts", params={"words": "alfred"})).json()["data"]] == [
        twin["id"]
    ]
    refused = await client.post("/v1/orders", json=shop.draft({"sku": "CHAI", "quantity": "1"}))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "moved"), refused.text
    # The draft is confirmed at the survivor since, and comes back with the others.
    shop.account = now
    ok(await shop.confirm(await get(client, "orders", draft["id"]), accept_dates=True, agreed_by="Ms Anders"))
    await shop.confirmed({"sku": "CHAI", "quantity": "2"})
    await undone(client, merge)
    again, kept = await get(client, "accounts", old), await get(client, "accounts", twin["id"])
    assert (again["open_exposure"], kept["open_exposure"]) == ("110.00", "20.00")
    assert kept["delivery_address"] is None
    noise = {"version", "updated_at", "open_exposure"}
    assert {k: v for k, v in again.items() if k not in noise} == {k: v for k, v in before.items() if k not in noise}
    assert (await get(client, "accounts", child["id"]))["parent_id"] == old
    assert [kind for kind, _ in await events_of(tx, twin["id"])][-1] == "account.unmerged"


async def test_the_tree_has_no_circle(client: AsyncClient) -> None:
    top = await account(client, name="Top")
    middle = await account(client, name="Middle", parent_id=top["id"])
    low = await account(client, name="Low", parent_id=middle["id"])
    merge = await merged(client, "accounts", low["id"], top["id"])
    assert (await get(client, "accounts", low["id"]))["parent_id"] is None
    assert (await get(client, "accounts", middle["id"]))["parent_id"] == low["id"]
    await undone(client, merge)
    line = [(await get(client, "accounts", each["id"]))["parent_id"] for each in (top, middle, low)]
    assert line == [None, top["id"], middle["id"]]
    now = await get(client, "accounts", top["id"])
    body = {"from_id": low["id"], "keep": {"parent_id": "other"}}
    refused = await versioned(client, f"/v1/accounts/{top['id']}/merge", now, body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/keep/parent_id")
    await merged(client, "accounts", top["id"], middle["id"])
    assert (await get(client, "accounts", low["id"]))["parent_id"] == top["id"]
    assert (await get(client, "accounts", top["id"]))["parent_id"] is None


async def test_what_two_accounts_are_may_forbid_it(client: AsyncClient) -> None:
    this, other = await account(client), await account(client, currency="USD")
    path = f"/v1/accounts/{this['id']}/merge"

    async def refused(word: str) -> None:
        answer = await versioned(client, path, await get(client, "accounts", this["id"]), {"from_id": other["id"]})
        assert (answer.status_code, word in answer.json()["detail"]) == (409, True), answer.text

    await refused("invoiced in EUR")
    other = await account(client, name="Blocked")
    ok(await client.post(f"/v1/accounts/{other['id']}/block", json={"reason": "unpaid"}, headers=if_match(other)))
    await refused("blocked")
    other = await account(client, name="Open")
    ok(await client.post(f"/v1/accounts/{this['id']}/close", headers=if_match(this)))
    await refused("closed")


async def test_a_prospect_becomes_active_by_what_the_other_bought(client: AsyncClient) -> None:
    this, other = await account(client), await account(client, status="active")
    merge = await merged(client, "accounts", this["id"], other["id"])
    assert (await get(client, "accounts", this["id"]))["status"] == "active"
    await undone(client, merge)
    assert (await get(client, "accounts", this["id"]))["status"] == "prospect"


async def test_contacts_of_one_account_and_a_withdrawal_that_wins(client: AsyncClient) -> None:
    alfreds = await account(client)
    this, other = await contact(client, alfreds["id"]), await contact(client, alfreds["id"], name="Anders, Maria")
    yes = {**NO, "granted": True, "source": "web"}
    for who, said in ((this, yes), (this, NO), (other, NO), (other, {**NO, "at": "2026-02-01T00:00:00Z"})):
        ok(await client.post(f"/v1/contacts/{who['id']}/consents", json=said))
    merge = await merged(client, "contacts", this["id"], other["id"], name="other")
    now = await get(client, "contacts", this["id"])
    assert (now["name"], [each["granted"] for each in now["consents"]]) == ("Anders, Maria", [False])
    said = (await client.get(f"/v1/contacts/{this['id']}/consents")).json()["data"]
    assert len(said) == 3  # what both said in the same words is kept once
    await undone(client, merge)
    for who, count in ((this, 2), (other, 2)):
        assert len((await client.get(f"/v1/contacts/{who['id']}/consents")).json()["data"]) == count
    assert (await get(client, "contacts", this["id"]))["name"] == "Maria Anders"
    elsewhere = await contact(client, (await account(client, name="Elsewhere"))["id"])
    refused = await versioned(
        client, f"/v1/contacts/{this['id']}/merge", await get(client, "contacts", this["id"]),
        {"from_id": elsewhere["id"]},
    )  # fmt: skip
    assert (refused.status_code, "accounts first" in refused.json()["detail"]) == (409, True)


async def test_a_merge_that_others_rest_on_is_undone_after_them(client: AsyncClient) -> None:
    one, two = await account(client), await account(client, name="Alfreds")
    a, b = await contact(client, one["id"]), await contact(client, two["id"])
    accounts = await merged(client, "accounts", one["id"], two["id"])
    contacts = await merged(client, "contacts", a["id"], b["id"])
    refused = await versioned(client, f"/v1/merges/{accounts['id']}/undo", accounts)
    assert (refused.status_code, contacts["id"] in refused.json()["detail"]) == (409, True)
    await undone(client, contacts)
    await undone(client, accounts)
    assert (await get(client, "contacts", b["id"]))["account_id"] == two["id"]


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 409)])
async def test_for_thirty_days(client: AsyncClient, tx: AsyncSession, days: int, status: int) -> None:
    one, two = await account(client), await account(client, name="Alfreds")
    merge = await merged(client, "accounts", one["id"], two["id"])
    aged = text("UPDATE merges SET created_at = created_at - make_interval(days => :days)")
    await tx.execute(aged, {"days": days})
    undo = await versioned(client, f"/v1/merges/{merge['id']}/undo", merge)
    assert undo.status_code == status, undo.text


async def test_what_comes_late_for_a_merged_account_is_given_to_the_survivor(
    client: AsyncClient, tx: AsyncSession
) -> None:
    one, two = await account(client), await account(client, name="Alfreds")
    maria = await contact(client, one["id"])
    start = clock.now()
    await merged(client, "accounts", one["id"], two["id"])
    await tx.execute(text("UPDATE contacts SET account_id = :two"), {"two": two["id"]})
    assert await merging.late_rows(tx, since=start) == 1
    assert (await get(client, "contacts", maria["id"]))["account_id"] == one["id"]
    assert await merging.late_rows(tx, since=start) == 0
    assert Decimal((await get(client, "accounts", one["id"]))["open_exposure"]) == 0


async def test_bodies_that_name_what_was_merged_are_told_the_new_id(client: AsyncClient) -> None:
    one, two = await account(client), await account(client, name="Alfreds")
    this, other = await contact(client, one["id"]), await contact(client, one["id"], name="Anders, Maria")
    await merged(client, "accounts", one["id"], two["id"])
    await merged(client, "contacts", this["id"], other["id"])
    third = await account(client, name="Third")
    old = {"parent_id": two["id"]}
    note = {"kind": "note", "subject": "x", "contact_id": other["id"]}
    answers = [
        (await client.post("/v1/accounts", json={"name": "x", "currency": "EUR", **old}), one),
        (await client.patch(f"/v1/accounts/{third['id']}", json=old, headers=if_match(third)), one),
        (await client.post("/v1/contacts", json={"name": "x", "account_id": two["id"]}), one),
        (await client.post(f"/v1/accounts/{one['id']}/activities", json=note), this),
    ]
    for answer, survivor in answers:
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"], survivor["id"] in error["detail"]) == (422, "moved", True)
