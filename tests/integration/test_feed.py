"""The feed over HTTP: what is answered, to whom, and what is refused."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.integration.catalogue import EVENTS, PERMISSIONS, SUBJECTS
from app.integration.schemas import EventPage
from app.kernel import outbox
from app.kernel.auth import Permission
from app.kernel.outbox import Change
from app.leads.events import LeadConverted
from app.products.events import ProductCreated
from app.staff.events import StaffUpdated
from tests.conftest import ClientWith, Live
from tests.integration.factories import CHANGED, JOINED, specimen, tell

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}


async def read(client: AsyncClient, **params: Any) -> dict[str, Any]:
    response = await client.get("/v1/events", params=params)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def test_an_event_is_a_cloudevent_that_says_who_when_and_through_which_key(client: AsyncClient) -> None:
    created = await client.post("/v1/staff", json=NANCY, headers={"X-Request-ID": "order-desk-1"})
    page = await read(client)
    (event,) = page["data"]
    assert page["next_after"] == event["position"]
    assert page["has_more"] is False
    assert event | {"id": 0, "time": 0, "actorid": 0, "position": 0} == {
        "specversion": "1.0",
        "id": 0,
        "source": "/v1",
        "type": "staff.created",
        "subject": f"staff/{created.json()['id']}",
        "time": 0,
        "datacontenttype": "application/json",
        "position": 0,
        "actor": "everything",
        "actorid": 0,
        "requestid": "order-desk-1",
        "traceparent": None,
        "data": {"changes": []},
    }
    assert event["time"].endswith("Z")


async def test_every_type_is_answered_as_its_schema_says(client: AsyncClient, tx: AsyncSession) -> None:
    told = [specimen(event) for event in EVENTS]
    subjects = [f"{event.subject_type}/{tell(tx, event)}" for event in told]
    await tx.commit()
    body = await read(client, limit=1000)
    typed: Any = EventPage.model_validate(body)
    assert typed.model_dump(mode="json")["data"] == [
        event | {"time": typed.data[i].model_dump(mode="json")["time"]} for i, event in enumerate(body["data"])
    ]
    assert [event.data for event in typed.data] == told
    assert [(event.type, event.subject) for event in typed.data] == [
        (event.type, subject) for event, subject in zip(told, subjects, strict=True)
    ]


def test_the_description_has_a_schema_for_each_type(shared_app: FastAPI) -> None:
    schemas = shared_app.openapi()["components"]["schemas"]
    items = schemas["EventPage"]["properties"]["data"]["items"]
    assert items["discriminator"]["propertyName"] == "type"
    assert set(items["discriminator"]["mapping"]) == {event.type for event in EVENTS}
    for event in EVENTS:
        envelope = schemas[f"{event.__name__}Event"]
        assert envelope["properties"]["type"]["const"] == event.type
        data = schemas[envelope["properties"]["data"]["$ref"].rpartition("/")[2]]
        assert set(data["properties"]) == set(event.model_fields)
        assert "changes" in data["required"]
        assert all(kind.keys() & {"$ref", "type", "anyOf", "const"} for kind in data["properties"].values())
    parameters = {p["name"]: p["schema"] for p in shared_app.openapi()["paths"]["/v1/events"]["get"]["parameters"]}
    assert parameters["type"]["items"]["enum"] == list(PERMISSIONS)


def test_the_examples_could_be_events(shared_app: FastAPI) -> None:
    """What is shown is about a subject of its type, has a position, and goes on behind it."""
    answered = shared_app.openapi()["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]["application/json"]
    page = answered["example"]
    typed: Any = EventPage.model_validate(page)
    assert page["next_after"] == typed.data[-1].position
    assert page["data"][0]["data"]["changes"] == [], "what has just been created has not changed"
    for event in EVENTS:
        (example,) = shared_app.openapi()["components"]["schemas"][f"{event.__name__}Event"]["properties"]["subject"][
            "examples"
        ]
        assert example.partition("/")[0] == event.subject_type


async def test_unknown_types_are_one_error_that_lists_the_known_ones_once(client: AsyncClient) -> None:
    response = await client.get("/v1/events", params={"type": ["order.eaten", "staff.*"]})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "type"
    assert all(response.text.count(f"'{kind}'") == 1 for kind in PERMISSIONS)


def test_types_are_unique_and_every_subject_has_events() -> None:
    assert len(PERMISSIONS) == len(EVENTS)
    assert {event.subject_type for event in EVENTS} == set(SUBJECTS)


async def test_pages_follow_each_other(client: AsyncClient, tx: AsyncSession) -> None:
    for _ in range(5):
        tell(tx)
    await tx.commit()
    seen: list[int] = []
    url: str | None = "/v1/events?limit=2"
    while url:
        response = await client.get(url)
        body = response.json()
        seen += [event["position"] for event in body["data"]]
        assert body["has_more"] is ("next" in response.links)
        url = response.links["next"]["url"] if body["has_more"] else None
    assert len(seen) == 5
    assert seen == sorted(set(seen))
    assert await read(client, after=seen[-1]) == {"data": [], "next_after": seen[-1], "has_more": False}


async def test_filters(client: AsyncClient, tx: AsyncSession) -> None:
    nancy = tell(tx)
    tell(tx, CHANGED, nancy)
    tell(tx, specimen(ProductCreated))
    tell(tx, CHANGED)
    await tx.commit()

    async def found(**params: Any) -> list[str]:
        body = await read(client, **params)
        assert (body["next_after"], body["has_more"]) == (last, False)
        return [event["type"] for event in body["data"]]

    last = (await read(client))["next_after"]
    assert await found(type="staff.updated") == ["staff.updated"] * 2
    assert await found(type=["product.created", "staff.created"]) == ["staff.created", "product.created"]
    assert await found(subject=f"staff/{nancy}") == ["staff.created", "staff.updated"]
    assert await found(subject=f"staff/{str(nancy).upper()}", type="staff.updated") == ["staff.updated"]
    assert await found(subject=f"products/{nancy}") == []
    assert await found(subject=f"staff/{nancy}", type="product.created") == []


async def test_a_filtered_page_that_is_full_goes_on_after_its_last_event(client: AsyncClient, tx: AsyncSession) -> None:
    for event in (CHANGED, JOINED, CHANGED, JOINED, CHANGED):
        tell(tx, event)
    await tx.commit()
    first = await read(client, type="staff.updated", limit=2)
    assert (len(first["data"]), first["next_after"], first["has_more"]) == (2, first["data"][-1]["position"], True)
    second = await read(client, type="staff.updated", limit=2, after=first["next_after"])
    assert (len(second["data"]), second["has_more"]) == (1, False)


async def test_a_key_sees_the_events_of_what_it_may_read(client_with: ClientWith, tx: AsyncSession) -> None:
    tell(tx, specimen(LeadConverted))
    joined = tell(tx)
    lead = tell(tx, specimen(LeadConverted))
    await tx.commit()
    staff = await client_with(Permission.EVENTS_READ, Permission.STAFF_READ)
    body = await read(staff)
    assert [event["subject"] for event in body["data"]] == [f"staff/{joined}"]
    assert body["next_after"] == body["data"][0]["position"] + 1, "it has looked at the lead's event, too"
    refused = await staff.get("/v1/events", params={"type": ["staff.created", "lead.converted"]})
    assert (refused.status_code, "leads:read" in refused.json()["detail"]) == (403, True)
    assert (await staff.get("/v1/events", params={"subject": f"leads/{lead}"})).status_code == 403
    both = await client_with(Permission.EVENTS_READ, Permission.STAFF_READ, Permission.LEADS_READ)
    assert len((await read(both))["data"]) == 3
    assert len((await read(both, subject=f"leads/{lead}"))["data"]) == 1


@pytest.mark.parametrize("scope", [Permission.STAFF_READ, Permission.EVENTS_READ])
async def test_a_key_that_could_see_nothing_is_told_so(client_with: ClientWith, scope: Permission) -> None:
    assert (await (await client_with(scope)).get("/v1/events")).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", "-1"),
        ("after", "first"),
        ("after", "1.5"),
        ("after", str(2**63)),
        ("after", "1000000000"),
        ("type", "order.eaten"),
        ("type", "staff.*"),
        ("subject", "staff"),
        ("subject", "unicorns/0198c1de-0000-7000-8000-000000000000"),
        ("subject", "staff/0198c1de-0000-7000-8000-000000000000/x"),
        ("subject", "staff/0"),
        ("limit", "0"),
        ("limit", "1001"),
        ("wait", "31"),
        ("wait", "-1"),
        ("cursor", "abc"),
    ],
)
async def test_garbage_is_refused(client: AsyncClient, name: str, value: str) -> None:
    response: Response = await client.get("/v1/events", params={name: value})
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"] == name


async def test_a_reader_sees_all_that_waits_for_positions_however_many(live: Live) -> None:
    async with live.database.transaction() as session:
        for number in range(2001):
            event = StaffUpdated(changes=(Change(field="number", new=number),))
            session.add(outbox.as_row(session, uuid7(), event))
    page = (await live.client.get("/v1/events", params={"after": 0, "limit": 1})).json()
    assert (page["data"][0]["position"], page["has_more"]) == (1, True)
    rest = (await live.client.get("/v1/events", params={"after": 2000})).json()
    assert (len(rest["data"]), rest["next_after"], rest["has_more"]) == (1, 2001, False)
