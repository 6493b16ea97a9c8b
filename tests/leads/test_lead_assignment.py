"""Who gets a lead, through the API: by rules in their order, in turn, or by hand."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock
from app.leads.assignment_schemas import (
    LeadAssignmentRuleRead,
)
from tests.conftest import BoundDatabase
from tests.leads.test_lead_capture import ANA, bulk, capture, events_of
from tests.leads.test_lead_life import act, change, done, qualified
from tests.staff.test_staff_api import add
from tests.statements import counted

Json = dict[str, Any]
RULES = "/v1/lead-assignment-rules"
NOBODY = "0198c1de-0000-7000-8000-000000000000"
EVER = {"from_day": "1950-01-01", "to_day": "2900-01-01"}


async def team(client: AsyncClient, *capacities: str) -> list[str]:
    people = [await add(client, email=f"p{n}@example.com", capacity=each) for n, each in enumerate(capacities)]
    return [str(each["id"]) for each in people]


async def rule(client: AsyncClient, *members: str, **fields: object) -> Json:
    response = await client.post(RULES, json={"name": "Rule", "members": members, **fields})
    assert response.status_code == 201, response.text
    LeadAssignmentRuleRead.model_validate(response.json())
    assert response.headers["location"] == f"{RULES}/{response.json()['id']}"
    return response.json()  # type: ignore[no-any-return]


async def shown(client: AsyncClient, found: Json) -> Json:
    response = await client.get(f"{RULES}/{found['id']}")
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def patch(client: AsyncClient, found: Json, status: int = 200, **fields: object) -> Json:
    version = {"If-Match": f'"v{found["version"]}"'}
    response = await client.patch(f"{RULES}/{found['id']}", json=fields, headers=version)
    assert response.status_code == status, response.text
    return response.json()  # type: ignore[no-any-return]


async def away(client: AsyncClient, member: str) -> str:
    response = await client.post(f"/v1/staff/{member}/absences", json=EVER)
    assert response.status_code == 201
    return response.headers["location"]


async def back(client: AsyncClient, absence: str) -> None:
    assert (await client.delete(absence, headers={"If-Match": '"v1"'})).status_code == 204


async def assign(client: AsyncClient, lead: Json, **body: object) -> Response:
    return await act(client, lead, "assign", body)


async def owners(client: AsyncClient, rows: list[Json]) -> list[str | None]:
    found = [(await client.get(f"/v1/leads/{row['id']}")).json() for row in rows]
    return [each["owner_id"] for each in found]


def leads(count: int, **fields: object) -> list[Json]:
    return [{"source": "web", "email": f"x{n}@example.com", **fields} for n in range(count)]


async def test_a_new_lead_goes_to_whoever_is_next_and_says_why(client: AsyncClient, tx: AsyncSession) -> None:
    ann, bob = await team(client, "1", "0.5")
    german = await rule(client, ann, bob, name="Germany", countries=["DE"])
    created = [await capture(client, email=f"a{n}@example.com", country="DE") for n in range(6)]
    assert Counter(lead["owner_id"] for lead in created) == {ann: 4, bob: 2}
    first = created[0]
    reason = 'rule "Germany" matches (country DE): next in turn'
    assert first["assignment"] | {"at": 0} == {
        "rule_id": german["id"], "rule_name": "Germany", "at": 0, "reason": reason
    }  # fmt: skip
    assert first["version"] == 1
    told = await events_of(tx, first["id"])
    assert [kind for kind, _ in told] == ["lead.captured", "lead.assigned"]
    assert told[1][1] | {"changes": 0} == {
        "owner_id": first["owner_id"], "rule_id": german["id"], "rule_name": "Germany", "reason": reason, "changes": 0
    }  # fmt: skip
    assert told[1][1]["changes"] == [{"field": "owner_id", "old": None, "new": first["owner_id"]}]
    now = await shown(client, german)
    assert [(each["staff_id"], each["given"], each["capacity"]) for each in now["members"]] == [
        (ann, 4, "1"), (bob, 2, "0.5")
    ]  # fmt: skip
    assert now["version"] == german["version"]


async def test_without_rules_nobody_is_asked(client: AsyncClient, tx: AsyncSession) -> None:
    (ann,) = await team(client, "1")
    await rule(client, ann, active=False)
    lead = await capture(client, **ANA)
    assert (lead["owner_id"], lead["assignment"]) == (None, None)
    assert [kind for kind, _ in await events_of(tx, lead["id"])] == ["lead.captured"]


async def test_who_is_away_inactive_or_without_capacity_gets_none(client: AsyncClient) -> None:
    ann, bob, cid, dot = await team(client, "1", "1", "0", "1")
    gone = await client.patch(f"/v1/staff/{dot}", json={"active_to": "2020-01-02"}, headers={"If-Match": '"v1"'})
    assert gone.status_code == 200
    found = await rule(client, ann, bob, cid, dot)
    absence = await away(client, ann)
    data = await bulk(client, *leads(10))
    assert set(await owners(client, data)) == {bob}
    now = await shown(client, found)
    assert [(each["absent_today"], each["active_today"]) for each in now["members"]] == [
        (True, True), (False, True), (False, True), (False, False)
    ]  # fmt: skip
    await back(client, absence)
    rows = [row | {"source": "again", "email": f"again-{n}@example.com"} for n, row in enumerate(leads(10))]
    assert Counter(await owners(client, await bulk(client, *rows))) == {ann: 5, bob: 5}


async def test_an_absence_counts_from_its_first_day_to_its_last(client: AsyncClient) -> None:
    ann, bob = await team(client, "1", "1")
    await rule(client, ann, bob)
    day = {"from_day": "2030-08-05", "to_day": "2030-08-06"}
    assert (await client.post(f"/v1/staff/{ann}/absences", json=day)).status_code == 201
    found = []
    for number, moment in enumerate(["04T23:59", "05T00:00", "06T23:59", "07T00:00", "07T00:01"]):
        with clock.at(datetime.fromisoformat(f"2030-08-{moment}:00").replace(tzinfo=UTC)):
            found.append((await capture(client, email=f"d{number}@example.com"))["owner_id"])
    assert found == [ann, bob, bob, bob, ann]  # whose turn it was when she left is still his


async def test_when_all_of_a_rule_are_away_the_next_one_decides_else_nobody(
    client: AsyncClient, tx: AsyncSession
) -> None:
    ann, bob = await team(client, "1", "1")
    first = await rule(client, ann, name="First", position=1)
    second = await rule(client, bob, name="Second", position=2, countries=["DE"])
    await away(client, ann)
    german = await capture(client, email="de@example.com", country="DE")
    assert (german["owner_id"], german["assignment"]["rule_id"]) == (bob, second["id"])
    assert german["assignment"]["reason"].startswith('rule "First" matches, but nobody of it is there today; rule "Sec')
    other = await capture(client, email="fr@example.com", country="FR")
    assert (other["owner_id"], other["assignment"]["rule_id"], other["assignment"]["rule_name"]) == (None, None, None)
    assert other["assignment"]["reason"] == 'rule "First" matches, but nobody of it is there today'
    assert [kind for kind, _ in await events_of(tx, other["id"])] == ["lead.captured", "lead.unassigned"]
    await patch(client, first, countries=["AT"])
    third = await capture(client, email="it@example.com", country="IT")
    assert (third["owner_id"], third["assignment"]["reason"]) == (None, "no rule matches")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"countries": ["AT", "DE"]}, {"country": "DE"}),
        ({"campaigns": ["SPRING-26"]}, {"campaign": "SPRING-26"}),
        ({"sources": ["website"]}, {"source": "website"}),
        ({"product_skus": ["chai-10", "X"]}, {"product_skus": ["A", "CHAI-10"]}),
        ({"sizes": ["medium", "large"]}, {"company_size": "large"}),
        (
            {"min_value": "100", "min_value_currency": "JPY"},
            {"estimated_value": "99.5", "estimated_currency": "JPY"},  # which has no smaller units
        ),
    ],
)
async def test_each_condition(client: AsyncClient, asked: Json, said: Json) -> None:
    (ann,) = await team(client, "1")
    await rule(client, ann, **asked)
    neither: Json = {"source": "other", "country": "FR", "email": "n@example.com"}
    assert (await capture(client, **neither))["owner_id"] is None
    lead = await capture(client, **neither | said | {"email": "y@example.com"})
    assert lead["owner_id"] == ann
    told = (await client.post(f"{RULES}/explain", json={"lead": said})).json()
    assert told["owner_id"] == ann


async def test_by_hand_and_by_the_rules_again(client: AsyncClient, tx: AsyncSession) -> None:
    ann, bob = await team(client, "1", "1")
    lead = await capture(client, **ANA)
    nothing = await assign(client, lead)
    assert (nothing.status_code, "no rule matches" in nothing.json()["detail"]) == (409, True)
    lead = await done(client, lead, "assign", {"owner_id": bob})
    assert (lead["owner_id"], lead["assignment"]["rule_id"], lead["assignment"]["reason"]) == (bob, None, "by hand")
    found = await rule(client, ann, name="All")
    lead = await done(client, lead, "assign", {})
    assert (lead["owner_id"], lead["assignment"]["rule_name"]) == (ann, "All")
    assert (await shown(client, found))["members"][0]["given"] == 1
    await away(client, ann)
    nobody = await assign(client, lead)
    assert (nobody.status_code, "nobody of it is there" in nobody.json()["detail"]) == (409, True)
    assert (await client.get(f"/v1/leads/{lead['id']}")).json() == lead
    assert (await assign(client, lead | {"version": 1}, owner_id=bob)).status_code == 412
    assert (await client.post(f"/v1/leads/{lead['id']}/assign", json={})).status_code == 428
    for wrong in (NOBODY, str((await add(client, email="x@example.com", active_to="2020-01-01"))["id"])):
        refused = await assign(client, lead, owner_id=wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/owner_id")
    told = [(kind, data.get("owner_id")) for kind, data in await events_of(tx, lead["id"])]
    assert told == [("lead.captured", None), ("lead.assigned", bob), ("lead.assigned", ann)]


async def test_an_owner_set_by_a_change_is_by_hand_too(client: AsyncClient, tx: AsyncSession) -> None:
    ann, bob = await team(client, "1", "1")
    await rule(client, ann)
    lead = await capture(client, **ANA)
    lead = await change(client, lead, owner_id=bob)
    assert (lead["assignment"]["rule_id"], lead["assignment"]["reason"]) == (None, "by hand")
    same = await change(client, lead, owner_id=bob)
    assert same == lead
    lead = await change(client, lead, owner_id=None)
    kinds = [kind for kind, _ in await events_of(tx, lead["id"])]
    assert kinds == [
        "lead.captured", "lead.assigned", "lead.updated", "lead.assigned", "lead.updated", "lead.unassigned"
    ]  # fmt: skip


async def test_a_converted_lead_is_its_accounts_owners(client: AsyncClient) -> None:
    (ann,) = await team(client, "1")
    lead = await done(client, await qualified(client, company_size="large"), "convert", {"owner_id": ann})
    assert lead["assignment"]["reason"] == "by hand, when it was converted"
    account = (await client.get(f"/v1/accounts/{lead['account_id']}")).json()
    assert (account["owner_id"], account["size"]) == (ann, "large")
    assert (await assign(client, lead, owner_id=ann)).status_code == 409


async def test_who_is_heard_of_again_keeps_the_owner_unless_away(client: AsyncClient, tx: AsyncSession) -> None:
    ann, bob = await team(client, "1", "1")
    everybody = await rule(client, ann, bob)
    lead = await capture(client, **ANA)
    assert lead["owner_id"] == ann

    async def again(version: Json) -> Json:
        await done(client, version, "disqualify", {"reason": "no_budget"})
        heard = await capture(client, 200, email="ana@example.com", person_name="Ana Trujillo")
        assert heard["status"] == "recycled"
        return heard

    lead = await again(lead)
    assert lead["owner_id"] == ann
    touched = await capture(client, 200, email="ana@example.com", person_name="Ana Trujillo")
    assert touched["owner_id"] == ann
    absence = await away(client, ann)
    lead = await again(touched)
    assert (lead["owner_id"], lead["assignment"]["rule_id"]) == (bob, everybody["id"])
    last = (await events_of(tx, lead["id"]))[-1]
    assert (last[0], last[1]["changes"]) == ("lead.assigned", [{"field": "owner_id", "old": ann, "new": bob}])
    await back(client, absence)
    lead = await again(lead)
    assert lead["owner_id"] == bob
    await away(client, ann)
    await away(client, bob)
    lead = await again(lead)
    assert lead["owner_id"] == bob


async def test_the_size_of_a_company_is_kept_as_other_fields_are(client: AsyncClient) -> None:
    lead = await capture(client, **ANA | {"company_size": ""})
    assert lead["company_size"] is None
    filled = await capture(client, 200, email="ana@example.com", company_size="small")
    assert filled["company_size"] == "small"
    kept = await capture(client, 200, email="ana@example.com", company_size="large")
    assert kept["company_size"] == "small"
    overwritten = await capture(client, 200, **ANA | {"company_size": "medium"})
    assert overwritten["company_size"] == "medium"
    assert (await change(client, overwritten, company_size=None))["company_size"] is None
    refused = await client.post("/v1/leads", json=ANA | {"company_size": "huge"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/company_size")


async def test_rules_cost_two_statements_and_none_where_nothing_is_given(
    client: AsyncClient, database: BoundDatabase
) -> None:
    ann, bob = await team(client, "1", "1")
    await rule(client, ann, countries=["DE"])
    await rule(client, bob, position=200, countries=["AT", "DE"])

    async def sent(*rows: Json) -> int:
        async with counted(database.connection) as statements:
            await bulk(client, *rows)
        return len(statements)

    await bulk(client, {"source": "web", "company": "warms the key's cache"})
    assert await sent(*leads(1000, country="DE")) == 3 + 2
    assert await sent(*leads(1, country="DE", email="one@example.com")) == 3 + 2
    assert await sent(*leads(10, country="DE", offer="a touch")) == 3
    assert await sent(*leads(10, country="FR", source="crm", email="nobody@example.com")) == 3
