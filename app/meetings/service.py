"""Planning meetings, and what becomes of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.activities.models import Activity
from app.activities.rules import ActivityCreate, ActivityKind
from app.kernel import clock, outbox
from app.kernel.errors import Conflict, FieldError, Invalid
from app.leads import service as leads
from app.leads.models import Lead
from app.meetings import events
from app.meetings.models import Meeting, Participant
from app.meetings.repository import meetings
from app.meetings.rules import Interval, MeetingStatus, check_interval, held_at
from app.meetings.schemas import (
    MeetingCreate,
    MeetingHold,
    MeetingRead,
    MeetingUpdate,
    NewTime,
    ParticipantCreate,
    WhyNotHeld,
)
from app.opportunities import service as opportunities
from app.opportunities.models import Opportunity
from app.staff.models import StaffMember

PERSONAL = ("subject", "agenda", "place", "result", "next_step", "reason")
_COPIED = ("subject", "agenda", "place", "organizer_id", "lead_id", "account_id", "opportunity_id")
_TOLD_APART = ("status_changed_at", "held_at", "activity_id", "rescheduled_to_id")
_LONGEST_NAMES = 200


async def plan(session: AsyncSession, *, body: MeetingCreate) -> Meeting:
    """Plan a meeting. That somebody is to be elsewhere then is no hindrance; the meeting shows its conflicts.

    Raises:
        Invalid: it ends before it starts, or somebody or what it is about is unknown, or somebody is named twice.

    """
    _check_interval(body.starts_at, body.ends_at)
    meeting = Meeting(**body.model_dump(exclude={"participants"}), status=MeetingStatus.PLANNED)
    meeting.account_id = await _account_of(session, body)
    people = await _people(session, meeting.organizer_id, body.participants)
    await _add(session, meeting, people)
    return meeting


async def _add(session: AsyncSession, meeting: Meeting, people: Sequence[dict[str, Any]]) -> None:
    session.add(meeting)
    await session.flush()  # before who takes part
    await meetings.put_participants(session, meeting, people)
    names = ("lead_id", "account_id", "opportunity_id", "organizer_id", "starts_at", "ends_at")
    outbox.record(session, meeting, events.MeetingPlanned(**{name: getattr(meeting, name) for name in names}))


async def change(session: AsyncSession, *, meeting_id: UUID, expected: int, body: MeetingUpdate) -> Meeting:
    """Change the fields that were sent of a meeting that is planned.

    Raises:
        Conflict: it is planned no more.
        Invalid: as for `plan`.

    """
    sent = body.sent()
    meeting = await meetings.lock(session, meeting_id, expected=expected)
    _check_planned(meeting, "changed")
    sent_people: list[ParticipantCreate] | None = sent.pop("participants", None)
    with session.no_autoflush:
        for name, value in sent.items():
            setattr(meeting, name, value)
        _check_interval(meeting.starts_at, meeting.ends_at)
        changes = outbox.changes(meeting, personal=PERSONAL)
        before = [_person(each) for each in await meetings.participants(session, meeting_id)]
        asked = _as_sent(before[1:]) if sent_people is None else sent_people
        people = await _people(session, meeting.organizer_id, asked)
    if people[1:] != before[1:]:
        changes = (*changes, outbox.Change(field="participants"))
        meeting.updated_at = clock.now()
    if changes:
        await session.flush()
        await meetings.put_participants(session, meeting, people)
        outbox.record(session, meeting, events.MeetingChanged(changes=changes))
    return meeting


async def hold(session: AsyncSession, *, meeting_id: UUID, expected: int, body: MeetingHold) -> Meeting:
    """Keep what came of a meeting, and make it an activity of what it was about, whose next step it may set.

    Raises:
        Conflict: the meeting is planned no more.

    """
    meeting = await meetings.lock(session, meeting_id, expected=expected)
    _check_planned(meeting, "held")
    at = body.held_at or held_at(meeting.starts_at, clock.now())
    activity = await _as_activity(session, meeting, body, at)
    await session.flush()  # before what refers to it
    _move(meeting, MeetingStatus.HELD)
    for name, value in body.model_dump(exclude={"held_at"}).items():
        setattr(meeting, name, value)
    meeting.held_at, meeting.activity_id = at, activity.id
    meeting.account_id = activity.account_id or meeting.account_id
    happened = events.MeetingHeld(
        changes=outbox.changes(meeting, personal=PERSONAL, silent=_TOLD_APART),
        activity_id=activity.id,
        held_at=at,
        outcome=body.outcome,
        next_step_on=body.next_step_on,
    )
    await _became(session, meeting, happened)
    return meeting


async def not_held(session: AsyncSession, *, meeting_id: UUID, expected: int, body: WhyNotHeld) -> Meeting:
    """Keep why a meeting was not held; plan another one like it, when it is to be held at another time.

    Raises:
        Conflict: the meeting is planned no more.
        Invalid: the other one would be at a time that no meeting can have.

    """
    meeting = await meetings.lock(session, meeting_id, expected=expected)
    _check_planned(meeting, "reported as not held")
    again = None if body.rescheduled_to is None else await _plan_again(session, meeting, body.rescheduled_to)
    _move(meeting, MeetingStatus.NOT_HELD)
    meeting.reason, meeting.rescheduled_to_id = body.reason, None if again is None else again.id
    changes = outbox.changes(meeting, personal=PERSONAL, silent=_TOLD_APART)
    event = events.MeetingNotHeld(changes=changes, rescheduled_to_id=meeting.rescheduled_to_id)
    await _became(session, meeting, event)
    return meeting


async def _plan_again(session: AsyncSession, meeting: Meeting, when: NewTime) -> Meeting:
    again = Meeting(**{name: getattr(meeting, name) for name in _COPIED}, status=MeetingStatus.PLANNED)
    again.starts_at = when.starts_at
    again.ends_at = when.ends_at or when.starts_at + (meeting.ends_at - meeting.starts_at)
    _check_interval(again.starts_at, again.ends_at, under="/rescheduled_to")
    people = [_person(each) for each in await meetings.participants(session, meeting.id)]
    await _add(session, again, people)
    return again


async def cancel(session: AsyncSession, *, meeting_id: UUID, expected: int) -> Meeting:
    """Call a planned meeting off.

    Raises:
        Conflict: the meeting is planned no more.

    """
    meeting = await meetings.lock(session, meeting_id, expected=expected)
    _check_planned(meeting, "cancelled")
    _move(meeting, MeetingStatus.CANCELLED)
    changes = outbox.changes(meeting, silent=_TOLD_APART)
    await _became(session, meeting, events.MeetingCancelled(changes=changes))
    return meeting


async def _became(session: AsyncSession, meeting: Meeting, event: outbox.Event) -> None:
    outbox.record(session, meeting, event)
    await session.flush()
    await meetings.tell_participants(session, meeting)


def _check_planned(meeting: Meeting, done: str) -> None:
    if meeting.status is not MeetingStatus.PLANNED:
        raise Conflict(f"is {meeting.status.replace('_', ' ')}: only a planned meeting can be {done}")


def _move(meeting: Meeting, status: MeetingStatus) -> None:
    meeting.status, meeting.status_changed_at = status, clock.now()


def _check_interval(starts_at: datetime, ends_at: datetime, *, under: str = "") -> None:
    try:
        check_interval(starts_at, ends_at)
    except Interval as error:
        raise Invalid.at(f"{under}/ends_at", "interval", str(error)) from error


async def _account_of(session: AsyncSession, body: MeetingCreate) -> UUID | None:
    """The account that the meeting is about, or that goes along with what it is about."""
    model: Any = Account
    for name, model in (("lead_id", Lead), ("opportunity_id", Opportunity), ("account_id", Account)):
        identity = getattr(body, name)
        if identity is not None:
            found = await session.get(model, identity)
            if found is None:
                raise Invalid.at(f"/{name}", "unknown", "names nothing that exists")
            if survivor := getattr(found, "merged_into_id", None):
                raise Invalid.at(f"/{name}", "moved", f"was merged into {survivor}: send that id")
            return body.account_id or found.account_id
    return None


async def _people(
    session: AsyncSession, organizer_id: UUID, participants: Sequence[ParticipantCreate]
) -> list[dict[str, Any]]:
    """Who takes part, the organizer first, whoever named them."""
    asked = [each.model_dump() for each in participants if each.staff_id != organizer_id]
    known = {
        "staff_id": await _known(session, StaffMember, [organizer_id, *(each["staff_id"] for each in asked)]),
        "contact_id": await _known(session, Contact, [each["contact_id"] for each in asked]),
    }
    errors = [] if organizer_id in known["staff_id"] else [_unknown("/organizer_id")]
    seen = set()
    for index, each in enumerate(participants):
        for name, found in known.items():
            identity = getattr(each, name)
            if identity is not None and identity not in found:
                errors.append(_unknown(f"/participants/{index}/{name}"))
        key = tuple(each.model_dump().values())
        if key in seen:
            errors.append(FieldError(f"/participants/{index}", "twice", "takes part already"))
        seen.add(key)
    if errors:
        raise Invalid("see errors", errors=errors)
    return [{"staff_id": organizer_id, "contact_id": None, "name": None, "email": None}, *asked]


def _unknown(pointer: str) -> FieldError:
    return FieldError(pointer, "unknown", "names nothing that exists")


async def _known(session: AsyncSession, model: Any, ids: Iterable[UUID | None]) -> set[UUID]:
    asked = {each for each in ids if each is not None}
    there = select(model.id).where(model.id.in_(asked))
    if hasattr(model, "merged_into_id"):
        there = there.where(model.merged_into_id.is_(None))
    return set(await session.scalars(there)) if asked else set()


def _person(row: Participant) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("staff_id", "contact_id", "name", "email")}


def _as_sent(people: Iterable[dict[str, Any]]) -> list[ParticipantCreate]:
    return [ParticipantCreate.model_construct(**each) for each in people]


async def _as_activity(session: AsyncSession, meeting: Meeting, body: MeetingHold, at: datetime) -> Activity:
    people = MeetingRead.model_validate_json((await meetings.show(session, meeting.id)).body).participants
    done = ActivityCreate(
        kind=ActivityKind.MEETING,
        at=at,
        contact_id=await _contact_of(session, meeting, [each.contact_id for each in people]),
        with_whom=", ".join(each.name for each in people)[:_LONGEST_NAMES].strip() or None,
        subject=meeting.subject,
        notes=body.result,
        outcome=body.outcome,
        next_step=body.next_step,
        next_step_on=body.next_step_on,
        by_id=meeting.organizer_id,
    )
    if meeting.lead_id is not None:
        return await leads.record_activity(session, lead_id=meeting.lead_id, body=done)
    if meeting.opportunity_id is not None:
        return await opportunities.record_activity(session, opportunity_id=meeting.opportunity_id, body=done)
    if meeting.account_id is None:
        raise RuntimeError(f"meeting {meeting.id} is about nothing")
    return await accounts.record_activity(session, account_id=meeting.account_id, body=done)


async def _contact_of(session: AsyncSession, meeting: Meeting, contact_ids: Sequence[UUID | None]) -> UUID | None:
    """The first of these contacts that what the meeting is about has: an activity is with one."""
    if meeting.lead_id is not None:
        own = select(Lead.contact_id).where(Lead.id == meeting.lead_id)
    else:
        own = select(Contact.id).where(Contact.id.in_(contact_ids))
        account_of = select(Opportunity.account_id).where(Opportunity.id == meeting.opportunity_id).scalar_subquery()
        own = own.where(Contact.account_id == (account_of if meeting.opportunity_id else meeting.account_id))
    found = set(await session.scalars(own))
    return next((each for each in contact_ids if each is not None and each in found), None)
