"""Who is away when, and how much of the work somebody takes."""

from typing import Any

from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.outbox import OutboxEvent
from app.staff.schemas import AbsenceRead
from tests.staff.test_staff_api import add

AUGUST = {"from_day": "2026-08-03", "to_day": "2026-08-14", "reason": "Holidays"}


async def record(client: AsyncClient, member: Any, **fields: object) -> Response:
    return await client.post(f"/v1/staff/{member['id']}/absences", json={**AUGUST, **fields})


async def test_an_absence_is_recorded_listed_and_taken_back(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, other = await add(client), await add(client, email="o@example.com")
    made = await record(client, nancy)
    assert made.status_code == 201, made.text
    absence = AbsenceRead.model_validate(made.json())
    url = made.headers["location"]
    assert url == f"/v1/staff/{nancy['id']}/absences/{absence.id}"
    assert (await client.get(url)).json() == made.json()
    overlapping = (await record(client, nancy, from_day="2026-08-10", to_day="2026-08-10", reason=None)).json()
    theirs = f"/v1/staff/{nancy['id']}/absences"
    assert (await client.get(theirs)).json()["data"] == [overlapping, made.json()]
    first = (await client.get(theirs, params={"sort": "from_day", "limit": 1})).json()
    assert first["data"] == [made.json()]
    rest = await client.get(theirs, params={"sort": "from_day", "limit": 1, "cursor": first["next_cursor"]})
    assert rest.json()["data"] == [overlapping]
    assert (await client.get(f"/v1/staff/{other['id']}/absences")).json()["data"] == []
    assert (await client.get(url.replace(str(nancy["id"]), str(other["id"])))).status_code == 404
    elsewhere = url.replace(str(nancy["id"]), str(other["id"]))
    assert (await client.delete(elsewhere, headers={"If-Match": '"v1"'})).status_code == 404
    assert (await client.delete(url)).status_code == 428
    assert (await client.delete(url, headers={"If-Match": '"v2"'})).status_code == 412
    assert (await client.delete(url, headers={"If-Match": '"v1"'})).status_code == 204
    assert (await client.delete(url, headers={"If-Match": '"v1"'})).status_code == 404
    told = select(OutboxEvent.type, OutboxEvent.data).where(OutboxEvent.subject_id == nancy["id"])
    events = (await tx.execute(told.order_by(OutboxEvent.seq))).all()
    kinds = ["staff.created", "staff.absence_added", "staff.absence_added", "staff.absence_removed"]
    assert [kind for kind, _ in events] == kinds
    assert events[3].data["absence_id"] == str(absence.id)
    assert not any("Holidays" in str(event.data) for event in events)


async def test_wrong_absences_are_refused(client: AsyncClient) -> None:
    nancy = await add(client)
    backwards = await record(client, nancy, to_day="2026-08-02")
    assert (backwards.status_code, backwards.json()["errors"][0]["pointer"]) == (422, "/to_day")
    assert (await record(client, nancy, from_day="9999-12-31")).status_code == 422
    assert (await record(client, {"id": "0198c1de-0000-7000-8000-000000000000"})).status_code == 404
    nobody = "/v1/staff/0198c1de-0000-7000-8000-000000000000/absences"
    assert (await client.get(nobody)).status_code == 404


async def test_capacity_is_a_share_not_below_zero(client: AsyncClient, tx: AsyncSession) -> None:
    nancy = await add(client)
    assert nancy["capacity"] == "1"
    half = {"capacity": "0.5"}
    url = f"/v1/staff/{nancy['id']}"
    changed = await client.patch(url, json=half, headers={"If-Match": '"v1"'})
    assert changed.json()["capacity"] == "0.5"
    assert (await add(client, email="n@example.com", capacity="0"))["capacity"] == "0"
    for wrong in ("-1", 0.5, "0.00001", None, "10000"):
        refused = await client.patch(url, json={"capacity": wrong}, headers={"If-Match": '"v2"'})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/capacity"), wrong
    updated = select(OutboxEvent.data).where(OutboxEvent.type == "staff.updated")
    (event,) = (await tx.scalars(updated)).all()
    assert event["changes"] == [{"field": "capacity", "old": "1", "new": "0.5"}]
