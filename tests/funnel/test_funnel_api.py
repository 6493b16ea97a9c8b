"""The funnel over HTTP: what a lead's life leaves in it, what it is asked for, and who may ask."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from app.funnel.schemas import Funnel, FunnelLead
from app.kernel import clock
from app.kernel.auth import Permission
from tests.conftest import BoundDatabase, ClientWith
from tests.leads.test_lead_capture import ANA, capture
from tests.leads.test_lead_life import ANSWERS, done
from tests.statements import counted

NOON = datetime.fromisoformat("2026-03-10T12:00:00+00:00")
Json = dict[str, Any]


async def steps(client: AsyncClient, **query: Any) -> Json:
    answer = await client.get("/v1/funnel", params={"from": "2026-03-01", "to": "2026-03-31", **query})
    assert answer.status_code == 200, answer.text
    Funnel.model_validate(answer.json())
    return answer.json()["total"]["steps"]  # type: ignore[no-any-return]


async def called(client: AsyncClient, lead: Json, **fields: Any) -> Json:
    body = {"kind": "call", "subject": "Teas", "outcome": "reached", **fields}
    answer = await client.post(f"/v1/leads/{lead['id']}/activities", json=body)
    assert answer.status_code == 201, answer.text
    return (await client.get(f"/v1/leads/{lead['id']}")).json()  # type: ignore[no-any-return]


async def test_a_lead_counts_where_it_ever_was(client: AsyncClient) -> None:
    with clock.at(NOON):
        lead = await capture(client, **ANA)
    with clock.at(NOON + timedelta(hours=5)):
        assert (await called(client, lead, outcome="not_reached"))["contacted_at"] is None
        lead = await called(client, lead)
        assert lead["contacted_at"] == "2026-03-10T17:00:00Z"
    with clock.at(NOON + timedelta(days=2)):
        lead = await done(client, lead, "qualify", ANSWERS)
        lead = await done(client, lead, "recycle")
    with clock.at(NOON + timedelta(days=9)):
        lead = await done(client, lead, "qualify", ANSWERS)
        lead = await done(client, lead, "disqualify", {"reason": "no_budget"})
        counted = await steps(client)
        assert [counted[step] for step in ("captured", "contacted", "qualified", "converted")] == [1, 1, 1, 0]
        answer = await client.get("/v1/funnel/leads", params={"from": "2026-03-01"})
        (row,) = answer.json()["data"]
        FunnelLead.model_validate(row)
    assert (row["contacted_at"], row["qualified_at"]) == ("2026-03-10T17:00:00Z", "2026-03-12T12:00:00Z")


async def test_the_first_contact_is_the_earliest_whenever_it_is_told(client: AsyncClient) -> None:
    with clock.at(NOON):
        lead = await capture(client, **ANA)
    with clock.at(NOON + timedelta(days=1)):
        lead = await done(client, lead, "qualify", ANSWERS)
        assert lead["contacted_at"] == "2026-03-11T12:00:00Z", "nobody is qualified without a contact"
        lead = await called(client, lead, at="2026-03-10T14:00:00Z")
        assert lead["contacted_at"] == "2026-03-10T14:00:00Z"
        assert (await called(client, lead))["contacted_at"] == "2026-03-10T14:00:00Z"
        assert (await called(client, lead, kind="note", at="2026-03-10T13:00:00Z"))["contacted_at"] == lead[
            "contacted_at"
        ]


async def test_conversion_with_an_opportunity_is_a_step(client: AsyncClient) -> None:
    with clock.at(NOON):
        lead = await done(client, await capture(client, **ANA), "qualify", ANSWERS)
        await done(
            client,
            lead,
            "convert",
            {"opportunity": {"name": "Teas for two shops", "amount": "1200.00", "currency": "USD"}},
        )
        found = await steps(client, by="campaign")
    assert [found[step] for step in ("converted", "opportunity", "won", "ordered")] == [1, 1, 0, 0]
    assert found["opportunity_of_converted"] == "1.000000"
    assert found["won_of_opportunity"] == "0.000000"


async def test_a_day_is_the_companys(client: AsyncClient) -> None:
    with clock.at(NOON.replace(day=31, hour=23, minute=59)):
        await capture(client, **ANA)
    assert (await steps(client))["captured"] == 1
    assert (await steps(client, to="2026-03-30"))["captured"] == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-04-01", "to": "2026-03-31"}, "from"),
        ({"from": "2025-03-30", "to": "2026-03-31"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"by": "colour"}, "by"),
        ({"owner_id": "nancy"}, "owner_id"),
        ({"contact_within_hours": "0"}, "contact_within_hours"),
        ({"stage": "won"}, "stage"),
    ],
)
async def test_what_is_asked_for_wrongly_is_named(client: AsyncClient, query: Json, pointer: str) -> None:
    for path in ("/v1/funnel", "/v1/funnel/leads"):
        answer = await client.get(path, params=query)
        assert answer.status_code == 422, (path, answer.text)
        if not (path.endswith("leads") and "by" in query):
            assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_year_is_asked_for_when_nothing_is_said(client: AsyncClient) -> None:
    with clock.at(NOON):
        answer = (await client.get("/v1/funnel")).json()
    assert (answer["from"], answer["to"], answer["by"], answer["groups"]) == ("2025-03-11", "2026-03-10", None, [])


async def test_figures_take_one_statement(client: AsyncClient, database: BoundDatabase) -> None:
    for path in ("/v1/funnel?by=person", "/v1/funnel/leads?step=won"):
        async with counted(database.connection) as sent:
            assert (await client.get(path)).status_code == 200
        assert len(sent) == 1


async def test_the_scope(client_with: ClientWith) -> None:
    allowed, other = await client_with(Permission.FUNNEL_READ), await client_with(Permission.LEADS_READ)
    for path in ("/v1/funnel", "/v1/funnel/leads"):
        assert (await allowed.get(path)).status_code == 200
        assert (await other.get(path)).status_code == 403


async def test_of_two_that_were_one_the_first_contact_counts(client: AsyncClient) -> None:
    with clock.at(NOON):
        first, second = [
            await capture(client, **ANA | {"email": f"{name}@example.com", "external_id": name}) for name in "ab"
        ]
    with clock.at(NOON + timedelta(hours=1)):
        await called(client, second)
    with clock.at(NOON + timedelta(hours=2)):
        first = await called(client, first)
        match = {"If-Match": f'"v{first["version"]}"'}
        merged = await client.post(f"/v1/leads/{first['id']}/merge", json={"from_id": second["id"]}, headers=match)
        assert merged.is_success, merged.text
    answer = (await client.get("/v1/funnel", params={"from": "2026-03-01", "to": "2026-03-31"})).json()["total"]
    assert (answer["steps"]["captured"], answer["touches"], answer["first_contact"]["median_hours"]) == (1, 2, "1.00")
