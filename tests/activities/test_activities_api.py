"""Activities over HTTP: recorded below an account, listed for all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.activities import service
from app.activities.rules import ActivityCreate, ActivityKind, ActivityRead
from app.kernel import clock
from app.kernel.auth import ROLES, Permission, Role
from app.kernel.outbox import OutboxEvent
from tests.accounts.customers import NOBODY, account, contact
from tests.conftest import BoundDatabase, ClientWith

CALL = {"kind": "call", "subject": "Spring assortment"}


async def record(client: AsyncClient, customer: dict[str, Any], **fields: object) -> dict[str, Any]:
    response = await client.post(f"/v1/accounts/{customer['id']}/activities", json={**CALL, **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def test_record_get_and_list(client: AsyncClient, database: BoundDatabase) -> None:
    customer = await account(client)
    person = await contact(client, customer["id"])
    sent = {
        "kind": "meeting",
        "direction": "outbound",
        "at": "2026-06-01T10:00:00Z",
        "contact_id": person["id"],
        "with_whom": "Maria Anders",
        "subject": "Spring assortment",
        "notes": "Likes the chai.",
        "outcome": "interested",
        "next_step": "Send samples",
        "next_step_on": "2026-06-08",
        "by_id": None,
    }
    created = await client.post(f"/v1/accounts/{customer['id']}/activities", json=sent)
    assert created.status_code == 201, created.text
    body = created.json()
    ActivityRead.model_validate(body)
    kept = {key: value for key, value in body.items() if key not in {"id", "version", "created_at", "updated_at"}}
    assert kept == {**sent, "account_id": customer["id"], "lead_id": None, "opportunity_id": None}
    assert (await client.get(created.headers["location"])).json() == body
    assert (await client.get("/v1/activities")).json()["data"] == [body]
    query = select(OutboxEvent).where(OutboxEvent.type == "account.activity_recorded")
    (event,) = (await database.connection.execute(query)).all()
    assert (event.subject_type, str(event.subject_id)) == ("accounts", customer["id"])
    assert event.data == {
        "activity_id": body["id"],
        "kind": "meeting",
        "at": "2026-06-01T10:00:00Z",
        "outcome": "interested",
        "next_step_on": "2026-06-08",
        "changes": [],
    }


async def test_a_next_step_stays_until_the_newest_activity_names_another(client: AsyncClient) -> None:
    customer = await account(client)

    async def next_step() -> tuple[str | None, ...]:
        shown = (await client.get(f"/v1/accounts/{customer['id']}")).json()
        return shown["last_activity_at"], shown["next_step"], shown["next_step_on"]

    await record(client, customer, at="2026-06-02T10:00:00Z", next_step="Send samples", next_step_on="2026-06-08")
    assert await next_step() == ("2026-06-02T10:00:00Z", "Send samples", "2026-06-08")
    await record(client, customer, at="2026-06-01T10:00:00Z", next_step="Call back")
    assert await next_step() == ("2026-06-02T10:00:00Z", "Send samples", "2026-06-08")
    due = {"next_step_by": "2026-06-08"}
    assert [each["id"] for each in (await client.get("/v1/accounts", params=due)).json()["data"]] == [customer["id"]]
    assert (await client.get("/v1/accounts", params={"next_step_by": "2026-06-07"})).json()["data"] == []
    await record(client, customer, at="2026-06-03T10:00:00Z")
    assert await next_step() == ("2026-06-03T10:00:00Z", "Send samples", "2026-06-08")
    await record(client, customer, at="2026-06-04T10:00:00Z", next_step="Call back")
    assert await next_step() == ("2026-06-04T10:00:00Z", "Call back", None)


async def test_filters_and_sorts(client: AsyncClient) -> None:
    member = {"name": "Nancy", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    nancy = (await client.post("/v1/staff", json=member)).json()["id"]
    one, two = await account(client), await account(client)
    person = await contact(client, two["id"])
    await record(client, one, subject="1", at="2026-06-01T10:00:00Z", by_id=nancy)
    await record(client, two, subject="2", at="2026-06-02T10:00:00Z", kind="note", contact_id=person["id"])
    await record(client, one, subject="3", at="2026-06-03T10:00:00Z")

    async def subjects(**query: str) -> str:
        response = await client.get("/v1/activities", params=query)
        return "".join(each["subject"] for each in response.json()["data"])

    assert await subjects() == "321"
    assert await subjects(sort="at") == "123"
    assert await subjects(account_id=one["id"]) == "31"
    assert await subjects(by_id=nancy) == "1"
    assert await subjects(kind="note") == "2"
    assert await subjects(contact_id=person["id"]) == "2"
    assert await subjects(at_from="2026-06-02T10:00:00Z", at_to="2026-06-03T10:00:00Z") == "2"
    assert await subjects(lead_id=NOBODY) == ""


async def test_what_is_no_activity(client: AsyncClient) -> None:
    customer, other = await account(client), await account(client)
    stranger = await contact(client, other["id"])
    url = f"/v1/accounts/{customer['id']}/activities"
    for fields, pointer in (
        ({"kind": "lunch"}, "/kind"),
        ({"subject": ""}, "/subject"),
        ({"at": "2999-01-01T00:00:00Z"}, "/at"),
        ({"at": "2026-06-01T00:00:00"}, "/at"),
        ({"next_step_on": "2026-06-01"}, "/next_step"),
        ({"contact_id": stranger["id"]}, "/contact_id"),
        ({"contact_id": NOBODY}, "/contact_id"),
        ({"by_id": NOBODY}, "/by_id"),
        ({"account_id": customer["id"]}, "/account_id"),
    ):
        response = await client.post(url, json={**CALL, **fields})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer), response.text
    assert (await client.post(f"/v1/accounts/{NOBODY}/activities", json=CALL)).status_code == 404
    assert (await client.get(f"/v1/activities/{NOBODY}")).status_code == 404


async def test_reading_needs_the_scopes_of_leads_and_accounts(client: AsyncClient, client_with: ClientWith) -> None:
    found = await record(client, await account(client))
    paths = ("/v1/activities", f"/v1/activities/{found['id']}")
    for role in (Role.SALES, Role.ORDER_ADMINISTRATION):
        reader = await client_with(*ROLES[role])
        every, one = [(await reader.get(path)).json() for path in paths]
        assert (every["data"], one) == ([found], found)
    for scopes in ((Permission.ACCOUNTS_READ,), (Permission.LEADS_READ,), ROLES[Role.DISPATCH]):
        stranger = await client_with(*scopes)
        assert [(await stranger.get(path)).status_code for path in paths] == [403, 403]


async def test_an_activity_without_a_time_happened_now(client: AsyncClient) -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    customer = await account(client)
    with clock.at(noon):
        assert (await record(client, customer))["at"] == "2026-06-01T12:00:00Z"


async def test_an_activity_is_on_a_lead_or_an_account(tx: AsyncSession) -> None:
    with pytest.raises(ValueError, match="on a lead, an opportunity or an account"):
        service.record(tx, body=ActivityCreate(kind=ActivityKind.NOTE, subject="x"))
