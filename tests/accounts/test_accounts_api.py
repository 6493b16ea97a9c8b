"""Accounts over HTTP."""

import re
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select

from app.accounts.schemas import AccountRead, AccountSummary
from app.kernel.auth import Permission
from app.kernel.outbox import OutboxEvent
from tests.accounts.customers import ALFREDS, BERLIN, NOBODY, account, contact, if_match
from tests.conftest import BoundDatabase, ClientWith

EMPTY_RECORD = {
    "currency": "USD",
    "orders": 0,
    "revenue_lifetime": "0",
    "revenue_last_12_months": "0",
    "first_order_on": None,
    "last_order_on": None,
    "usual_interval_days": None,
}


async def patch(client: AsyncClient, found: dict[str, Any], **fields: object) -> Any:
    return await client.patch(f"/v1/accounts/{found['id']}", json=fields, headers=if_match(found))


async def names(client: AsyncClient, **query: object) -> list[str]:
    response = await client.get("/v1/accounts", params={key: str(value) for key, value in query.items()})
    assert response.status_code == 200, response.text
    return [each["name"] for each in response.json()["data"]]


async def test_create_get_and_list(client: AsyncClient) -> None:
    sent = {
        **ALFREDS,
        "number": "ALFKI",
        "type": "reseller",
        "status": "active",
        "industry": "food retail",
        "size": "small",
        "key_account": True,
        "email": "Office@Alfreds.example",
        "telephone": "030-0074321",
        "website": "alfreds.example",
        "delivery_address": {"name": "Lager", "country": "AT"},
        "payment_terms_days": 14,
        "credit_limit": "20000.50",
    }
    created = await client.post("/v1/accounts", json=sent)
    assert created.status_code == 201, created.text
    body = created.json()
    read = AccountRead.model_validate(body)
    assert read.model_dump(mode="json") | {"created_at": 0, "updated_at": 0} == body | {
        "created_at": 0,
        "updated_at": 0,
    }
    assert body["purchase_record"] == EMPTY_RECORD
    assert body["delivery_address"] == {
        "name": "Lager",
        "lines": [],
        "city": None,
        "region": None,
        "postal_code": None,
        "country": "AT",
    }
    kept = {key: value for key, value in body.items() if key in sent} | {"delivery_address": sent["delivery_address"]}
    address = {"name": None, "region": None, **BERLIN}
    assert kept == {**sent, "email": "office@alfreds.example", "billing_address": address}
    assert (body["open_exposure"], body["block_reason"]) == ("0", None)

    got = await client.get(created.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, '"v1"')
    listed = (await client.get("/v1/accounts")).json()
    assert listed["data"] == [{key: value for key, value in body.items() if key != "purchase_record"}]
    AccountSummary.model_validate(listed["data"][0])


async def test_an_account_needs_no_more_than_a_name_and_a_currency(client: AsyncClient) -> None:
    body = (await client.post("/v1/accounts", json={"name": "Alfreds", "currency": "EUR"})).json()
    assert (body["status"], body["type"], body["payment_terms_days"]) == ("prospect", "end_customer", 30)
    assert (body["billing_address"], body["credit_limit"], body["key_account"]) == (None, None, False)


async def test_numbers_come_from_a_sequence_and_pass_over_those_given_by_hand(client: AsyncClient) -> None:
    first = (await account(client))["number"]
    assert re.fullmatch(r"A-\d{6}", first)
    following = int(first[2:]) + 1
    await account(client, number=f"A-{following:06d}")
    assert (await account(client))["number"] == f"A-{following + 1:06d}"
    taken = await client.post("/v1/accounts", json={**ALFREDS, "number": first})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/number")


async def test_patch_changes_only_what_was_sent(client: AsyncClient, database: BoundDatabase) -> None:
    found = await account(client, credit_limit="100", industry="food")
    response = await patch(client, found, credit_limit=None, billing_address={"country": "FR"}, key_account=True)
    assert response.status_code == 200, response.text
    changed = response.json()
    assert (changed["credit_limit"], changed["key_account"], changed["version"]) == (None, True, 2)
    assert (changed["billing_address"]["country"], changed["billing_address"]["lines"]) == ("FR", [])
    assert (changed["industry"], changed["name"]) == ("food", ALFREDS["name"])
    query = select(OutboxEvent.data).where(OutboxEvent.type == "account.updated")
    (data,) = (await database.connection.execute(query)).scalars()
    assert sorted(data["changes"], key=lambda change: change["field"]) == [
        {"field": "billing_address", "old": None, "new": None},
        {"field": "credit_limit", "old": "100", "new": None},
        {"field": "key_account", "old": False, "new": True},
    ]
    cleared = (await patch(client, changed, billing_address=None)).json()
    assert cleared["billing_address"] is None
    assert await names(client, country="FR") == []


async def test_a_patch_that_changes_nothing_tells_nothing(client: AsyncClient, database: BoundDatabase) -> None:
    found = await account(client, industry="food", credit_limit="100")
    for same in ({}, {"industry": "food", "credit_limit": "100.0", "billing_address": found["billing_address"]}):
        response = await patch(client, found, **same)
        assert (response.status_code, response.json()) == (200, found)
    person = await contact(client, found["id"], telephone="030 0074321")
    for same in ({}, {"name": person["name"], "telephone": "030 0074321"}):
        response = await client.patch(f"/v1/contacts/{person['id']}", json=same, headers=if_match(person))
        assert (response.status_code, response.json()) == (200, person)
    types = (await database.connection.execute(select(OutboxEvent.type).order_by(OutboxEvent.seq))).scalars()
    assert list(types) == ["account.created", "contact.created"]


async def test_if_match_is_required_and_a_stale_one_refused(client: AsyncClient) -> None:
    found = await account(client)
    url = f"/v1/accounts/{found['id']}"
    assert (await client.patch(url, json={"name": "N"})).status_code == 428
    assert (await client.post(f"{url}/close")).status_code == 428
    assert (await patch(client, found, name="N")).status_code == 200
    assert (await patch(client, found, name="M")).status_code == 412
    assert (await client.post(f"{url}/close", headers=if_match(found))).status_code == 412


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"currency": "XXX"}, "/currency"),
        ({"status": "blocked"}, "/status"),
        ({"credit_limit": "-1"}, "/credit_limit"),
        ({"credit_limit": 12.5}, "/credit_limit"),
        ({"credit_limit": "NaN"}, "/credit_limit"),
        ({"payment_terms_days": -1}, "/payment_terms_days"),
        ({"billing_address": {"city": "Berlin"}}, "/billing_address/country"),
        ({"billing_address": {"country": "XX"}}, "/billing_address/country"),
        ({"billing_address": {"country": "DE", "street": "x"}}, "/billing_address/street"),
        ({"billing_address": {"country": "DE", "lines": ["1"] * 5}}, "/billing_address/lines"),
        ({"number": "A 1"}, "/number"),
        ({"parent_id": NOBODY}, "/parent_id"),
        ({"owner_id": NOBODY}, "/owner_id"),
        ({"price_list_id": NOBODY}, "/price_list_id"),
        ({"open_exposure": "5"}, "/open_exposure"),
    ],
)
async def test_wrong_fields_are_named(client: AsyncClient, fields: dict[str, object], pointer: str) -> None:
    response = await client.post("/v1/accounts", json={**ALFREDS, **fields})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer), response.text


async def test_a_wrong_status_is_told_in_words_of_the_api(client: AsyncClient) -> None:
    response = await client.post("/v1/accounts", json={**ALFREDS, "status": "blocked"})
    assert response.json()["errors"][0]["detail"] == "Input should be 'prospect' or 'active'"


async def test_what_must_be_there_is_not_cleared(client: AsyncClient) -> None:
    found = await account(client)
    for field in ("name", "number", "currency", "type", "key_account", "payment_terms_days"):
        response = await patch(client, found, **{field: None})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_a_planned_day_goes_with_its_step(client: AsyncClient, database: BoundDatabase) -> None:
    found = await account(client)
    response = await patch(client, found, next_step_on="2030-01-15")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/next_step_on")
    found = (await patch(client, found, next_step="Call Maria", next_step_on="2030-01-15")).json()
    assert (found["next_step"], found["next_step_on"]) == ("Call Maria", "2030-01-15")
    found = (await patch(client, found, next_step_on="2030-01-16")).json()
    assert (found["next_step"], found["next_step_on"]) == ("Call Maria", "2030-01-16")
    response = await patch(client, found, next_step=None, next_step_on="2030-01-17")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/next_step_on")
    found = (await patch(client, found, next_step=None)).json()
    assert (found["next_step"], found["next_step_on"]) == (None, None)
    query = select(OutboxEvent.data).where(OutboxEvent.type == "account.updated")
    assert "Maria" not in str((await database.connection.execute(query)).scalars().all())


async def test_a_price_list_has_the_accounts_currency(client: AsyncClient) -> None:
    sent = {"code": "USD-26", "name": "Dollars", "currency": "USD", "valid_from": "2026-01-01"}
    dollars = (await client.post("/v1/price-lists", json=sent)).json()["id"]
    response = await client.post("/v1/accounts", json={**ALFREDS, "price_list_id": dollars})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "currency")
    found = await account(client, currency="USD", price_list_id=dollars)
    response = await patch(client, found, currency="EUR")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/price_list_id")
    assert (await patch(client, found, currency="EUR", price_list_id=None)).status_code == 200


async def test_no_account_belongs_to_itself(client: AsyncClient) -> None:
    top = await account(client)
    below = await account(client, parent_id=top["id"])
    for parent in (top, below):
        response = await patch(client, top, parent_id=parent["id"])
        assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "cycle")
    assert (await patch(client, below, parent_id=None)).json()["parent_id"] is None


async def test_the_life_of_an_account(client: AsyncClient, database: BoundDatabase) -> None:
    found = await account(client)

    async def move(action: str, **body: object) -> tuple[int, str]:
        nonlocal found
        url = f"/v1/accounts/{found['id']}/{action}"
        response = await client.post(url, json=body or None, headers=if_match(found))
        if response.status_code == 200:
            found = AccountRead.model_validate(response.json()).model_dump(mode="json")
        return response.status_code, found["status"]

    assert (await client.post(f"/v1/accounts/{found['id']}/block", headers=if_match(found))).status_code == 422
    assert await move("unblock") == (409, "prospect")
    assert await move("block", reason="does not pay") == (200, "blocked")
    assert found["block_reason"] == "does not pay"
    assert await move("block", reason="again") == (409, "blocked")
    assert await move("unblock") == (200, "prospect")
    assert found["block_reason"] is None
    assert await move("activate") == (200, "active")
    assert await move("activate") == (409, "active")
    assert await move("block", reason="does not pay") == (200, "blocked")
    assert await move("close") == (200, "closed")
    assert await move("unblock") == (409, "closed")
    assert await move("reopen") == (200, "active")
    query = select(OutboxEvent.type).where(OutboxEvent.type.like("account.%")).order_by(OutboxEvent.seq)
    assert list((await database.connection.execute(query)).scalars()) == [
        f"account.{what}" for what in ("created", "blocked", "unblocked", "activated", "blocked", "closed", "reopened")
    ]


async def test_filters_and_sorts(client: AsyncClient) -> None:
    member = {"name": "Nancy", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    nancy = (await client.post("/v1/staff", json=member)).json()["id"]
    top = await account(client, number="ALFKI", industry="food", status="active", key_account=True)
    await account(client, name="Bon app'", number="BONAP", parent_id=top["id"], owner_id=nancy, type="reseller")
    paris = {"country": "FR"}
    await account(client, name="Around the Horn", number="AROUT", billing_address=paris)

    every = ["Alfreds Futterkiste", "Around the Horn", "Bon app'"]
    assert await names(client) == every
    assert await names(client, sort="-number") == ["Bon app'", "Around the Horn", "Alfreds Futterkiste"]
    assert await names(client, sort="-created_at") == ["Around the Horn", "Bon app'", "Alfreds Futterkiste"]
    assert await names(client, status="active") == every[:1]
    assert await names(client, key_account="true") == every[:1]
    assert await names(client, key_account="false") == every[1:]
    assert await names(client, industry="food", number="ALFKI") == every[:1]
    assert await names(client, parent_id=top["id"]) == every[2:]
    assert await names(client, owner_id=nancy, type="reseller") == every[2:]
    assert await names(client, country="FR") == every[1:2]
    assert await names(client, words="fut alf") == every[:1]
    assert await names(client, words="BONA") == every[2:]
    assert await names(client, words="orn") == []
    assert (await client.get("/v1/accounts", params={"colour": "red"})).status_code == 422


async def test_pages(client: AsyncClient) -> None:
    for number in range(5):
        await account(client, name="Same", number=f"N{number}")
    seen: list[str] = []
    url: str | None = "/v1/accounts?limit=2"
    while url:
        page = (await client.get(url)).json()
        seen += [each["number"] for each in page["data"]]
        url = f"/v1/accounts?limit=2&cursor={page['next_cursor']}" if page["has_more"] else None
    assert sorted(seen) == [f"N{number}" for number in range(5)]


async def test_scopes_and_unknown_ids(client: AsyncClient, client_with: ClientWith) -> None:
    found = await account(client)
    reader = await client_with(Permission.ACCOUNTS_READ)
    assert (await reader.get(f"/v1/accounts/{found['id']}/purchase-record")).json() == EMPTY_RECORD
    for action in ("activate", "block", "unblock", "close", "reopen", "activities"):
        assert (await reader.post(f"/v1/accounts/{found['id']}/{action}", json={})).status_code == 403
    assert (await reader.post("/v1/accounts", json=ALFREDS)).status_code == 403
    stranger = await client_with(Permission.ORDERS_READ)
    for path in ("accounts", f"accounts/{found['id']}", "contacts", "activities"):
        assert (await stranger.get(f"/v1/{path}")).status_code == 403
    for path in (f"accounts/{NOBODY}", f"accounts/{NOBODY}/purchase-record"):
        assert (await client.get(f"/v1/{path}")).status_code == 404
