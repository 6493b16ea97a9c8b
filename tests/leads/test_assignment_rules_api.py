"""The rules by which leads are given, as a resource: ordered, changed, refused, deleted, explained."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.auth import Permission
from app.kernel.outbox import OutboxEvent
from app.leads.assignment_schemas import LeadAssignmentExplanation, LeadAssignmentRuleSummary
from tests.conftest import ClientWith
from tests.leads.test_lead_assignment import NOBODY, RULES, away, patch, rule, shown, team
from tests.leads.test_lead_capture import ANA, capture

Json = dict[str, Any]


async def test_the_order_is_by_position_and_can_be_changed(client: AsyncClient) -> None:
    ann, bob = await team(client, "1", "1")
    a, b = await rule(client, ann, position=1), await rule(client, bob, position=2)
    listed = (await client.get(RULES, params={"limit": 1})).json()
    LeadAssignmentRuleSummary.model_validate(listed["data"][0])
    assert (listed["data"][0]["id"], listed["data"][0]["member_ids"]) == (a["id"], [ann])
    rest = (await client.get(RULES, params={"limit": 1, "cursor": listed["next_cursor"]})).json()
    assert [each["id"] for each in rest["data"]] == [b["id"]]
    assert (await capture(client, email="1@example.com"))["owner_id"] == ann
    moved = await patch(client, b, position=0)
    assert moved["version"] == 2
    assert (await capture(client, email="2@example.com"))["owner_id"] == bob
    await patch(client, b, 412, position=5)
    assert (await client.patch(f"{RULES}/{a['id']}", json={"position": 5})).status_code == 428


async def test_members_who_stay_keep_their_turn(client: AsyncClient, tx: AsyncSession) -> None:
    ann, bob, cid = await team(client, "1", "1", "1")
    found = await rule(client, ann, bob)
    assert (await capture(client, email="1@example.com"))["owner_id"] == ann
    same = await patch(client, found, members=[ann, bob], name="Rule")
    assert same["version"] == 1
    found = await patch(client, found, members=[cid, ann, bob])
    assert [(each["staff_id"], each["given"]) for each in found["members"]] == [(cid, 0), (ann, 1), (bob, 0)]
    assert (await capture(client, email="2@example.com"))["owner_id"] == bob
    found = await patch(client, found, members=[ann])
    assert [each["given"] for each in found["members"]] == [1]
    told = select(OutboxEvent.type, OutboxEvent.data).where(OutboxEvent.subject_id == found["id"])
    events = (await tx.execute(told.order_by(OutboxEvent.seq))).all()
    kinds = [kind.partition(".")[2] for kind, _ in events]
    assert (kinds, events[2].data["member_ids"]) == (["created", "updated", "updated"], [ann])
    assert (await client.get(f"{RULES}/{found['id']}/history")).json()["data"][0]["data"] == events[2].data


async def test_a_rule_that_has_given_leads_stays(client: AsyncClient) -> None:
    (ann,) = await team(client, "1")
    used, unused = await rule(client, ann, position=1), await rule(client, ann, position=2)
    await capture(client, **ANA)
    refused = await client.delete(f"{RULES}/{used['id']}", headers={"If-Match": '"v1"'})
    assert (refused.status_code, "inactive" in refused.json()["detail"]) == (409, True)
    assert (await client.delete(f"{RULES}/{unused['id']}")).status_code == 428
    assert (await client.delete(f"{RULES}/{unused['id']}", headers={"If-Match": '"v1"'})).status_code == 204
    assert (await client.get(f"{RULES}/{unused['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"members": []}, "/members"),
        ({"members": [NOBODY]}, "/members/0"),
        ({"countries": ["XX"]}, "/countries/0"),
        ({"sizes": ["huge"]}, "/sizes/0"),
        ({"position": -1}, "/position"),
        ({"position": 10**7}, "/position"),
        ({"position": "1"}, "/position"),
        ({"min_value": "-5", "min_value_currency": "EUR"}, "/min_value"),
        ({"name": ""}, "/name"),
        ({"nmae": "typo"}, "/nmae"),
    ],
)
async def test_wrong_rules_are_refused(client: AsyncClient, wrong: Json, pointer: str) -> None:
    (ann,) = await team(client, "1")
    good = {"name": "Rule", "members": [ann]}
    made = await client.post(RULES, json=good | wrong)
    assert (made.status_code, made.json()["errors"][0]["pointer"]) == (422, pointer)
    found = await rule(client, ann)
    assert (await patch(client, found, 422, **wrong))["errors"][0]["pointer"] == pointer
    assert (await shown(client, found)) == found


async def test_a_least_value_needs_its_currency(client: AsyncClient) -> None:
    (ann,) = await team(client, "1")
    half = {"name": "Rule", "members": [ann], "min_value": "1"}
    assert (await client.post(RULES, json=half)).status_code == 422
    found = await rule(client, ann)
    assert (await patch(client, found, 422, min_value="1"))["errors"][0]["pointer"] == "/min_value_currency"
    twice = await client.post(RULES, json={"name": "Rule", "members": [ann, ann]})
    assert twice.json()["errors"][0]["pointer"] == "/members"
    found = await patch(client, found, min_value="1", min_value_currency="EUR")
    assert (found["min_value"], found["min_value_currency"]) == ("1", "EUR")
    found = await patch(client, found, min_value=None, min_value_currency=None)
    assert found["min_value"] is None


async def test_an_explanation_names_every_rule_and_changes_nothing(client: AsyncClient) -> None:
    ann, bob = await team(client, "1", "1")
    nobody = await rule(client, ann, name="Away", position=1)
    german = await rule(client, ann, bob, name="Germany", position=2, countries=["DE"])
    late = await rule(client, bob, name="Rest", position=3)
    off = await rule(client, bob, name="Off", position=4, active=False)
    await away(client, ann)
    lead = await capture(client, email="de@example.com", country="DE")
    before = [await shown(client, each) for each in (nobody, german, late, off)]

    async def explained(**body: object) -> Json:
        response = await client.post(f"{RULES}/explain", json=body)
        assert response.status_code == 200, response.text
        LeadAssignmentExplanation.model_validate(response.json())
        return response.json()  # type: ignore[no-any-return]

    told = await explained(lead_id=lead["id"])
    assert (told["rule_id"], told["owner_id"]) == (german["id"], bob)
    assert [(each["name"], each["outcome"]) for each in told["rules"]] == [
        ("Away", "nobody_there"), ("Germany", "decides"), ("Rest", "too_late"), ("Off", "inactive")
    ]  # fmt: skip
    assert [(each["away"], each["next"], each["given"]) for each in told["rules"][1]["members"]] == [
        ("absent", False, 0), (None, True, 1)
    ]  # fmt: skip
    told = await explained(lead={"country": "FR"})
    assert (told["rule_id"], told["rules"][1]["why"]) == (late["id"], "country is FR, not DE")
    assert [await shown(client, each) for each in (nobody, german, late, off)] == before
    assert (await client.get(f"/v1/leads/{lead['id']}")).json() == lead
    for wrong in ({}, {"lead_id": lead["id"], "lead": {}}, {"lead": {"estimated_value": "1"}}, {"lead": {"size": "x"}}):
        assert (await client.post(f"{RULES}/explain", json=wrong)).status_code == 422
    assert (await client.post(f"{RULES}/explain", json={"lead_id": NOBODY})).status_code == 404
    assert (await client.get(f"{RULES}/explain")).status_code == 405


async def test_rules_are_for_who_may_assign(client_with: ClientWith) -> None:
    other = await client_with(Permission.LEADS_READ, Permission.LEADS_WRITE)
    for answer in (
        await other.get(RULES),
        await other.post(f"{RULES}/explain", json={"lead": {}}),
        await other.post(f"/v1/leads/{NOBODY}/assign", json={}),
    ):
        assert answer.status_code == 403
