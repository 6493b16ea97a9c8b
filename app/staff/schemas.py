"""What is received and answered about staff."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.kernel.schema import Body, Changes, Day, Email, Line, Query, Stamped, unset
from app.staff.rules import Role


class StaffCreate(Body):
    """A new member of staff."""

    name: Line = Field(examples=["Nancy Davolio"])
    email: Email = Field(examples=["nancy.davolio@example.com"])
    role: Role
    reports_to_id: UUID | None = Field(None, description="Whom this person reports to.")
    active_from: Day
    active_to: Day | None = Field(None, description="The last day, when it is known.")


class StaffUpdate(Changes):
    """Changes to a member of staff."""

    name: Line = unset(examples=["Nancy Davolio"])
    email: Email = unset(examples=["nancy.davolio@example.com"])
    role: Role = unset()
    reports_to_id: UUID | None = None
    active_from: Day = unset()
    active_to: Day | None = None


class StaffRead(Stamped):
    """A member of staff."""

    name: str
    email: str
    role: Role
    reports_to_id: UUID | None
    active_from: date
    active_to: date | None


class StaffQuery(Query):
    """Filters of the list of staff."""

    role: Role | None = None
    reports_to_id: UUID | None = None
    active_on: Day | None = Field(None, description="Only who is active on this day.")
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
