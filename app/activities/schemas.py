"""Which activities are asked for."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.activities.rules import ActivityKind
from app.kernel.schema import Instant, Query


class ActivityQuery(Query):
    """Filters of the list of activities."""

    lead_id: UUID | None = None
    account_id: UUID | None = Field(None, description="Also with a lead before it became this account.")
    opportunity_id: UUID | None = None
    contact_id: UUID | None = None
    by_id: UUID | None = Field(None, description="Done by this member of staff.")
    kind: ActivityKind | None = None
    at_from: Instant | None = Field(
        None, description="Not before.", examples=[datetime.fromisoformat("2026-01-01T00:00:00Z")]
    )
    at_to: Instant | None = Field(None, description="Before.")
    sort: Literal["at", "-at"] = "-at"
