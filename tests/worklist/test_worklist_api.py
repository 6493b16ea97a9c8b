"""A person's worklist over HTTP: what is on it, since when, in which order, and what takes it off again."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel import clock
from app.kernel.auth import Permission
from app.opportunities.models import Opportunity, OpportunityContact, Stage
from app.opportunities.rules import Part, StageType
from app.worklist.schemas import Worklist
from tests.conftest import ClientWith
from tests.meetings.arranging import done, got, lead, made, plan, staff
from tests.statements import counted

Json = dict[str, Any]
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


def before(**away: float) -> datetime:
    return NOW - timedelta(**away)


async def captured(client: AsyncClient, at: datetime, owner_id: str, score: int, **fields: object) -> Json:
    """A lead of a known score: points for budget, authority and need come in steps of 15."""
    with clock.at(at):
        made = await lead(client, email=f"{uuid7().hex}@example.com", **fields)
        answers = {"owner_id": owner_id, "budget": "approved", "authority": "decision_maker", "need": "explicit"}
        kept = dict(list(answers.items())[: 1 + score // 15])
        response = await client.patch(f"/v1/leads/{made['id']}", json=kept, headers={"If-Match": '"v1"'})
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]


async def account(client: AsyncClient, **fields: object) -> Json:
    found = await made(client, "accounts", name="Alfreds", currency="EUR")
    if not fields:
        return found
    response = await client.patch(f"/v1/accounts/{found['id']}", json=fields, headers={"If-Match": '"v1"'})
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def opportunity(tx: AsyncSession, owner_id: str, account_id: str, stage: str = "proposal", **fields: Any) -> str:
    """As the service would leave it."""
    found = (await tx.scalars(select(Stage).where(Stage.code == stage))).one()
    opened = fields.get("opened_on", TODAY)
    values = {
        "number": f"OP-{uuid7().hex}", "name": "Spring assortment", "stage_id": found.id, "state": found.type,
        "probability": found.probability, "currency": "EUR", "exchange_rate": Decimal(1), "amount": Decimal(100),
        "base_amount": Decimal(100), "opened_on": opened, "expected_close_on": date(2026, 9, 1),
        "closed_on": None if found.type is StageType.OPEN else TODAY, "owner_id": UUID(owner_id),
        "account_id": UUID(account_id), **fields,
    }  # fmt: skip
    row = Opportunity(**values)
    tx.add(row)
    await tx.flush()
    return str(row.id)


async def decides(tx: AsyncSession, opportunity_id: str, contact_id: str, part: Part = Part.DECISION_MAKER) -> None:
    tx.add(OpportunityContact(opportunity_id=UUID(opportunity_id), contact_id=UUID(contact_id), part=part))
    await tx.flush()


async def on(client: AsyncClient, staff_id: str, **asked: object) -> list[Json]:
    return (await got(client, "worklist", staff_id=staff_id, **asked))["data"]  # type: ignore[no-any-return]


async def test_next_steps_that_are_due_the_oldest_first(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")

    def step(days: int) -> Json:
        return {"next_step": f"Call {days}", "next_step_on": str(TODAY - timedelta(days=days))}

    own = await account(client, owner_id=nancy, **step(2))
    await account(client, owner_id=nancy, **step(-1))
    await account(client, owner_id=andrew, **step(5))
    closed = await account(client, owner_id=nancy, **step(6))
    shut = await client.post(f"/v1/accounts/{closed['id']}/close", headers={"If-Match": '"v2"'})
    assert shut.status_code == 200, shut.text
    ana = await captured(client, NOW, nancy, 0)
    gone = await captured(client, NOW, nancy, 0)
    for each in (ana, gone):
        done = await client.patch(f"/v1/leads/{each['id']}", json=step(0), headers={"If-Match": '"v2"'})
        assert done.status_code == 200
    await client.post(f"/v1/leads/{gone['id']}/disqualify", json={"reason": "spam"}, headers={"If-Match": '"v3"'})
    day = {"next_step": "Call 3", "next_step_on": TODAY - timedelta(days=3)}
    sale = await opportunity(tx, nancy, own["id"], "prospecting", **day)
    await opportunity(tx, nancy, own["id"], "lost", lost_reason="price", **day)
    found = await on(client, nancy)
    assert [(each["kind"], each["reason"], each["due_on"]) for each in found] == [
        ("next_step", "Next step due 3 days ago: Call 3", "2026-06-12"),
        ("next_step", "Next step due 2 days ago: Call 2", "2026-06-13"),
        ("next_step", "Next step due today: Call 0", "2026-06-15"),
    ]
    assert (found[0]["opportunity_id"], found[0]["opportunity_name"]) == (sale, "Spring assortment")
    assert (found[0]["account_id"], found[1]["account_id"]) == (own["id"], own["id"])
    assert (found[1]["account_name"], found[2]["lead_name"]) == ("Alfreds", "Ana Trujillo")
    assert [each["reason"] for each in await on(client, nancy, day="2026-06-16")][-1] == "Next step due today: Call -1"
    assert len(await on(client, nancy, day="2026-06-12")) == 1


async def test_meetings_of_the_day_by_time(client: AsyncClient) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")

    async def meeting(organizer: str, start: str, end: str, **fields: object) -> Json:
        return await plan(client, organizer, starts_at=start, ends_at=end, **fields)

    late = await meeting(andrew, "2026-06-15T23:59:59Z", "2026-06-16T01:00:00Z", participants=[{"staff_id": nancy}])
    early = await meeting(nancy, "2026-06-15T00:00:00Z", "2026-06-15T01:00:00Z")
    long = await meeting(nancy, "2026-06-02T00:00:01Z", "2026-06-16T00:00:00Z")
    gone = await meeting(nancy, "2026-06-15T09:00:00Z", "2026-06-15T10:00:00Z")
    await done(client, gone, "cancel")
    await meeting(nancy, "2026-06-14T22:00:00Z", "2026-06-15T00:00:00Z")
    await meeting(nancy, "2026-06-16T00:00:00Z", "2026-06-16T01:00:00Z")
    await meeting(andrew, "2026-06-15T10:00:00Z", "2026-06-15T11:00:00Z")
    found = await on(client, nancy)
    assert [each["meeting_id"] for each in found] == [each["id"] for each in (long, early, late)]
    assert {each["kind"] for each in found} == {"meeting"}
    assert (found[1]["due_at"], found[1]["meeting_subject"]) == ("2026-06-15T00:00:00Z", "Teas")
    assert found[1]["reason"] == "Meeting from 00:00 to 01:00: Teas"
    assert (found[1]["account_id"], found[1]["account_name"]) == (early["account_id"], "Alfreds")
    assert len(await on(client, nancy, day="2026-06-14")) == 2


async def test_strong_leads_that_nobody_contacted(client: AsyncClient) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    strong = await captured(client, before(hours=24), nancy, 45, company="Centro")
    stronger = await captured(client, before(hours=30), nancy, 45, company="Centro", telephone="+49 30 0074321")
    await captured(client, before(hours=23.9), nancy, 45)
    await captured(client, before(days=9), nancy, 15)
    await captured(client, before(days=9), andrew, 45)
    found = await on(client, nancy, strong_score=strong["score"])
    assert [each["lead_id"] for each in found] == [stronger["id"], strong["id"]]
    assert found[0]["reason"] == f"Score {stronger['score']}: came in 30 hours ago, no contact yet"
    assert found[1]["due_at"] == "2026-06-15T12:00:00Z"
    assert len(await on(client, nancy, strong_score=strong["score"], lead_hours=25)) == 1
    assert len(await on(client, nancy, strong_score=strong["score"] + 1)) == 1
    assert len(await on(client, nancy, strong_score=0)) == 3
    call = {"kind": "call", "subject": "Teas", "outcome": "reached", "at": before(hours=23).isoformat()}
    assert (await client.post(f"/v1/leads/{stronger['id']}/activities", json=call)).status_code == 201
    assert [each["lead_id"] for each in await on(client, nancy, strong_score=strong["score"])] == [strong["id"]]
    with clock.at(NOW + timedelta(hours=1)):
        (first, _, _) = await on(client, nancy, strong_score=strong["score"])
    assert first["reason"] == f"Score {stronger['score']}: last contact 24 hours ago"
    now = await got(client, f"leads/{strong['id']}")
    version = {"If-Match": f'"v{now["version"]}"'}
    await client.post(f"/v1/leads/{strong['id']}/disqualify", json={"reason": "spam"}, headers=version)
    assert await on(client, nancy, strong_score=strong["score"]) == []


async def test_fifty_is_strong_unless_said_otherwise(client: AsyncClient) -> None:
    nancy = await staff(client)
    with clock.at(before(days=2)):
        found = await captured(client, before(days=2), nancy, 45)
        answers = {"interest_level": "strong", "intention": "intends"}
        url, version = f"/v1/leads/{found['id']}", {"If-Match": '"v2"'}
        qualified = (await client.post(f"{url}/qualify", json=answers, headers=version)).json()
    assert qualified["score"] >= 50 > found["score"]
    assert [each["lead_id"] for each in await on(client, nancy)] == [found["id"]]


async def test_quotes_without_an_answer(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, andrew, own = await staff(client), await staff(client, "Andrew"), await account(client)

    async def quote(stage: str, changed: float, heard: float | None, close: int, owner: str = nancy) -> str:
        return await opportunity(
            tx, owner, own["id"], stage, stage_changed_at=before(days=changed), expected_close_on=date(2026, 7, close),
            last_activity_at=None if heard is None else before(days=heard),
        )  # fmt: skip

    later = await quote("negotiation", 40, 7, 20)
    sooner = await quote("proposal", 9.5, 30, 10)
    await quote("proposal", 6, 30, 1)
    await quote("proposal", 30, 6.9, 1)
    await quote("qualification", 30, 30, 1)
    await quote("proposal", 30, 30, 1, andrew)
    never = await quote("proposal", 8, None, 25)
    found = await on(client, nancy)
    assert [(each["opportunity_id"], each["kind"]) for each in found] == [
        (each, "unanswered_quote") for each in (sooner, later, never)
    ]
    assert [each["reason"] for each in found] == [
        "Proposal: nothing done or heard for 9 days",
        "Negotiation: nothing done or heard for 7 days",
        "Proposal: nothing done or heard for 8 days",
    ]
    assert (found[1]["due_at"], found[1]["account_name"]) == ("2026-06-15T12:00:00Z", "Alfreds")
    assert [each["opportunity_id"] for each in await on(client, nancy, quote_days=9)] == [sooner]


async def test_decision_makers_who_were_not_contacted(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, own = await staff(client), await account(client)
    days = {"opened_on": before(days=14).date()}

    async def person(name: str, **fields: object) -> str:
        return str((await made(client, "contacts", account_id=own["id"], name=name, **fields))["id"])

    async def called(contact_id: str, days_ago: float, kind: str = "call") -> None:
        body = {"kind": kind, "subject": "Teas", "contact_id": contact_id, "at": before(days=days_ago).isoformat()}
        assert (await client.post(f"/v1/accounts/{own['id']}/activities", json=body)).status_code == 201

    never, once, user, noted, met, silent = [await person(name) for name in "ABCDEF"]
    boss, left = await person("G", decision_maker=True), await person("H")
    version = {"If-Match": '"v1"'}
    assert (await client.patch(f"/v1/contacts/{left}", json={"active": False}, headers=version)).status_code == 200
    sale = await opportunity(tx, nancy, own["id"], "prospecting", expected_close_on=date(2026, 8, 1), **days)
    for each in (never, once, noted, met, silent, left):
        await decides(tx, sale, each)
    for each in (user, boss):
        await decides(tx, sale, each, Part.USER)
    await called(once, 13.9)
    await called(noted, 13, "note")
    await called(noted, 20)
    await called(silent, 14, "email")
    held = await plan(
        client, nancy, account_id=own["id"], participants=[{"contact_id": each} for each in (silent, met)],
        starts_at=before(days=3).isoformat(), ends_at=before(days=2).isoformat(),
    )  # fmt: skip
    assert {each["contact_name"] for each in await on(client, nancy)} == {"A", "D", "E", "F", "G"}
    await done(client, held, "hold", {"result": "Met"})
    found = {each["contact_name"]: each for each in await on(client, nancy)}
    assert found.keys() == {"A", "D", "G"}
    assert (found["A"]["reason"], found["A"]["due_on"]) == ("Decides: never contacted, opened 14 days ago", str(TODAY))
    assert (found["D"]["reason"], found["D"]["due_at"]) == ("Decides: last contact 20 days ago", "2026-06-09T12:00:00Z")
    assert found["D"]["kind"] == "decision_maker"
    assert (found["D"]["opportunity_id"], found["D"]["account_id"]) == (sale, own["id"])
    assert len(await on(client, nancy, contact_days=15)) == 1
    # Who decides about several is there once, with what is decided first; who has nothing open to decide is not.
    sooner = await opportunity(tx, nancy, own["id"], "prospecting", expected_close_on=date(2026, 7, 1), **days)
    await decides(tx, sooner, never)
    lost = await opportunity(tx, nancy, own["id"], "lost", lost_reason="price", **days)
    await decides(tx, lost, await person("Z"))
    listed = await on(client, nancy)
    assert (listed[0]["contact_name"], listed[0]["opportunity_id"]) == ("A", sooner)
    assert sorted(each["contact_name"] for each in listed) == ["A", "D", "G"]


async def test_the_most_urgent_kind_first_no_more_than_asked_in_one_statement(
    client: AsyncClient, tx: AsyncSession, database: Any
) -> None:
    nancy = await staff(client)
    own = await account(client, owner_id=nancy, next_step="Call", next_step_on=str(TODAY))
    sale = await opportunity(
        tx, nancy, own["id"], stage_changed_at=before(days=30), opened_on=before(days=30).date(),
        next_step="Offer", next_step_on=TODAY,
    )  # fmt: skip
    await decides(tx, sale, (await made(client, "contacts", account_id=own["id"], name="Maria"))["id"])
    await captured(client, before(days=2), nancy, 45)
    await plan(client, nancy, account_id=own["id"], starts_at=NOW.isoformat(), ends_at="2026-06-15T13:00:00Z")
    whole = await got(client, "worklist", staff_id=nancy, strong_score=40)
    Worklist.model_validate(whole)
    kinds = [each["kind"] for each in whole["data"]]
    assert kinds == ["meeting", "next_step", "next_step", "strong_lead", "unanswered_quote", "decision_maker"]
    assert (whole["has_more"], whole["day"], whole["staff_id"]) == (False, str(TODAY), nancy)
    for limit in range(1, 7):
        part = await got(client, "worklist", staff_id=nancy, strong_score=40, limit=limit)
        assert part["data"] == whole["data"][:limit]
        assert part["has_more"] == (limit < 6)
    for kind in set(kinds):
        only = await on(client, nancy, strong_score=40, kind=kind)
        assert only == [each for each in whole["data"] if each["kind"] == kind]
    async with counted(database.connection) as sent:
        await on(client, nancy)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"staff_id": str(uuid7())}, "staff_id"),
        ({}, "staff_id"),
        ({"staff_id": "x"}, "staff_id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"kind": "party"}, "kind"),
        ({"day": "9999-12-31"}, "day"),
        ({"strong_score": "101"}, "strong_score"),
        ({"lead_hours": "0"}, "lead_hours"),
        ({"contact_days": "99999"}, "contact_days"),
        ({"cursor": "x"}, "cursor"),
    ],
)
async def test_what_cannot_be_asked(client: AsyncClient, asked: Json, pointer: str) -> None:
    asked = asked if not asked or "staff_id" in asked else {"staff_id": await staff(client), **asked}
    refused = await client.get("/v1/worklist", params=asked)
    assert refused.status_code == 422, refused.text
    assert pointer in {each["pointer"] for each in refused.json()["errors"]}


async def test_the_ends_of_what_can_be_asked(client: AsyncClient) -> None:
    nancy = await staff(client)
    for day in ("1900-01-01", "2999-12-31"):
        assert await on(client, nancy, day=day, lead_hours=8760, contact_days=3650, quote_days=3650, limit=200) == []


async def test_who_may_not_read_it(client: AsyncClient, client_with: ClientWith) -> None:
    stranger = await client_with(Permission.LEADS_READ, Permission.MEETINGS_READ)
    assert (await stranger.get("/v1/worklist", params={"staff_id": await staff(client)})).status_code == 403
