"""What sales does with a lead or an account: a call, an email, a meeting, a note."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.kernel.schema import Body, Day, Line, Past, Stamped, Text


class ActivityKind(StrEnum):
    """What was done."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    NOTE = "note"


class Direction(StrEnum):
    """Who began: they (`inbound`) or we (`outbound`)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class ActivityOutcome(StrEnum):
    """What came of it."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    LEFT_MESSAGE = "left_message"
    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"
    FOLLOW_UP = "follow_up"
    DONE = "done"


class ActivityCreate(Body):
    """What was done, with whom, what came of it and what comes next."""

    kind: ActivityKind
    direction: Direction | None = Field(None, description="Left out for a meeting or a note.")
    at: Past | None = Field(None, description="When it was; now when left out.")
    contact_id: UUID | None = Field(None, description="With which contact of the account.")
    with_whom: Line | None = Field(None, description="With whom, in words.", examples=["Maria Anders, purchasing"])
    subject: Line = Field(examples=["Spring assortment"])
    notes: Text | None = None
    outcome: ActivityOutcome | None = None
    next_step: Line | None = Field(
        None, description="Takes the place of what was planned; left out, that stays.", examples=["Send samples"]
    )
    next_step_on: Day | None = Field(None, description="When the next step is due; needs `next_step`.")
    by_id: UUID | None = Field(None, description="Which member of staff did it.")


class ActivityRead(Stamped):
    """An activity on a lead, an opportunity or an account."""

    kind: ActivityKind
    lead_id: UUID | None
    account_id: UUID | None = Field(description="With a lead: what it has become; with an opportunity: its account.")
    opportunity_id: UUID | None
    contact_id: UUID | None
    direction: Direction | None
    at: datetime
    with_whom: str | None
    subject: str
    notes: str | None
    outcome: ActivityOutcome | None
    next_step: Annotated[str | None, Field(description="What was agreed to come next.")]
    next_step_on: date | None
    by_id: UUID | None
