"""What is received and answered about meetings and calendars."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from app.activities.rules import ActivityOutcome
from app.kernel.schema import Body, Changes, Day, Email, Instant, Line, Past, Query, Read, Stamped, Text, unset
from app.meetings.rules import NOBODY_CAME, Interval, MeetingStatus, check_interval

_MOST_PARTICIPANTS = 100
_SOME_LEAD = UUID("0198c1de-0000-7000-8000-000000000000")
_TEN, _ELEVEN = (datetime.fromisoformat(f"2026-03-02T{hour}:00:00Z") for hour in (10, 11))


class ParticipantCreate(Body):
    """Who takes part: a member of staff, a contact, or somebody else by name."""

    staff_id: UUID | None = None
    contact_id: UUID | None = None
    name: Line | None = Field(None, description="Of somebody who is neither.", examples=["Jane Roe"])
    email: Email | None = Field(None, description="With `name` only.", examples=["jane.roe@example.com"])

    @model_validator(mode="after")
    def _one_person(self) -> "ParticipantCreate":
        if sum(each is not None for each in (self.staff_id, self.contact_id, self.name)) != 1:
            raise ValueError("names a person by just one of staff_id, contact_id and name")
        if self.email is not None and self.name is None:
            raise ValueError("email goes with name: staff and contacts have theirs")
        return self


Participants = Annotated[
    list[ParticipantCreate],
    Field(
        max_length=_MOST_PARTICIPANTS,
        description="Who takes part beside the organizer, each once.",
        examples=[[{"name": "Jane Roe", "email": "jane.roe@example.com"}]],
    ),
]


class MeetingCreate(Body):
    """A meeting to come, about one lead, account or opportunity."""

    subject: Line = Field(examples=["Spring assortment"])
    agenda: Text | None = Field(None, examples=["Tasting, then prices"])
    place: Line | None = Field(None, examples=["Obere Str. 57, Berlin"])
    starts_at: Instant = Field(examples=[_TEN])
    ends_at: Instant = Field(description="After `starts_at`, by 14 days at most.", examples=[_ELEVEN])
    organizer_id: UUID = Field(description="The member of staff whose meeting it is.")
    lead_id: UUID | None = Field(
        None, description="It is about one of lead, account and opportunity.", examples=[_SOME_LEAD]
    )
    account_id: UUID | None = None
    opportunity_id: UUID | None = Field(None, description="Its account goes along.")
    participants: Participants = Field(default_factory=list)

    @model_validator(mode="after")
    def _about_one(self) -> "MeetingCreate":
        if sum(each is not None for each in (self.lead_id, self.account_id, self.opportunity_id)) != 1:
            raise ValueError("is about just one of lead_id, account_id and opportunity_id")
        return self


class MeetingUpdate(Changes):
    """Changes to a planned meeting. Participants that are sent take the place of all others."""

    subject: Line = unset(examples=["Spring assortment"])
    agenda: Text | None = None
    place: Line | None = None
    starts_at: Instant = unset(examples=[_TEN])
    ends_at: Instant = unset(examples=[_ELEVEN])
    organizer_id: UUID = unset()
    participants: Participants = unset()


class MeetingHold(Body):
    """What came of a meeting that was held."""

    result: Text = Field(examples=["Liked the teas, wants a price for 200 boxes"])
    outcome: ActivityOutcome = Field(
        ActivityOutcome.REACHED, description="Neither `not_reached` nor `left_message`: see not-held."
    )
    next_step: Line | None = Field(None, examples=["Send the offer"])
    next_step_on: Day | None = Field(None, description="When the next step is due; needs `next_step`.")
    held_at: Past | None = Field(None, description="When it began; as planned, or now if that is to come.")

    @model_validator(mode="after")
    def _somebody_came(self) -> "MeetingHold":
        if self.outcome in NOBODY_CAME:
            raise ValueError(f"outcome {self.outcome} is none of a meeting that was held: use not-held")
        if self.next_step_on is not None and self.next_step is None:
            raise ValueError("next_step_on needs a next_step")
        return self


class NewTime(Body):
    """When a meeting is held instead."""

    starts_at: Instant = Field(examples=[_TEN])
    ends_at: Instant | None = Field(None, description="When left out, it takes as long as planned before.")

    @model_validator(mode="after")
    def _is_interval(self) -> "NewTime":
        if self.ends_at is not None:
            try:
                check_interval(self.starts_at, self.ends_at)
            except Interval as error:
                raise ValueError(f"ends_at {error}") from error
        return self


class WhyNotHeld(Body):
    """Why a meeting was not held, and when it is to be held instead."""

    reason: Text = Field(examples=["Nobody was there"])
    rescheduled_to: NewTime | None = Field(None, description="Plans another one like it at this time.")


class ParticipantRead(Read):
    """Somebody who takes part; of staff and contacts name and email are theirs of now."""

    staff_id: UUID | None
    contact_id: UUID | None
    name: str
    email: str | None


class MeetingRead(Stamped):
    """A meeting."""

    subject: str
    agenda: str | None
    place: str | None
    starts_at: datetime
    ends_at: datetime
    organizer_id: UUID
    organizer_name: str = Field(examples=["Nancy Davolio"])
    organizer_email: str = Field(examples=["nancy.davolio@example.com"])
    lead_id: UUID | None
    account_id: UUID | None = Field(description="With an opportunity or a lead: the account that they have.")
    opportunity_id: UUID | None
    participants: list[ParticipantRead] = Field(description="Beside the organizer.")
    conflicts: list[UUID] = Field(
        description="Planned meetings at the same time with the same organizer or member of staff, while this one is"
        " planned.",
        examples=[[]],
    )
    status: MeetingStatus
    status_changed_at: datetime
    held_at: datetime | None
    result: str | None
    outcome: ActivityOutcome | None
    next_step: str | None
    next_step_on: date | None
    activity_id: UUID | None = Field(description="What it became in the history of what it was about.")
    reason: str | None = Field(description="Why it was not held.")
    rescheduled_to_id: UUID | None = Field(description="The meeting that takes its place.")


class MeetingQuery(Query):
    """Filters of the list of meetings."""

    status: MeetingStatus | None = None
    person_id: UUID | None = Field(None, description="Organized by this member of staff, or with them.")
    lead_id: UUID | None = None
    account_id: UUID | None = Field(None, description="Also about its opportunities, and what was its lead.")
    opportunity_id: UUID | None = None
    starts_from: Instant | None = Field(None, description="Not before.", examples=[_TEN])
    starts_to: Instant | None = Field(None, description="Before.")
    sort: Literal["starts_at", "-starts_at"] = "starts_at"


class CalendarCreate(Body):
    """Whose calendar is wanted."""

    staff_id: UUID


class CalendarRead(Stamped):
    """A calendar's address without its secret, which nobody can read again."""

    staff_id: UUID
    issued_at: datetime = Field(description="When the present address was issued.")
    revoked_at: datetime | None


class CalendarAddress(CalendarRead):
    """A calendar with its secret address."""

    path: str | None = Field(
        description="The secret address, below the service's; shown this once. Null when the answer is a replay of an"
        " earlier one: secrets are not kept, renew it.",
        examples=["/v1/calendars/cal_4fK0.ics"],
    )


class CalendarQuery(Query):
    """Filters of the list of calendars."""

    staff_id: UUID | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
