"""HTTP for meetings and calendars."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request, Response
from fastapi import Query as Parameters

from app.kernel.auth import Permission
from app.kernel.http import ExpectedVersion, ReadTx, Secret, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.kernel.repository import Document
from app.meetings import feeds, service
from app.meetings.ics import MEDIA_TYPE, calendar_of
from app.meetings.repository import calendars, meetings
from app.meetings.schemas import (
    CalendarAddress,
    CalendarCreate,
    CalendarQuery,
    CalendarRead,
    MeetingCreate,
    MeetingHold,
    MeetingQuery,
    MeetingRead,
    MeetingUpdate,
    WhyNotHeld,
)

meeting_routes = router("/meetings", "meetings")
calendar_routes = router("/calendars", "calendars")
_READ = [requires(Permission.MEETINGS_READ)]
_WRITE = [requires(Permission.MEETINGS_WRITE)]
_CALENDAR: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}


@meeting_routes.post("", summary="Plan a meeting", status_code=201, response_model=MeetingRead, dependencies=_WRITE)
async def create(tx: Tx, body: MeetingCreate) -> Response:
    """That somebody is to be elsewhere at that time is no hindrance: `conflicts` name those meetings."""
    meeting = await service.plan(tx, body=body)
    return created(await meetings.show(tx, meeting.id), "meetings", meeting.id)


@meeting_routes.get("", summary="List meetings", response_model=Page[MeetingRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[MeetingQuery, Parameters()]) -> Response:
    """Indexed: by themselves, with a range of time, and with a status, person, lead, account or opportunity."""
    if query.person_id is not None:
        return answer_page(request, await meetings.page_of_person(tx, query, query.person_id))
    return answer_page(request, await meetings.page(tx, query))


@meeting_routes.get(
    "/{meeting_id}/calendar.ics",
    summary="Get a meeting for a calendar program",
    response_class=Response,
    responses=_CALENDAR,
    dependencies=_READ,
)
async def get_ics(tx: ReadTx, meeting_id: UUID) -> Response:
    """As iCalendar (RFC 5545). A later version of the same meeting has the same UID and a higher SEQUENCE."""
    document = await meetings.show(tx, meeting_id)
    return _calendar(calendar_of([MeetingRead.model_validate_json(document.body)]))


@meeting_routes.get("/{meeting_id}", summary="Get a meeting", response_model=MeetingRead, dependencies=_READ)
async def get(tx: ReadTx, meeting_id: UUID) -> Response:
    return answer(await meetings.show(tx, meeting_id))


@meeting_routes.patch(
    "/{meeting_id}", summary="Change a planned meeting", response_model=MeetingRead, dependencies=_WRITE
)
async def update(tx: Tx, expected: ExpectedVersion, meeting_id: UUID, body: MeetingUpdate) -> Response:
    await service.change(tx, meeting_id=meeting_id, expected=expected, body=body)
    return answer(await meetings.show(tx, meeting_id))


@meeting_routes.post(
    "/{meeting_id}/hold", summary="Report that a meeting was held", response_model=MeetingRead, dependencies=_WRITE
)
async def hold(tx: Tx, expected: ExpectedVersion, meeting_id: UUID, body: MeetingHold) -> Response:
    """It becomes an activity of what it was about; a next step becomes its next step, none leaves what was planned.

    Whoever was met and was a new lead, or back again, is contacted.
    """
    await service.hold(tx, meeting_id=meeting_id, expected=expected, body=body)
    return answer(await meetings.show(tx, meeting_id))


@meeting_routes.post(
    "/{meeting_id}/not-held",
    summary="Report that a meeting was not held",
    response_model=MeetingRead,
    dependencies=_WRITE,
)
async def not_held(tx: Tx, expected: ExpectedVersion, meeting_id: UUID, body: WhyNotHeld) -> Response:
    """With another time, another meeting like it is planned: `rescheduled_to_id`."""
    await service.not_held(tx, meeting_id=meeting_id, expected=expected, body=body)
    return answer(await meetings.show(tx, meeting_id))


@meeting_routes.post(
    "/{meeting_id}/cancel", summary="Call a planned meeting off", response_model=MeetingRead, dependencies=_WRITE
)
async def cancel(tx: Tx, expected: ExpectedVersion, meeting_id: UUID) -> Response:
    await service.cancel(tx, meeting_id=meeting_id, expected=expected)
    return answer(await meetings.show(tx, meeting_id))


@calendar_routes.post(
    "", summary="Issue a calendar", status_code=201, response_model=CalendarAddress, dependencies=_WRITE, name="create"
)
async def create_calendar(tx: Tx, body: CalendarCreate) -> Response:
    """A secret address at which calendar programs, which send no API key, find a member of staff's meetings."""
    calendar, secret = await feeds.issue(tx, body=body)
    answered = _with_secret(await calendars.show(tx, calendar.id), secret, status=201)
    answered.headers["Location"] = f"/v1/calendars/{calendar.id}"
    return answered


@calendar_routes.get("", summary="List calendars", response_model=Page[CalendarRead], dependencies=_READ, name="list")
async def list_calendars(request: Request, tx: ReadTx, query: Annotated[CalendarQuery, Parameters()]) -> Response:
    """Without their secrets. Indexed: by themselves and with a member of staff."""
    return answer_page(request, await calendars.page(tx, query))


@calendar_routes.get(
    "/{secret}.ics", summary="Read somebody's meetings with a calendar program", responses=_CALENDAR,
    response_class=Response,
)  # fmt: skip
async def read(tx: ReadTx, secret: Annotated[str, Path(max_length=200)]) -> Response:
    """Needs no API key: the address is the secret. The last 30 days and all to come, as iCalendar (RFC 5545)."""
    return _calendar(await feeds.read(tx, secret=secret))


@calendar_routes.get(
    "/{calendar_id}", summary="Get a calendar", response_model=CalendarRead, dependencies=_READ, name="get"
)
async def get_calendar(tx: ReadTx, calendar_id: UUID) -> Response:
    """Without its secret."""
    return answer(await calendars.show(tx, calendar_id))


@calendar_routes.post(
    "/{calendar_id}/renew",
    summary="Give a calendar another address",
    response_model=CalendarAddress,
    dependencies=_WRITE,
)
async def renew(tx: Tx, expected: ExpectedVersion, calendar_id: UUID) -> Response:
    """Nothing is at the address before any more."""
    _, secret = await feeds.renew(tx, calendar_id=calendar_id, expected=expected)
    return _with_secret(await calendars.show(tx, calendar_id), secret)


@calendar_routes.post(
    "/{calendar_id}/revoke", summary="Take a calendar's address away", response_model=CalendarRead, dependencies=_WRITE
)
async def revoke(tx: Tx, expected: ExpectedVersion, calendar_id: UUID) -> Response:
    await feeds.revoke(tx, calendar_id=calendar_id, expected=expected)
    return answer(await calendars.show(tx, calendar_id))


def _with_secret(document: Document, secret: str, *, status: int = 200) -> Secret:
    """The calendar with its address; what an Idempotency-Key keeps has none."""
    bodies = [f'{document.body[:-1]},"path":{path}}}' for path in (f'"/v1/calendars/{secret}.ics"', "null")]
    shown, kept = (answer(Document(body, document.version), status=status) for body in bodies)
    return Secret(shown, kept=bytes(kept.body))


def _calendar(written: bytes) -> Response:
    return Response(written, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers={"Cache-Control": "private, no-cache"})
