"""Contacts and their consents over HTTP."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select

from app.accounts.rules import ConsentRead
from app.accounts.schemas import ContactRead
from app.kernel.auth import Permission
from app.kernel.outbox import OutboxEvent
from tests.accounts.customers import NOBODY, account, contact, if_match
from tests.conftest import BoundDatabase, ClientWith


async def say(client: AsyncClient, contact_id: str, granted: bool, **fields: object) -> dict[str, Any]:
    sent = {"purpose": "newsletter", "channel": "email", "granted": granted, "source": "form", **fields}
    response = await client.post(f"/v1/contacts/{contact_id}/consents", json=sent)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def test_create_get_and_list(client: AsyncClient) -> None:
    customer = await account(client)
    sent = {
        "account_id": customer["id"],
        "name": "Maria Anders",
        "job_title": "Sales Representative",
        "department": "Purchasing",
        "email": "Maria@Alfreds.example",
        "telephone": "030-0074321",
        "language": "de",
        "decision_maker": True,
        "active": True,
    }
    created = await client.post("/v1/contacts", json=sent)
    body = created.json()
    assert ContactRead.model_validate(body).model_dump(mode="json") | {"created_at": 0, "updated_at": 0} == {
        **sent,
        "id": body["id"],
        "version": 1,
        "created_at": 0,
        "updated_at": 0,
        "email": "maria@alfreds.example",
        "telephone_e164": "+49300074321",
        "consents": [],
    }
    got = await client.get(created.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, '"v1"')
    assert (await client.get("/v1/contacts")).json()["data"] == [body]


async def test_a_telephone_is_read_with_the_accounts_country(client: AsyncClient) -> None:
    customer = await account(client, billing_address=None, delivery_address={"country": "GB"})
    person = await contact(client, customer["id"], telephone="(171) 555-7788")
    url = f"/v1/contacts/{person['id']}"
    assert person["telephone_e164"] == "+441715557788"
    person = (await client.patch(url, json={"telephone": "call me"}, headers=if_match(person))).json()
    assert (person["telephone"], person["telephone_e164"]) == ("call me", None)
    person = (await client.patch(url, json={"telephone": "+33 1 23 45 67 89"}, headers=if_match(person))).json()
    assert person["telephone_e164"] == "+33123456789"
    person = (await client.patch(url, json={"telephone": None}, headers=if_match(person))).json()
    assert (person["telephone"], person["telephone_e164"]) == (None, None)


async def test_patch_changes_only_what_was_sent_and_keeps_persons_out_of_events(
    client: AsyncClient, database: BoundDatabase
) -> None:
    person = await contact(client, (await account(client))["id"], email="m@example.com")
    url = f"/v1/contacts/{person['id']}"
    changes = {"name": "Maria Berg", "decision_maker": True, "email": None}
    assert (await client.patch(url, json=changes)).status_code == 428
    response = await client.patch(url, json=changes, headers=if_match(person))
    assert response.json() | {"updated_at": 0} == person | changes | {"updated_at": 0, "version": 2}
    assert (await client.patch(url, json=changes, headers=if_match(person))).status_code == 412
    query = select(OutboxEvent.data).where(OutboxEvent.type == "contact.updated")
    (data,) = (await database.connection.execute(query)).scalars()
    assert sorted(data["changes"], key=lambda change: change["field"]) == [
        {"field": "decision_maker", "old": False, "new": True},
        {"field": "email", "old": None, "new": None},
        {"field": "name", "old": None, "new": None},
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"account_id": NOBODY}, "/account_id"),
        ({"name": " "}, "/name"),
        ({"email": "nobody"}, "/email"),
        ({"language": "german"}, "/language"),
        ({"telephone": "1" * 201}, "/telephone"),
        ({"consents": []}, "/consents"),
    ],
)
async def test_wrong_fields_are_named(client: AsyncClient, fields: dict[str, object], pointer: str) -> None:
    sent = {"account_id": (await account(client))["id"], "name": "Maria Anders", **fields}
    response = await client.post("/v1/contacts", json=sent)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer), response.text


async def test_filters(client: AsyncClient) -> None:
    one, two = await account(client), await account(client)
    await contact(client, one["id"], email="maria@example.com", decision_maker=True)
    await contact(client, two["id"], name="Thomas Hardy", active=False)

    async def names(**query: str) -> list[str]:
        return [each["name"] for each in (await client.get("/v1/contacts", params=query)).json()["data"]]

    assert await names() == ["Maria Anders", "Thomas Hardy"]
    assert await names(sort="-created_at") == ["Thomas Hardy", "Maria Anders"]
    assert await names(account_id=two["id"]) == ["Thomas Hardy"]
    assert await names(email="MARIA@example.com") == ["Maria Anders"]
    assert await names(decision_maker="false") == ["Thomas Hardy"]
    assert await names(active="true") == ["Maria Anders"]
    assert await names(words="hard tho") == ["Thomas Hardy"]
    assert await names(words="example") == ["Maria Anders"]


async def test_what_a_contact_said_stands_until_outdone(client: AsyncClient) -> None:
    person = await contact(client, (await account(client))["id"])

    async def stands(granted: bool, at: str, **fields: object) -> list[bool]:
        body = await say(client, person["id"], granted, at=f"2026-06-0{at}T12:00:00Z", **fields)
        ContactRead.model_validate(body)
        return [each["granted"] for each in body["consents"]]

    assert await stands(True, "1") == [True]
    assert await stands(False, "3") == [False]
    assert await stands(True, "4") == [False]
    assert await stands(True, "2", evidence="older") == [False]
    assert await stands(True, "5", evidence="mail 7") == [True]
    assert await stands(False, "6", channel="telephone") == [True, False]
    got = (await client.get(f"/v1/contacts/{person['id']}")).json()
    assert got["version"] == 7
    assert got["consents"][0] == {
        "purpose": "newsletter",
        "channel": "email",
        "granted": True,
        "at": "2026-06-05T12:00:00Z",
        "evidence": "mail 7",
        "source": "form",
    }


async def test_everything_said_can_be_read_with_its_evidence(client: AsyncClient, client_with: ClientWith) -> None:
    person = await contact(client, (await account(client))["id"])
    url = f"/v1/contacts/{person['id']}/consents"
    assert (await client.get(url)).json()["data"] == []
    for at, granted, evidence in (("1", True, "mail 7"), ("3", False, None), ("2", True, "card")):
        await say(client, person["id"], granted, at=f"2026-06-0{at}T12:00:00Z", evidence=evidence)
    first = await client.get(url, params={"limit": 2})
    following = await client.get(url, params={"limit": 2, "cursor": first.json()["next_cursor"]})
    said = first.json()["data"] + following.json()["data"]
    assert [(each["at"][9], each["granted"], each["evidence"]) for each in said] == [
        ("3", False, None), ("2", True, "card"), ("1", True, "mail 7")
    ]  # fmt: skip
    assert [ConsentRead.model_validate(each).model_dump(mode="json") for each in said] == said
    assert (await client.get(url, params={"sort": "at"})).json()["data"] == said[::-1]
    assert (await client.get(f"/v1/contacts/{NOBODY}/consents")).status_code == 404
    stranger = await client_with(Permission.LEADS_READ)
    assert (await stranger.get(url)).status_code == 403


async def test_what_was_said_before_is_no_news(client: AsyncClient, database: BoundDatabase) -> None:
    person = await contact(client, (await account(client))["id"])
    once = await say(client, person["id"], False, at="2026-06-01T12:00:00Z")
    assert await say(client, person["id"], False, at="2026-06-01T14:00:00+02:00") == once
    query = select(OutboxEvent.data).where(OutboxEvent.type == "contact.consents_recorded")
    (data,) = (await database.connection.execute(query)).scalars()
    assert data["consents"] == [{"purpose": "newsletter", "channel": "email", "granted": False}]


async def test_a_grant_from_the_future_does_not_outrun_a_withdrawal(client: AsyncClient) -> None:
    person = await contact(client, (await account(client))["id"])
    assert (await say(client, person["id"], True, at="2999-01-01T00:00:00Z", evidence="x"))["consents"][0]["granted"]
    assert not (await say(client, person["id"], False))["consents"][0]["granted"]


async def test_consents_of_nobody_and_by_nobody(client: AsyncClient, client_with: ClientWith) -> None:
    sent = {"purpose": "newsletter", "channel": "email", "granted": True, "source": "form"}
    assert (await client.post(f"/v1/contacts/{NOBODY}/consents", json=sent)).status_code == 404
    url = f"/v1/contacts/{(await contact(client, (await account(client))['id']))['id']}/consents"
    for wrong, pointer in (
        ({"purpose": "spam"}, "/purpose"),
        ({"at": "2026-06-01T12:00:00"}, "/at"),
        ({"source": ""}, "/source"),
    ):
        response = await client.post(url, json=sent | wrong)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)
    reader = await client_with(Permission.ACCOUNTS_READ)
    assert (await reader.post(url, json=sent)).status_code == 403
