"""What happened to one resource: who, when, through which key."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.integration.catalogue import EVENTS, SUBJECTS
from app.integration.schemas import history_of
from app.kernel.auth import Permission
from tests.conftest import ClientWith
from tests.integration.factories import CHANGED, JOINED, specimen, tell

PATHS = sorted(SUBJECTS.keys() - {"stock", "exchange-rates"})


async def test_a_history_tells_what_the_api_did(client: AsyncClient) -> None:
    body = {"name": "Nancy", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    url = (await client.post("/v1/staff", json=body)).headers["location"]
    changed = await client.patch(url, json={"role": "administrator"}, headers={"If-Match": '"v1"'})
    assert changed.status_code == 200
    page = (await client.get(f"{url}/history")).json()
    assert [event["type"] for event in page["data"]] == ["staff.updated", "staff.created"]
    assert page["data"][0]["actor"] == "everything"
    assert page["data"][0]["position"] is None
    change = {"field": "role", "old": "representative", "new": "administrator"}
    assert change in page["data"][0]["data"]["changes"]
    await client.get("/v1/events")
    numbered = (await client.get(f"{url}/history", params={"sort": "time"})).json()["data"]
    assert [event["position"] for event in numbered] == [numbered[0]["position"], numbered[0]["position"] + 1]


@pytest.mark.parametrize("path", PATHS)
async def test_each_history_has_just_its_subject_and_its_schema(
    client: AsyncClient, tx: AsyncSession, path: str
) -> None:
    subject, told = uuid7(), [specimen(event) for event in EVENTS if event.subject_type == path]
    for event in told:
        tell(tx, event, subject)
        tell(tx, event)
    await tx.commit()
    response = await client.get(f"/v1/{path}/{subject}/history", params={"sort": "time"})
    assert response.status_code == 200, response.text
    typed: Any = history_of(path).model_validate(response.json())
    assert [event.data for event in typed.data] == told
    assert {event.subject for event in typed.data} == {f"{path}/{subject}"}


@pytest.mark.parametrize("sort", ["time", "-time"])
async def test_pages(client: AsyncClient, tx: AsyncSession, sort: str) -> None:
    subject = tell(tx)
    for _ in range(6):
        tell(tx, CHANGED, subject)
        await tx.flush()
    await tx.commit()
    whole = (await client.get(f"/v1/staff/{subject}/history", params={"sort": sort})).json()["data"]
    seen, url = [], f"/v1/staff/{subject}/history?sort={sort}&limit=3"
    while url:
        response = await client.get(url)
        seen += response.json()["data"]
        url = response.links["next"]["url"] if response.json()["has_more"] else ""
    assert seen == whole
    assert whole[0 if sort == "time" else -1]["type"] == "staff.created"
    cursor = (await client.get(f"/v1/staff/{subject}/history?sort={sort}&limit=3")).json()["next_cursor"]
    other = "time" if sort == "-time" else "-time"
    foreign = await client.get(f"/v1/staff/{subject}/history?sort={other}&cursor={cursor}")
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "cursor")


@pytest.mark.parametrize("path", PATHS)
async def test_unknown_and_refused(client: AsyncClient, client_with: ClientWith, path: str) -> None:
    unknown = await client.get(f"/v1/{path}/{uuid7()}/history")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "No such resource")
    assert (await client.get(f"/v1/{path}/{uuid7()}x/history")).status_code == 422
    assert (await client.get(f"/v1/{path}/{uuid7()}/history", params={"sort": "seq"})).status_code == 422
    stranger = await client_with(Permission.METRICS_READ, Permission.EVENTS_READ)
    assert (await stranger.get(f"/v1/{path}/{uuid7()}/history")).status_code == 403
    reader = await client_with(SUBJECTS[path])
    assert (await reader.get(f"/v1/{path}/{uuid7()}/history")).status_code == 404


async def test_what_happened_outlives_what_it_happened_to(client: AsyncClient, tx: AsyncSession) -> None:
    gone = tell(tx, JOINED)
    await tx.commit()
    assert len((await client.get(f"/v1/staff/{gone}/history")).json()["data"]) == 1
