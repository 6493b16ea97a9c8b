"""Leads given by many at once; every test commits for real."""

import asyncio
from collections import Counter
from typing import Any

from sqlalchemy import select

from app.leads.assignment import LEAD
from app.leads.assignment_models import AssignmentMember
from app.leads.models import Lead
from tests.conftest import Live
from tests.leads.test_lead_assignment import RULES, assign, away, back, patch, rule, team
from tests.leads.test_lead_races import together

Json = dict[str, Any]


def rows(source: str, count: int, **fields: object) -> list[Json]:
    return [{"source": source, "email": f"{source}-{n}@example.com", **fields} for n in range(count)]


async def owners(live: Live) -> Counter[str]:
    async with live.database.transaction() as session:
        return Counter(str(each) for each in await session.scalars(select(Lead.owner_id)))


async def given(live: Live) -> dict[str, int]:
    """What the members' rows say was given; together they are owed nothing."""
    async with live.database.transaction() as session:
        members = list(await session.scalars(select(AssignmentMember)))
    assert sum(each.credit for each in members) == 0
    assert all(abs(each.credit) < LEAD for each in members)
    found: Counter[str] = Counter()
    for each in members:
        found[str(each.staff_id)] += each.given
    return dict(found)


async def test_shares_are_exact_under_parallel_bulks(live: Live) -> None:
    ann, bob, cid = await team(live.client, "1", "0.5", "2.5")
    await rule(live.client, ann, bob, cid)
    answers = await together(live, *({"leads": rows(f"s{n}", 100)} for n in range(12)), path="/bulk")
    assert {row["status"] for answer in answers for row in answer["data"]} == {"created"}
    assert await owners(live) == await given(live) == {ann: 300, bob: 150, cid: 750}


async def test_sixty_four_at_once_with_overlapping_rules_and_people_wait_for_each_other_in_order(live: Live) -> None:
    """Rules whose leads come in every order, single and many, the same people in each; nobody is turned away."""
    ann, bob, cid = await team(live.client, "1", "1", "2")
    rules = [
        await rule(live.client, *members, countries=countries, position=position)
        for position, members, countries in (
            (3, (ann, bob), ["DE", "AT"]),
            (2, (bob, cid), ["FR", "DE"]),
            (1, (cid, ann), ["AT", "IT"]),
        )
    ]
    countries = ["DE", "FR", "AT", "IT"]

    def mixed(source: str, start: int) -> list[Json]:
        return [row | {"country": countries[(start + n) % 4]} for n, row in enumerate(rows(source, 8))]

    bulks = [live.client.post("/v1/leads/bulk", json={"leads": mixed(f"b{n}", n)}) for n in range(32)]
    singles = [live.client.post("/v1/leads", json=mixed(f"one{n}", n)[0]) for n in range(32)]
    done = await asyncio.gather(*(each for pair in zip(bulks, singles, strict=True) for each in pair))
    assert {answer.status_code for answer in done} == {200, 201}, [answer.text for answer in done]
    per_country = 32 * 2 + 8
    found = [(await live.client.get(f"{RULES}/{each['id']}")).json()["members"] for each in rules]
    first, second, third = ([each["given"] for each in members] for members in found)
    assert first == [0, 0]  # the others come before it, and somebody is there
    assert sum(second) == sum(third) == 2 * per_country
    assert (second, third) == ([48, 96], [96, 48])
    assert await owners(live) == {who: count for who, count in (await given(live)).items() if count}


async def test_a_rule_is_changed_while_leads_are_given(live: Live) -> None:
    """Each lead is given by the rule as it was before a change or as it is after: none by one that is gone."""
    ann, bob = await team(live.client, "1", "1")
    found = await rule(live.client, ann)

    async def swap() -> None:
        nonlocal found
        for n in range(20):
            found = await patch(live.client, found, members=[bob] if n % 2 == 0 else [ann], name=f"Rule {n}")

    captures = [live.client.post("/v1/leads/bulk", json={"leads": rows(f"s{n}", 10)}) for n in range(20)]
    swapping = asyncio.create_task(swap())
    answers = await asyncio.gather(*captures)
    await swapping
    assert {answer.status_code for answer in answers} == {200}
    counts = await owners(live)
    assert sum(counts.values()) == 200
    assert set(counts) <= {ann, bob}


async def test_a_rule_is_deleted_or_has_given(live: Live) -> None:
    (ann,) = await team(live.client, "1")
    for n in range(12):
        found = await rule(live.client, ann)
        deleted, captured = await asyncio.gather(
            live.client.delete(f"{RULES}/{found['id']}", headers={"If-Match": '"v1"'}),
            live.client.post("/v1/leads", json=rows(f"s{n}", 1)[0]),
        )
        assert captured.status_code == 201, captured.text
        lead = captured.json()["lead"]
        assert (deleted.status_code, lead["owner_id"]) in {(204, None), (409, ann)}
        if deleted.status_code == 409:
            await patch(live.client, found, active=False)


async def test_who_leaves_while_leads_come_gets_none_afterwards(live: Live) -> None:
    ann, bob = await team(live.client, "1", "1")
    await rule(live.client, ann, bob)

    async def capture(n: int) -> str:
        answer = await live.client.post("/v1/leads", json=rows(f"s{n}", 1)[0])
        return str(answer.json()["lead"]["owner_id"])

    before = [asyncio.create_task(capture(n)) for n in range(15)]
    absence = await away(live.client, ann)
    assert set(await asyncio.gather(*(capture(100 + n) for n in range(15)))) == {bob}
    await asyncio.gather(*before)
    await back(live.client, absence)
    assert await owners(live) == {who: count for who, count in (await given(live)).items() if count}


async def test_ten_give_one_lead_by_the_rules_at_once(live: Live) -> None:
    ann, bob = await team(live.client, "1", "1")
    (created,) = await together(live, rows("s", 1)[0])
    await rule(live.client, ann, bob)
    lead = created["lead"]
    answers = await asyncio.gather(*(assign(live.client, lead) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    assert sum((await given(live)).values()) == 1
