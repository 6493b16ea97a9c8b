"""Meetings and calendars in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Select, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Contact
from app.kernel.pagination import Sort
from app.kernel.repository import Listing, Repository
from app.kernel.shape import json_list_of
from app.kernel.statement import Reader
from app.meetings.models import CalendarFeed, Meeting, Participant
from app.meetings.rules import LONGEST, MeetingStatus
from app.meetings.schemas import CalendarQuery, CalendarRead, MeetingQuery, MeetingRead, ParticipantRead
from app.staff.models import StaffMember

_LONGEST = literal_column(f"interval '{LONGEST.days} days'", Interval)
_MOST_IN_A_FEED = 5_000


def _of_staff(column: Any, identity: Any, *outer: Any) -> ColumnElement[Any]:
    return select(column).where(StaffMember.id == identity).correlate(*outer).scalar_subquery()


def _of_person(name: str) -> ColumnElement[Any]:
    """The name or email of who takes part: the member of staff's, the contact's, or their own."""
    person = Participant
    contact = select(getattr(Contact, name)).where(Contact.id == person.contact_id).correlate(person).scalar_subquery()
    staff = _of_staff(getattr(StaffMember, name), person.staff_id, person)
    return func.coalesce(getattr(person, name), staff, contact)


def _conflicts() -> ColumnElement[Any]:
    """The planned meetings at a planned meeting's time that have staff in common with it."""
    own, other = aliased(Participant), aliased(Participant)
    overlapping = (
        (other.staff_id == own.staff_id)
        & (other.meeting_id != own.meeting_id)
        & (other.starts_at < own.ends_at)
        & (other.starts_at > own.starts_at - _LONGEST)
        & (other.ends_at > own.starts_at)
    )
    planned = (own.status == MeetingStatus.PLANNED, other.status == MeetingStatus.PLANNED)
    found = func.json_agg(other.meeting_id.distinct())
    rows = select(func.coalesce(found, literal_column("'[]'::json"))).select_from(own).join(other, overlapping)
    return rows.where(own.meeting_id == Meeting.id, *planned).correlate(Meeting).scalar_subquery()


class Meetings(Repository[Meeting]):
    """Sorted by their time; each filter has an index in that order."""

    model = Meeting
    schema = MeetingRead
    noun = "meeting"
    sorts: ClassVar = {"starts_at": Meeting.starts_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        person = Participant
        others = (person.meeting_id == Meeting.id) & (person.position > 0)
        named = {"name": _of_person("name"), "email": _of_person("email")}
        return {
            "organizer_name": _of_staff(StaffMember.name, Meeting.organizer_id, Meeting),
            "organizer_email": _of_staff(StaffMember.email, Meeting.organizer_id, Meeting),
            "participants": json_list_of(
                ParticipantRead, person, where=others, order_by=person.position, parent=Meeting, computed=named
            ),
            "conflicts": _conflicts(),
        }

    def conditions(self, query: MeetingQuery) -> list[ColumnElement[bool]]:
        return [*self._exact(query), *_between(Meeting.starts_at, query)]

    @staticmethod
    def _exact(query: MeetingQuery) -> list[ColumnElement[bool]]:
        names = ("status", "lead_id", "account_id", "opportunity_id")
        return [getattr(Meeting, name) == value for name in names if (value := getattr(query, name)) is not None]

    async def page_of_person(self, reader: Reader, query: MeetingQuery, person_id: UUID) -> Listing:
        """One page of a member of staff's meetings, whether they organize them or take part."""
        sort = Sort.named(query.sort, self.sorts, of=f"{self.noun} {query.filters()}")
        own = Sort(
            sort.name,
            Participant.starts_at,
            Participant.meeting_id,
            sort.descending,
            sort.of,
            lead=(Participant.staff_id == person_id,),
            ranges=tuple(_between(Participant.starts_at, query)),
        )
        statement = self._of_persons().add_columns(Participant.starts_at, Participant.meeting_id)
        statement = statement.where(*self._exact(query))
        found = await reader.execute(own.apply(statement, own.position(query.cursor), query.limit + 1))
        rows = found.all()
        shown, more = rows[: query.limit], len(rows) > query.limit
        cursor = own.encode(shown[-1].starts_at, shown[-1].meeting_id) if more else None
        return Listing([row.body for row in shown], cursor)

    def _of_persons(self) -> Select[Any]:
        whose = Participant.meeting_id == Meeting.id
        return self._shown.select_from(Participant).join(Meeting, whose)

    async def of_staff_since(self, reader: Reader, staff_id: UUID, since: datetime) -> Sequence[str]:
        """Somebody's meetings that begin at an instant or later (`MeetingRead`), the first 5,000."""
        person = Participant
        own = self._of_persons().where(person.staff_id == staff_id, person.starts_at >= since)
        found = await reader.execute(own.order_by(person.starts_at, person.meeting_id).limit(_MOST_IN_A_FEED))
        return [row.body for row in found]

    async def participants(self, session: AsyncSession, meeting_id: UUID) -> Sequence[Participant]:
        """Who takes part, the organizer first."""
        rows = select(Participant).where(Participant.meeting_id == meeting_id).order_by(Participant.position)
        return (await session.scalars(rows.execution_options(populate_existing=True))).all()

    async def put_participants(self, session: AsyncSession, meeting: Meeting, rows: Sequence[dict[str, Any]]) -> None:
        """Let these take part, and nobody else; the first is the organizer."""
        await session.execute(delete(Participant).where(Participant.meeting_id == meeting.id))
        same = {"meeting_id": meeting.id, **_copied(meeting)}
        await session.execute(
            insert(Participant), [{**row, **same, "position": position} for position, row in enumerate(rows)]
        )

    async def tell_participants(self, session: AsyncSession, meeting: Meeting) -> None:
        """Copy the meeting's time and status to those who take part."""
        await session.execute(
            update(Participant).where(Participant.meeting_id == meeting.id).values(_copied(meeting)),
            execution_options={"synchronize_session": False},
        )


def _copied(meeting: Meeting) -> dict[str, Any]:
    return {"starts_at": meeting.starts_at, "ends_at": meeting.ends_at, "status": meeting.status}


def _between(at: Any, query: MeetingQuery) -> list[ColumnElement[bool]]:
    found = [at >= query.starts_from] if query.starts_from is not None else []
    return found + ([at < query.starts_to] if query.starts_to is not None else [])


class Calendars(Repository[CalendarFeed]):
    """The addresses of calendars, by their age."""

    model = CalendarFeed
    schema = CalendarRead
    noun = "calendar"
    sorts: ClassVar = {"created_at": CalendarFeed.created_at}

    def conditions(self, query: CalendarQuery) -> list[ColumnElement[bool]]:
        return [CalendarFeed.staff_id == query.staff_id] if query.staff_id is not None else []

    async def of_secret(self, reader: Reader, digest: str) -> Any | None:
        """The calendar in force whose secret has this digest: `staff_id` and its person's `name`."""
        row = CalendarFeed
        found = select(row.staff_id, StaffMember.name).join(StaffMember, StaffMember.id == row.staff_id)
        return (await reader.execute(found.where(row.digest == digest, row.revoked_at.is_(None)))).one_or_none()


meetings = Meetings()
calendars = Calendars()
