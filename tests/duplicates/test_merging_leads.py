"""A lead that becomes part of another: nothing of it is lost, and its id answers with the other."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates.schemas import MergeRead
from tests.accounts.customers import NOBODY
from tests.conftest import BoundDatabase
from tests.duplicates.looking import get, look, merged, pairs, undone, versioned
from tests.leads.test_lead_capture import capture, events_of
from tests.leads.test_lead_life import YES, act, change, done, qualified, staff

Json = dict[str, Any]
ANNA: Json = {"person_name": "Anna Berg", "company": "Bergwerk GmbH", "country": "DE", "email": "anna@bergwerk.example"}
ANA: Json = {
    "person_name": "Ana Berg",
    "company": "Bergwerk",
    "email": "ana.berg@gmail.com",
    "job_title": "Owner",
    "country": "DE",
}


async def both(client: AsyncClient) -> tuple[str, str]:
    one = await capture(client, **ANNA, external_id="1", consents=[YES], attributes={"a": 1})
    two = await capture(
        client, **ANA, source="fair", external_id="2", telephone="+49301234567", attributes={"a": 2, "b": 3}
    )
    return one["id"], two["id"]


async def test_everything_of_it_is_the_survivors(client: AsyncClient, tx: AsyncSession) -> None:
    this, other = await both(client)
    call = {"kind": "call", "subject": "Hello", "outcome": "reached", "next_step": "Send samples"}
    assert (await client.post(f"/v1/leads/{other}/activities", json=call)).status_code == 201
    no = {"purpose": "newsletter", "channel": "email", "granted": False, "at": "2026-02-01T00:00:00Z", "source": "fair"}
    assert (await client.post(f"/v1/leads/{other}/consents", json=no)).status_code == 200
    merge = await merged(client, "leads", this, other)
    MergeRead.model_validate(merge)
    lead = await get(client, "leads", this)
    assert {(each["source"], each["external_id"]) for each in lead["identities"]} == {("website", "1"), ("fair", "2")}
    assert (lead["person_name"], lead["job_title"], lead["telephone_e164"]) == ("Anna Berg", "Owner", "+49301234567")
    assert (lead["touch_count"], lead["attributes"], lead["next_step"]) == (2, {"a": 1, "b": 3}, "Send samples")
    assert [(each["granted"], each["source"]) for each in lead["consents"]] == [(False, "fair")]
    assert len((await client.get(f"/v1/leads/{this}/touches")).json()["data"]) == 2
    (activity,) = (await client.get("/v1/activities", params={"lead_id": this})).json()["data"]
    assert (activity["subject"], activity["version"]) == ("Hello", 2)
    moved = {each["what"]: each["rows"] for each in merge["moved"]}
    assert moved == {
        "activities.lead_id": 1, "consents.lead_id": 1, "lead_identities.lead_id": 1, "lead_touches.lead_id": 1
    }  # fmt: skip
    assert {"field": "job_title", "before": None, "after": "Owner"} in merge["changes"]
    told = [(kind, data) for kind, data in await events_of(tx, this) if kind == "lead.merged"]
    assert [(data["merged_id"], data["merge_id"]) for _, data in told] == [(other, merge["id"])]
    assert {"field": "telephone", "old": None, "new": None} in told[0][1]["changes"]


async def test_the_old_id_answers_with_the_new_one_and_is_not_changed(client: AsyncClient) -> None:
    this, other = await both(client)
    await merged(client, "leads", this, other)
    answer = await client.get(f"/v1/leads/{other}")
    assert (answer.status_code, answer.json()["id"]) == (200, this)
    assert answer.headers["Content-Location"] == f"/v1/leads/{this}"
    assert "Content-Location" not in (await client.get(f"/v1/leads/{this}")).headers
    for refused in (
        await act(client, {"id": other, "version": 2}, "disqualify", {"reason": "spam"}),
        await client.patch(f"/v1/leads/{other}", json={"next_step": "x"}, headers={"If-Match": '"v2"'}),
        await client.post(f"/v1/leads/{other}/activities", json={"kind": "note", "subject": "x"}),
        await client.get(f"/v1/leads/{other}/touches"),
    ):
        assert refused.status_code == 409, refused.text
        assert refused.json()["type"].endswith(":moved")
        assert this in refused.json()["detail"]
        assert refused.headers["Location"] == f"/v1/leads/{this}"
    listed = (await client.get("/v1/leads")).json()["data"]
    assert [each["id"] for each in listed] == [this]


async def test_the_history_of_both_is_one(client: AsyncClient) -> None:
    this, other = await both(client)
    await change(client, await get(client, "leads", other), next_step="Call")
    await merged(client, "leads", this, other)
    for identity in (this, other):
        page = await client.get(f"/v1/leads/{identity}/history", params={"sort": "time", "limit": 2})
        first = page.json()
        rest = await client.get(
            f"/v1/leads/{identity}/history", params={"sort": "time", "cursor": first["next_cursor"], "limit": 50}
        )
        events = [*first["data"], *rest.json()["data"]]
        told = [(event["type"], event["subject"]) for event in events if "assign" not in event["type"]]
        assert told == [
            ("lead.captured", f"leads/{this}"), ("lead.consents_recorded", f"leads/{this}"),
            ("lead.captured", f"leads/{other}"), ("lead.updated", f"leads/{other}"), ("lead.merged", f"leads/{this}"),
        ]  # fmt: skip


@pytest.mark.parametrize("keep", [{}, {"email": "other"}])
async def test_capture_by_an_old_id_or_email_lands_at_the_survivor(client: AsyncClient, keep: Json) -> None:
    this, other = await both(client)
    await merged(client, "leads", this, other, **keep)
    rows = [
        {"source": "fair", "external_id": "2", "company": "Bergwerk"},
        {"email": "ana.berg@gmail.com", "person_name": "Ana Berg"},
        {"email": "ana.berg@gmail.com", "person_name": "Anna Berg"},
        {"email": "anna@bergwerk.example", "person_name": "Ana Berg"},
        {"email": "ana.berg@gmail.com"},
    ]
    for row in rows:
        assert (await capture(client, 200, **row))["id"] == this, row
    stranger = await capture(client, email="ana.berg@gmail.com", person_name="Tom Jones")
    assert (stranger["id"] not in {this, other}, stranger["shared_email"]) == (True, True)
    assert (await get(client, "leads", this))["touch_count"] == 2 + len(rows)


async def test_whose_value_stays_is_said_by_field(client: AsyncClient) -> None:
    this, other = await both(client)
    await merged(client, "leads", this, other, company="other", person_name="other", telephone="this", email="other")
    lead = await get(client, "leads", this)
    assert (lead["company"], lead["person_name"], lead["telephone"]) == ("Bergwerk", "Ana Berg", None)
    assert (lead["email"], lead["job_title"]) == ("ana.berg@gmail.com", "Owner")


async def test_what_cannot_be_merged(client: AsyncClient) -> None:
    this, other = await both(client)
    lead = await get(client, "leads", this)
    path = f"/v1/leads/{this}/merge"
    assert (await client.post(path, json={"from_id": other})).status_code == 428
    assert (await versioned(client, path, lead | {"version": 9}, {"from_id": other})).status_code == 412
    for body, pointer in (
        ({"from_id": this}, "/from_id"),
        ({"from_id": NOBODY}, "/from_id"),
        ({"from_id": other, "keep": {"status": "other"}}, "/keep/status"),
        ({"from_id": other, "keep": {"email": "mine"}}, "/keep/email"),
        ({}, "/from_id"),
    ):
        refused = await versioned(client, path, lead, body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"][: len(pointer)]) == (422, pointer), body
    assert (await versioned(client, f"/v1/leads/{NOBODY}/merge", lead, {"from_id": other})).status_code == 404
    assert (await get(client, "leads", this)) == lead


async def test_a_converted_lead_takes_in_an_unconverted_one_and_not_the_other_way(client: AsyncClient) -> None:
    customer = await done(client, await qualified(client), "convert", {})
    other = await capture(client, person_name="Trujillo Ana", email="ana@gmail.com", consents=[YES])
    call = {"kind": "call", "subject": "Hello"}
    assert (await client.post(f"/v1/leads/{other['id']}/activities", json=call)).status_code == 201
    other = await get(client, "leads", other["id"])
    wrong = await versioned(client, f"/v1/leads/{other['id']}/merge", other, {"from_id": customer["id"]})
    assert (wrong.status_code, "merge this one into that" in wrong.json()["detail"]) == (409, True)
    merge = await merged(client, "leads", customer["id"], other["id"])
    (activity,) = (await client.get("/v1/activities", params={"account_id": customer["account_id"]})).json()["data"]
    assert (activity["subject"], activity["lead_id"]) == ("Hello", customer["id"])
    contact = await get(client, "contacts", customer["contact_id"])
    assert [each["granted"] for each in contact["consents"]] == [True]
    await undone(client, merge)
    assert (await client.get("/v1/activities", params={"account_id": customer["account_id"]})).json()["data"] == []
    assert (await get(client, "contacts", customer["contact_id"]))["consents"] == []
    assert len((await get(client, "leads", other["id"]))["consents"]) == 1


async def test_undone_both_are_as_they_were_and_keep_what_came_since(client: AsyncClient, tx: AsyncSession) -> None:
    this, other = await both(client)
    nancy = await staff(client)
    await change(client, await get(client, "leads", other), owner_id=nancy, next_step="Call", next_step_on="2026-12-01")
    before = [await get(client, "leads", each) for each in (this, other)]
    merge = await merged(client, "leads", this, other, email="other", person_name="other")
    await change(client, await get(client, "leads", this), job_title="Head of purchasing")
    note = {"kind": "note", "subject": "Since"}
    assert (await client.post(f"/v1/leads/{this}/activities", json=note)).status_code == 201
    again = await undone(client, merge)
    assert (again["kept_since"], again["undone_by"] is not None) == (["job_title"], True)
    after = [await get(client, "leads", each) for each in (this, other)]
    noise = ("version", "updated_at", "last_activity_at", "job_title", "assignment", "touch_count")
    plain = [[{k: v for k, v in each.items() if k not in noise} for each in some] for some in (before, after)]
    assert plain[0] == plain[1]
    assert [each["touch_count"] for each in after] == [1, 1]
    assert after[0]["job_title"] == "Head of purchasing"
    (kept,) = (await client.get("/v1/activities", params={"lead_id": this})).json()["data"]
    assert kept["subject"] == "Since"
    assert [kind for kind, _ in await events_of(tx, this)][-1] == "lead.unmerged"
    twice = await versioned(client, f"/v1/merges/{merge['id']}/undo", again)
    assert (twice.status_code, "already" in twice.json()["detail"]) == (409, True)
    assert (await capture(client, 200, **ANA))["id"] == other


async def test_the_pair_follows(client: AsyncClient, database: BoundDatabase) -> None:
    this, other = await both(client)
    third = (await capture(client, **ANNA | {"email": "anna.berg@web.de"}, source="web"))["id"]
    await look(database)
    assert len(await pairs(client, record_id=other)) == 2
    merge = await merged(client, "leads", this, other)
    assert [each["status"] for each in await pairs(client, record_id=other)] == ["merged"]
    await look(database)
    (left,) = await pairs(client, status="open")
    assert {left["left_id"], left["right_id"]} == {this, third}
    await undone(client, merge)
    await look(database)
    assert [each["status"] for each in await pairs(client, record_id=other)] == ["open", "open"]


async def test_merged_twice_over_ids_lead_to_the_last_and_are_undone_in_order(client: AsyncClient) -> None:
    one, two = await both(client)
    three = (await capture(client, person_name="A. Berg", email="berg@bergwerk.example"))["id"]
    first, second = await merged(client, "leads", two, one), await merged(client, "leads", three, two)
    assert (await get(client, "leads", one))["id"] == three
    assert (await capture(client, 200, **ANNA))["id"] == three
    early = await versioned(client, f"/v1/merges/{first['id']}/undo", first)
    assert (early.status_code, three in early.json()["detail"]) == (409, True)
    await undone(client, second)
    assert (await get(client, "leads", one))["id"] == two
    await undone(client, first)
    assert (await get(client, "leads", one))["id"] == one


async def test_somebody_else_has_the_email_by_now(client: AsyncClient) -> None:
    this, other = await both(client)
    merge = await merged(client, "leads", this, other)
    third = await capture(client, person_name="Ana Berg", email="x@web.de")
    await change(client, third, email="ana.berg@gmail.com")
    assert (await capture(client, 200, email="ana.berg@gmail.com", person_name="Ana Berg"))["id"] == third["id"]
    refused = await versioned(client, f"/v1/merges/{merge['id']}/undo", merge)
    assert (refused.status_code, third["id"] in refused.json()["detail"]) == (409, True)


async def test_merges_are_listed(client: AsyncClient) -> None:
    this, other = await both(client)
    merge = await merged(client, "leads", this, other)
    for filters in ({}, {"kind": "leads"}, {"survivor_id": this}, {"merged_id": other}):
        (found,) = (await client.get("/v1/merges", params=filters)).json()["data"]
        assert found == merge
    assert (await client.get("/v1/merges", params={"kind": "accounts"})).json()["data"] == []
    assert (await client.get(f"/v1/merges/{merge['id']}")).json() == merge
    assert (await client.get(f"/v1/merges/{NOBODY}")).status_code == 404
