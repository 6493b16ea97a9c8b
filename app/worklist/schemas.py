"""What is asked and answered about worklists."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.kernel.schema import Day, Read
from app.worklist.rules import EntryKind


class WorklistQuery(BaseModel):
    """Whose worklist, for which day, and after how long silence is too long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    staff_id: UUID
    day: Day | None = Field(
        None, description="Today when left out. Of another day it tells what will be there, or was, if nothing changes."
    )
    kind: EntryKind | None = Field(None, description="Only what is of this kind.")
    strong_score: Annotated[int, Field(ge=0, le=100)] = Field(50, description="From this score on a lead is strong.")
    lead_hours: Annotated[int, Field(ge=1, le=8760)] = Field(
        24, description="Hours without contact after which a strong lead is on it."
    )
    contact_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        14, description="Days without contact after which a decision maker is on it."
    )
    quote_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        7, description="Days without activity after which a quote is on it."
    )
    limit: Annotated[int, Field(ge=1, le=200)] = Field(50, description="Most entries to answer.")


class WorklistEntry(Read):
    """Something to be done, why, and until when; then what it is about, by id and by name."""

    kind: EntryKind
    reason: str = Field(description="Why it is on the list.", examples=["Next step due today: Send the offer"])
    due_at: datetime | None = Field(description="When it is, or since when it is too late; else there is a day.")
    due_on: date | None
    lead_id: UUID | None
    lead_name: str | None = Field(examples=["Ana Trujillo"])
    account_id: UUID | None
    account_name: str | None = Field(examples=["Alfreds Futterkiste"])
    opportunity_id: UUID | None
    opportunity_name: str | None = Field(examples=["Spring assortment"])
    contact_id: UUID | None
    contact_name: str | None = Field(examples=["Maria Anders"])
    meeting_id: UUID | None
    meeting_subject: str | None = Field(examples=["Tasting"])


class Worklist(Read):
    """What somebody has to do, the most urgent first."""

    staff_id: UUID
    day: date
    data: list[WorklistEntry]
    has_more: bool = Field(description="There is more than was asked for: do some of it, or ask for more.")
