"""Meetings as calendar programs read them: what is written is read back, and a secret address opens one calendar."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from httpx import ASGITransport, AsyncClient, Response
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from app.kernel import clock
from app.kernel.auth import Permission, digest
from app.kernel.idempotency import IdempotencyRecord
from app.kernel.outbox import OutboxEvent
from app.meetings.models import CalendarFeed
from tests.conftest import ClientWith, Live
from tests.meetings.arranging import act, change, done, got, made, plan, staff

Json = dict[str, Any]
HOSTILE = (
    'Ärger, "Zoë"; \\n is no newline: 東京 🫖\nBEGIN:VEVENT\nUID:1\r\nEND:VCALENDAR\ttab \\;\\, '
    + "long ü " * 40
    + "end"
)


def read(response: Response) -> list[Any]:
    """The events of a calendar, once it is certain that its lines are as they must be."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    lines = response.content.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-2:] == [b"END:VCALENDAR", b""]
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    (calendar,) = Calendar.from_ical(response.content, multiple=True)
    assert (calendar["version"], "method" in calendar, calendar.errors) == ("2.0", False, [])
    return list(calendar.walk("VEVENT"))


async def one(client: AsyncClient, meeting: Json) -> Any:
    (event,) = read(await client.get(f"/v1/meetings/{meeting['id']}/calendar.ics"))
    return event


async def test_what_is_written_is_read_back(client: AsyncClient) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    people = [{"staff_id": andrew}, {"name": 'Roe; "Jo": X,\tY', "email": "jo@example.com"}, {"name": "Jim Roe"}]
    meeting = await plan(client, nancy, agenda=HOSTILE, place="Obere Str. 57; Berlin, DE", participants=people)
    meeting = await change(client, meeting, subject=HOSTILE[:200].strip())
    event = await one(client, meeting)
    assert event.errors == []
    assert (str(event["uid"]), event["sequence"]) == (meeting["id"], 2)
    assert (event.start, event.end) == (datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC))
    assert str(event["summary"]) == meeting["subject"].replace("\r\n", "\n")
    assert str(event["description"]) == HOSTILE.replace("\r\n", "\n") + "\n\nWith Jim Roe"
    assert (str(event["location"]), str(event["status"])) == ("Obere Str. 57; Berlin, DE", "CONFIRMED")
    assert event["dtstamp"].dt == datetime.fromisoformat(meeting["updated_at"]).replace(microsecond=0)
    assert (str(event["organizer"]), event["organizer"].params["CN"]) == ("mailto:nancy@example.com", "Nancy")
    assert [(str(each), each.params["CN"]) for each in event["attendee"]] == [
        ("mailto:andrew@example.com", "Andrew"), ("mailto:jo@example.com", 'Roe; "Jo": X,\tY'),
    ]  # fmt: skip


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029", "\r", "\n", "\r\n"])
async def test_no_separator_of_lines_ends_one(client: AsyncClient, separator: str) -> None:
    injected = f"Teas{separator}ATTENDEE:mailto:x@example.com{separator}END:VEVENT"
    people = [{"name": f"Jo{separator}X:Y", "email": "jo@example.com"}]
    meeting = await plan(client, await staff(client), subject=injected, participants=people)
    event = await one(client, meeting)
    assert str(event["attendee"]) == "mailto:jo@example.com"
    assert str(event["summary"]).startswith("Teas")
    assert "END:VEVENT" in str(event["summary"])
    assert "X:Y" in event["attendee"].params["CN"]


async def test_a_later_version_is_the_same_event_and_what_is_off_says_so(client: AsyncClient) -> None:
    nancy = await staff(client)
    moved, missed, held = [await plan(client, nancy) for _ in range(3)]
    before = await one(client, moved)
    after = await one(client, await change(client, moved, starts_at="2026-03-02T10:30:00Z"))
    assert after["uid"] == before["uid"]
    assert after["sequence"] == before["sequence"] + 1
    gone = await one(client, await done(client, await got(client, f"meetings/{moved['id']}"), "cancel"))
    assert (str(gone["status"]), gone["uid"], gone["sequence"]) == ("CANCELLED", before["uid"], after["sequence"] + 1)
    assert str((await one(client, await done(client, missed, "not-held", {"reason": "Ill"})))["status"]) == "CANCELLED"
    assert str((await one(client, await done(client, held, "hold", {"result": "Met"})))["status"]) == "CONFIRMED"


def at(**away: float) -> Json:
    start = clock.now().replace(microsecond=0) + timedelta(**away)
    return {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=1)).isoformat()}


async def program(client: AsyncClient, path: str) -> Response:
    """What a calendar program gets, which sends no key."""
    async with AsyncClient(transport=client._transport, base_url="http://test") as without_key:
        return await without_key.get(path)


async def test_a_persons_calendar_has_the_last_thirty_days_and_all_to_come(client: AsyncClient) -> None:
    nancy, andrew = await staff(client), await staff(client, "Andrew")
    await plan(client, nancy, subject="Long ago", **at(days=-31))
    recent = await plan(client, nancy, subject="Recent", **at(days=-29))
    await done(client, recent, "cancel")
    await plan(client, andrew, subject="With Nancy", participants=[{"staff_id": nancy}], **at(days=1))
    await plan(client, nancy, subject="In years", **at(days=1000))
    await plan(client, andrew, subject="Andrew's own", **at(days=1))
    issued = await made(client, "calendars", staff_id=nancy)
    answered = await program(client, issued["path"])
    events = {str(each["summary"]): str(each["status"]) for each in read(answered)}
    assert events == {"Recent": "CANCELLED", "With Nancy": "CONFIRMED", "In years": "CONFIRMED"}
    calendar = Calendar.from_ical(answered.content)
    assert str(calendar["x-wr-calname"]) == str(calendar["name"]) == "Meetings of Nancy"


async def test_an_address_opens_until_it_is_renewed_or_revoked(client: AsyncClient, tx: AsyncSession) -> None:
    nancy = await staff(client)
    issued = await made(client, "calendars", staff_id=nancy)
    assert (await program(client, issued["path"])).status_code == 200
    renewed = await done(client, issued, "renew")
    assert (await program(client, issued["path"])).status_code == 404
    assert (await program(client, renewed["path"])).status_code == 200
    assert renewed["issued_at"] > issued["issued_at"]
    assert (await act(client, issued, "revoke")).status_code == 412
    revoked = await done(client, renewed, "revoke")
    gone = await program(client, renewed["path"])
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    for action in ("renew", "revoke"):
        assert (await act(client, revoked, action)).status_code == 409
    again = await made(client, "calendars", staff_id=nancy)
    listed = (await got(client, "calendars", staff_id=nancy))["data"]
    assert [each["id"] for each in listed] == [again["id"], issued["id"]]
    assert "path" not in listed[0]
    told = select(OutboxEvent.type).where(OutboxEvent.subject_id == issued["id"]).order_by(OutboxEvent.seq)
    assert list(await tx.scalars(told)) == ["calendar.issued", "calendar.renewed", "calendar.revoked"]


async def test_what_is_no_secret_opens_nothing(client: AsyncClient, client_with: ClientWith) -> None:
    issued = await made(client, "calendars", staff_id=await staff(client))
    for guess in ("x", "cal_", issued["id"], issued["path"].split("/")[-1][:-5], "%C3%BC", "x" * 200):
        assert (await program(client, f"/v1/calendars/{guess}.ics")).status_code == 404, guess
    assert (await program(client, f"/v1/calendars/{'x' * 201}.ics")).status_code == 422
    assert (await program(client, "/v1/calendars")).status_code == 401
    reader = await client_with(Permission.MEETINGS_READ)
    assert (await act(reader, issued, "renew")).status_code == 403
    unknown = await client.post("/v1/calendars", json={"staff_id": str(uuid7())})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/staff_id")


async def test_the_secret_is_kept_nowhere(client: AsyncClient, tx: AsyncSession) -> None:
    body, key = {"staff_id": await staff(client)}, {"Idempotency-Key": "one"}
    level = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))  # the tests' own is higher
    with capture_logs() as logged:
        issued = (await client.post("/v1/calendars", json=body, headers=key)).json()
        await program(client, issued["path"])
        await program(client, f"{issued['path']}?x=%00")
    structlog.configure(wrapper_class=level)
    secret = issued["path"].removeprefix("/v1/calendars/").removesuffix(".ics")
    assert len(secret) > 40
    assert secret not in str(logged)
    asked = [(line["path"], line["status"]) for line in logged]
    assert asked == [("/v1/calendars", 201), *(("/v1/calendars/{secret}.ics", status) for status in (200, 422))]
    replayed = await client.post("/v1/calendars", json=body, headers=key)
    assert (replayed.headers["idempotency-replayed"], replayed.json()) == ("true", issued | {"path": None})
    (kept,) = await tx.scalars(select(IdempotencyRecord.body))
    assert secret not in str(kept)
    (row,) = await tx.scalars(select(CalendarFeed))
    assert row.digest == digest(secret)


async def test_two_who_ask_for_a_calendar_at_once_get_one(live: Live) -> None:
    body = {"staff_id": await staff(live.client)}
    answers = await asyncio.gather(*(live.client.post("/v1/calendars", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    (issued,) = [answer.json() for answer in answers if answer.status_code == 201]
    renewals = await asyncio.gather(*(act(live.client, issued, "renew") for _ in range(6)))
    assert sorted(answer.status_code for answer in renewals) == [200] + [412] * 5
    (renewed,) = [answer.json() for answer in renewals if answer.status_code == 200]
    async with AsyncClient(transport=ASGITransport(live.app), base_url="http://test") as without_key:
        assert (await without_key.get(renewed["path"])).status_code == 200
