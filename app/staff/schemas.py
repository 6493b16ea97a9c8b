"""What is received and answered about staff."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.kernel.schema import Body, Changes, Day, Email, Line, Query, Stamped, Written, unset
from app.staff.rules import Role

_CAPACITY = (
    "The share of new leads, beside the others' among whom they are given in turn: 0.5 gets half of what 1 gets, and 0"
    " gets none."
)
Capacity = Annotated[
    Decimal, Written("0.5", whole=4, places=4, least="zero"), Field(description=_CAPACITY, examples=["0.5"])
]


class StaffCreate(Body):
    """A new member of staff."""

    name: Line = Field(examples=["Nancy Davolio"])
    email: Email = Field(examples=["nancy.davolio@example.com"])
    role: Role
    reports_to_id: UUID | None = Field(None, description="Whom this person reports to.")
    active_from: Day
    active_to: Day | None = Field(None, description="The last day, when it is known.")
    capacity: Capacity = Decimal(1)


class StaffRow(StaffCreate):
    """A member of staff of many, found by id or by email address."""

    id: UUID | None = Field(None, description="One that is there.")


class StaffUpdate(Changes):
    """Changes to a member of staff."""

    name: Line = unset(examples=["Nancy Davolio"])
    email: Email = unset(examples=["nancy.davolio@example.com"])
    role: Role = unset()
    reports_to_id: UUID | None = None
    active_from: Day = unset()
    active_to: Day | None = None
    capacity: Capacity = unset()


class StaffRead(Stamped):
    """A member of staff."""

    name: str
    email: str
    role: Role
    reports_to_id: UUID | None
    active_from: date
    active_to: date | None
    capacity: Capacity


class StaffQuery(Query):
    """Filters of the list of staff."""

    role: Role | None = None
    reports_to_id: UUID | None = None
    active_on: Day | None = Field(None, description="Only who is active on this day.")
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"


class AbsenceCreate(Body):
    """Days on which somebody is away: in the company's time zone, the first and the last included."""

    from_day: Day = Field(description="The first day.", examples=["2026-08-03"])
    to_day: Day = Field(description="The last day.", examples=["2026-08-14"])
    reason: Line | None = Field(None, examples=["Holidays"])


class AbsenceRead(Stamped):
    """Days on which somebody is away. It does not change: take it back and record another."""

    staff_id: UUID
    from_day: date
    to_day: date
    reason: str | None


class AbsenceQuery(Query):
    """How to list somebody's absences."""

    sort: Literal["from_day", "-from_day"] = "-from_day"
