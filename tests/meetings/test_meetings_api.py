"""Meetings over HTTP: planned, changed, held, not held, called off; what becomes of what they are about."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.activities.models import Activity
from app.kernel.auth import Permission
from app.kernel.outbox import OutboxEvent
from app.meetings.schemas import MeetingRead
from tests.conftest import ClientWith, Live
from tests.meetings.arranging import ELEVEN, NOON, TEN, act, change, done, got, lead, made, plan, staff

Json = dict[str, Any]
RESULT = {"result": "Wants a price for 200 boxes", "outcome": "interested", "next_step": "Send the offer"}


async def told(tx: AsyncSession, subject: str) -> list[str]:
    rows = select(OutboxEvent.type).where(OutboxEvent.subject_id == subject).order_by(OutboxEvent.seq)
    return list(await tx.scalars(rows))


async def test_planned_with_everybody(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    account = await made(client, "accounts", name="Alfreds", currency="EUR")
    maria = await made(client, "contacts", account_id=account["id"], name="Maria Anders", email="maria@example.com")
    people = [
        {"staff_id": nancy},  # who organizes takes part anyway
        {"contact_id": maria["id"]},
        {"staff_id": andrew},
        {"name": "Jane Roe"},
        {"name": "Jim Roe", "email": "jim@example.com"},
    ]
    meeting = await plan(client, nancy, account_id=account["id"], participants=people, place="Berlin")
    MeetingRead.model_validate(meeting)
    assert meeting == await got(client, f"meetings/{meeting['id']}")
    assert [(each["name"], each["email"]) for each in meeting["participants"]] == [
        ("Maria Anders", "maria@example.com"), ("Andrew", "andrew@example.com"),
        ("Jane Roe", None), ("Jim Roe", "jim@example.com"),
    ]  # fmt: skip
    assert (meeting["organizer_name"], meeting["status"], meeting["conflicts"]) == ("Nancy", "planned", [])
    assert await told(tx, meeting["id"]) == ["meeting.planned"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ends_at": TEN}, "/ends_at"),
        ({"ends_at": "2026-03-17T10:00:01Z"}, "/ends_at"),
        ({"organizer_id": str(uuid7())}, "/organizer_id"),
        ({"lead_id": str(uuid7())}, ""),
        ({"account_id": None}, ""),
        ({"account_id": None, "lead_id": str(uuid7())}, "/lead_id"),
        ({"account_id": None, "opportunity_id": str(uuid7())}, "/opportunity_id"),
        ({"account_id": str(uuid7())}, "/account_id"),
        ({"participants": [{"name": "A"}, {"contact_id": str(uuid7())}]}, "/participants/1/contact_id"),
        ({"participants": [{"staff_id": str(uuid7())}]}, "/participants/0/staff_id"),
        ({"participants": [{"email": "a@example.com"}]}, "/participants/0"),
        ({"participants": [{"name": "A", "staff_id": str(uuid7())}]}, "/participants/0"),
        ({"participants": [{"name": "A"}, {"name": "A"}]}, "/participants/1"),
        ({"subject": ""}, "/subject"),
        ({"starts_at": "2026-03-02T10:00:00"}, "/starts_at"),
    ],
)
async def test_what_cannot_be_planned(client: AsyncClient, fields: Json, pointer: str) -> None:
    body = {"subject": "Teas", "starts_at": TEN, "ends_at": ELEVEN, "organizer_id": await staff(client)}
    body["account_id"] = (await made(client, "accounts", name="Alfreds", currency="EUR"))["id"]
    refused = await client.post("/v1/meetings", json=body | fields)
    assert refused.status_code == 422, refused.text
    assert pointer in {each["pointer"] for each in refused.json()["errors"]}
    assert (await got(client, "meetings"))["data"] == []


async def test_changed_as_long_as_planned(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    meeting = await plan(client, nancy, participants=[{"name": "Jane Roe"}])
    assert await change(client, meeting) == meeting
    moved = await change(client, meeting, place="Berlin", ends_at=NOON)
    assert (moved["ends_at"], moved["participants"], moved["version"]) == (NOON, meeting["participants"], 2)
    handed = await change(client, moved, organizer_id=andrew, participants=[{"staff_id": nancy}, {"staff_id": andrew}])
    assert (handed["organizer_name"], [each["name"] for each in handed["participants"]]) == ("Andrew", ["Nancy"])
    assert handed["version"] == 3
    others = await change(client, handed, participants=[])
    assert (others["participants"], others["version"]) == ([], 4)
    await change(client, handed, 412, place="Paris")
    for fields in ({"starts_at": NOON}, {"participants": [{"staff_id": str(uuid7())}]}, {"subject": None}):
        await change(client, others, 422, **fields)
    assert await got(client, f"meetings/{meeting['id']}") == others
    gone = await done(client, others, "cancel")
    assert "cancelled" in (await change(client, gone, 409, place="Paris"))["detail"]
    assert await told(tx, meeting["id"]) == ["meeting.planned", *["meeting.changed"] * 3, "meeting.cancelled"]
    history = await got(client, f"meetings/{meeting['id']}/history")
    assert [each["field"] for each in history["data"][1]["data"]["changes"]] == ["participants"]


async def test_held_with_a_lead_it_is_contacted_and_has_a_next_step(client: AsyncClient, tx: AsyncSession) -> None:
    nancy, ana = await staff(client), await lead(client)
    meeting = await plan(client, nancy, lead_id=ana["id"], participants=[{"name": "Ana Trujillo"}])
    held = await done(client, meeting, "hold", RESULT | {"next_step_on": "2026-03-09"})
    assert {name: held[name] for name in RESULT} == RESULT
    assert (held["status"], held["held_at"]) == ("held", TEN)
    activity = await got(client, f"activities/{held['activity_id']}")
    assert (activity["kind"], activity["lead_id"], activity["at"]) == ("meeting", ana["id"], TEN)
    assert (activity["by_id"], activity["with_whom"], activity["notes"]) == (nancy, "Ana Trujillo", RESULT["result"])
    now = await got(client, f"leads/{ana['id']}")
    assert (now["status"], now["next_step"], now["next_step_on"]) == ("contacted", "Send the offer", "2026-03-09")
    assert now["last_activity_at"] == TEN
    assert (await told(tx, meeting["id"]))[-1] == "meeting.held"
    assert (await act(client, held, "hold", RESULT)).status_code == 409
    assert (await act(client, held, "cancel")).status_code == 409
    assert (await act(client, held, "not-held", {"reason": "x"})).status_code == 409


async def test_whatever_came_of_it_a_lead_that_was_met_is_contacted(client: AsyncClient) -> None:
    nancy = await staff(client)
    for number, outcome in enumerate(("follow_up", "done", "not_interested")):
        ana = await lead(client, email=f"{number}@example.com")
        meeting = await plan(client, nancy, lead_id=ana["id"])
        await done(client, meeting, "hold", {"result": "Met", "outcome": outcome})
        assert (await got(client, f"leads/{ana['id']}"))["status"] == "contacted", outcome


async def test_held_with_an_account_and_one_of_its_contacts(client: AsyncClient) -> None:
    nancy = await staff(client)
    account, other = [await made(client, "accounts", name=name, currency="EUR") for name in ("Alfreds", "Bottom")]
    stranger = await made(client, "contacts", account_id=other["id"], name="Elizabeth")
    maria = await made(client, "contacts", account_id=account["id"], name="Maria Anders")
    people = [{"contact_id": each["id"]} for each in (stranger, maria)]
    meeting = await plan(client, nancy, account_id=account["id"], participants=people)
    held = await done(client, meeting, "hold", {"result": "Met", "held_at": "2026-03-02T10:30:00Z"})
    assert (held["outcome"], held["held_at"]) == ("reached", "2026-03-02T10:30:00Z")
    activity = await got(client, f"activities/{held['activity_id']}")
    assert (activity["account_id"], activity["contact_id"]) == (account["id"], maria["id"])
    assert (await got(client, f"accounts/{account['id']}"))["last_activity_at"] == "2026-03-02T10:30:00Z"


async def test_held_about_an_opportunity_whose_account_goes_along(client: AsyncClient) -> None:
    nancy = await staff(client)
    first, later = [await made(client, "accounts", name=name, currency="USD") for name in ("Alfreds", "Bottom")]
    maria, liz = [
        await made(client, "contacts", account_id=each["id"], name=name)
        for each, name in ((first, "Maria"), (later, "Liz"))
    ]
    worth = {"amount": "100.00", "expected_close_on": "2026-09-01"}
    sale = await made(client, "opportunities", name="Spring", account_id=first["id"], **worth)
    people = [{"contact_id": each["id"]} for each in (maria, liz)]
    meeting = await plan(client, nancy, opportunity_id=sale["id"], participants=people)
    assert (meeting["account_id"], meeting["opportunity_id"]) == (first["id"], sale["id"])
    moved = await client.patch(
        f"/v1/opportunities/{sale['id']}", json={"account_id": later["id"]}, headers={"If-Match": '"v1"'}
    )
    assert moved.status_code == 200, moved.text
    held = await done(client, meeting, "hold", RESULT | {"next_step_on": "2026-03-09"})
    activity = await got(client, f"activities/{held['activity_id']}")
    assert (activity["kind"], activity["account_id"], activity["contact_id"]) == ("meeting", later["id"], liz["id"])
    now = await got(client, f"opportunities/{sale['id']}")
    assert (now["next_step"], now["next_step_on"], now["last_activity_at"]) == ("Send the offer", "2026-03-09", TEN)
    assert held["account_id"] == later["id"]
    alone = await made(client, "opportunities", name="No account yet", **worth)
    free = await plan(client, nancy, opportunity_id=alone["id"], participants=people)
    held = await done(client, free, "hold", {"result": "Met"})
    assert (held["account_id"], held["status"]) == (None, "held")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/result"),
        ({"result": "Met", "outcome": "not_reached"}, ""),
        ({"result": "Met", "next_step_on": "2026-03-09"}, ""),
        ({"result": "Met", "held_at": "2999-01-01T00:00:00Z"}, "/held_at"),
    ],
)
async def test_what_cannot_have_been_held(client: AsyncClient, body: Json, pointer: str) -> None:
    meeting = await plan(client, await staff(client))
    refused = await act(client, meeting, "hold", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    assert await got(client, f"meetings/{meeting['id']}") == meeting


async def test_a_meeting_to_come_that_was_held_already_was_held_now(client: AsyncClient) -> None:
    nancy = await staff(client)
    meeting = await plan(client, nancy, starts_at="2999-01-01T00:00:00Z", ends_at="2999-01-01T01:00:00Z")
    held = await done(client, meeting, "hold", {"result": "They came early"})
    assert held["held_at"] == (await got(client, f"activities/{held['activity_id']}"))["at"] < "2999"


async def test_not_held_and_planned_anew(client: AsyncClient, tx: AsyncSession) -> None:
    nancy = await staff(client)
    meeting = await plan(client, nancy, participants=[{"name": "Jane Roe"}], agenda="Tasting")
    assert (await act(client, meeting, "not-held", {"reason": ""})).status_code == 422
    wrong = await act(
        client, meeting, "not-held", {"reason": "Ill", "rescheduled_to": {"starts_at": NOON, "ends_at": TEN}}
    )
    assert wrong.status_code == 422
    missed = await done(client, meeting, "not-held", {"reason": "Ill", "rescheduled_to": {"starts_at": NOON}})
    assert (missed["status"], missed["reason"], missed["activity_id"]) == ("not_held", "Ill", None)
    again = await got(client, f"meetings/{missed['rescheduled_to_id']}")
    assert (again["starts_at"], again["ends_at"], again["status"]) == (NOON, "2026-03-02T13:00:00Z", "planned")
    for name in ("subject", "agenda", "organizer_id", "account_id", "participants"):
        assert again[name] == meeting[name]
    assert await told(tx, meeting["id"]) == ["meeting.planned", "meeting.not_held"]
    assert await told(tx, again["id"]) == ["meeting.planned"]
    other = await plan(client, nancy)
    assert (await done(client, other, "not-held", {"reason": "Ill"}))["rescheduled_to_id"] is None


async def test_conflicts_are_planned_meetings_of_the_same_people_at_the_same_time(client: AsyncClient) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    first = await plan(client, nancy, starts_at=TEN, ends_at=NOON)
    second = await plan(
        client, andrew, starts_at=ELEVEN, ends_at="2026-03-02T13:00:00Z", participants=[{"staff_id": nancy}]
    )
    long = await plan(client, andrew, starts_at="2026-02-20T00:00:00Z", ends_at="2026-03-03T00:00:00Z")
    after = await plan(client, nancy, starts_at="2026-03-02T13:00:00Z", ends_at="2026-03-02T14:00:00Z")

    async def conflicts(meeting: Json) -> list[str]:
        return (await got(client, f"meetings/{meeting['id']}"))["conflicts"]  # type: ignore[no-any-return]

    assert await conflicts(first) == [second["id"]] == first["conflicts"] + [second["id"]]
    assert await conflicts(second) == sorted([first["id"], long["id"]])
    assert await conflicts(long) == [second["id"]]
    assert await conflicts(after) == []
    listed = {each["id"]: each["conflicts"] for each in (await got(client, "meetings"))["data"]}
    assert listed[first["id"]] == [second["id"]]
    await change(client, first, starts_at="2026-03-02T09:00:00Z", ends_at=TEN)
    assert await conflicts(second) == [long["id"]]
    await done(client, long, "cancel")
    assert (await conflicts(second), await conflicts(long)) == ([], [])


async def test_lists(client: AsyncClient) -> None:
    nancy, andrew, ana = await staff(client), await staff(client, "Andrew"), await lead(client)
    account = await made(client, "accounts", name="Alfreds", currency="EUR")
    times = [{"starts_at": f"2026-03-0{day}T10:00:00Z", "ends_at": f"2026-03-0{day}T11:00:00Z"} for day in range(1, 7)]
    one = await plan(client, nancy, lead_id=ana["id"], **times[0])
    two = await plan(client, andrew, account_id=account["id"], **times[1], participants=[{"staff_id": nancy}])
    three = await plan(client, nancy, account_id=account["id"], **times[2])
    four = await plan(client, andrew, **times[3])
    await done(client, three, "hold", {"result": "Met"})

    async def ids(**asked: object) -> list[str]:
        return [each["id"] for each in (await got(client, "meetings", **asked))["data"]]

    everything = [each["id"] for each in (one, two, three, four)]
    assert await ids() == everything
    assert await ids(sort="-starts_at") == everything[::-1]
    assert await ids(person_id=nancy) == everything[:3]
    assert await ids(person_id=nancy, status="planned", sort="-starts_at") == [two["id"], one["id"]]
    assert await ids(person_id=nancy, starts_from=two["starts_at"], starts_to=three["starts_at"]) == [two["id"]]
    assert await ids(status="held") == [three["id"]]
    assert await ids(lead_id=ana["id"]) == [one["id"]]
    assert await ids(account_id=account["id"]) == [two["id"], three["id"]]
    assert await ids(starts_from=three["starts_at"]) == everything[2:]
    page = await got(client, "meetings", person_id=nancy, limit=2)
    assert page["has_more"] is True
    rest = await got(client, "meetings", person_id=nancy, limit=2, cursor=page["next_cursor"])
    assert [each["id"] for each in (*page["data"], *rest["data"])] == everything[:3]
    assert rest["next_cursor"] is None
    for parameters in ({"cursor": page["next_cursor"]}, {"cursor": page["next_cursor"], "person_id": andrew}):
        assert (await client.get("/v1/meetings", params=parameters)).status_code == 422


async def test_unknown_refused_and_without_a_version(client: AsyncClient, client_with: ClientWith) -> None:
    meeting = await plan(client, await staff(client))
    for path in ("", "/history", "/calendar.ics"):
        assert (await client.get(f"/v1/meetings/{uuid7()}{path}")).status_code == 404
    for action, body in (("hold", RESULT), ("not-held", {"reason": "Ill"}), ("cancel", None)):
        assert (await client.post(f"/v1/meetings/{meeting['id']}/{action}", json=body)).status_code == 428
        assert (await act(client, meeting | {"version": 9}, action, body)).status_code == 412
        assert (await act(client, meeting | {"id": str(uuid7())}, action, body)).status_code == 404
    reader = await client_with(Permission.MEETINGS_READ)
    assert (await act(reader, meeting, "cancel")).status_code == 403


async def test_one_of_many_reports_of_a_meeting_is_kept(live: Live) -> None:
    nancy, ana = await staff(live.client), await lead(live.client)
    meeting = await plan(live.client, nancy, lead_id=ana["id"])
    reports = [("hold", RESULT), ("not-held", {"reason": "Ill"}), ("cancel", None)] * 3
    answers = await asyncio.gather(*(act(live.client, meeting, action, body) for action, body in reports))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (len(reports) - 1)
    async with live.database.read() as reader:
        recorded = (await reader.execute(select(func.count()).select_from(Activity))).scalar_one()
    now = await got(live.client, f"meetings/{meeting['id']}")
    assert (recorded, now["version"]) == (int(now["status"] == "held"), 2)
