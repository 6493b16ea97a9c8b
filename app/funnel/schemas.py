"""What is asked and answered about the funnel."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.funnel.rules import By, FirstContact, Step
from app.kernel.schema import Amount, Code, Day, Fraction, Query, Read
from app.leads.rules import LeadStatus
from app.orders.rules import OrderStatus

Number = Annotated[int, Field(ge=0)]
Share = Annotated[Fraction | None, Field(description="Of the step before, to six places; null of nobody.")]
Days = Annotated[
    Decimal | None,
    Field(description="Median of whole business days, of those who took both steps in this order; null of nobody."),
]
From = Annotated[
    Day | None,
    Field(alias="from", description="Captured on this day or later; when left out, from 364 days before `to`."),
]
To = Annotated[Day | None, Field(description="Captured on this day or before; today when left out.")]
Hours = Annotated[
    int | None,
    Field(
        ge=1,
        le=8760,
        description="Hours within which a lead is to be contacted; those of the settings when left out.",
    ),
]
_NONE = "Only leads without"


class FunnelQuery(BaseModel):
    """Which leads are looked at, and by what they are grouped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: From = None
    to: To = None
    by: By | None = Field(None, description="Groups beside the total.")
    campaign: Code | None = None
    no_campaign: bool | None = Field(None, description=f"{_NONE} a campaign (true), or with one (false).")
    source: Code | None = Field(None, description="The system that sent them first.")
    owner_id: UUID | None = Field(None, description="Who has them now.")
    no_owner: bool | None = Field(None, description=f"{_NONE} an owner (true), or with one (false).")
    contact_within_hours: Hours = None


class FunnelLeadQuery(Query):
    """Which leads stand behind a figure: its filters, and the step or the first contact that it counts."""

    from_: From = None
    to: To = None
    campaign: Code | None = None
    no_campaign: bool | None = Field(None, description=f"{_NONE} a campaign (true), or with one (false).")
    source: Code | None = Field(None, description="The system that sent them first.")
    owner_id: UUID | None = Field(None, description="Who has them now.")
    no_owner: bool | None = Field(None, description=f"{_NONE} an owner (true), or with one (false).")
    contact_within_hours: Hours = None
    step: Step | None = Field(None, description="That took this step.")
    first_contact: FirstContact | None = Field(None, description="That this is true of.")
    sort: Literal["created_at", "-created_at"] = "created_at"


class Steps(Read):
    """How many leads took each step, and what share of those before."""

    captured: Number
    contacted: Number
    qualified: Number
    converted: Number
    opportunity: Number = Field(description="Of which there is an opportunity: as many are there.")
    won: Number = Field(description="Whose opportunity is won.")
    ordered: Number = Field(description="Of which there is a confirmed order, by an opportunity or without.")
    contacted_of_captured: Share
    qualified_of_contacted: Share
    converted_of_qualified: Share
    opportunity_of_converted: Share
    won_of_opportunity: Share
    won_of_captured: Annotated[Fraction | None, Field(description="Of all that came; null of nobody.")]
    ordered_of_captured: Annotated[Fraction | None, Field(description="Of all that came; null of nobody.")]


class MedianDays(Read):
    """From one step to the next."""

    captured_to_contacted: Days
    contacted_to_qualified: Days
    qualified_to_opportunity: Days
    opportunity_to_won: Days


class FirstContacts(Read):
    """How long leads waited for a contact. Who was given up without one does not count."""

    within_hours: int = Field(description="The agreed limit.")
    within: Number
    late: Number = Field(description="Contacted later, or not yet and the time is over.")
    waiting: Number = Field(description="Not contacted, and the time is not over.")
    share_within: Annotated[Fraction | None, Field(description="Of those within and late; null of nobody.")]
    median_hours: Decimal | None = Field(description="Of those contacted, to two places; null of nobody.")


class Figures(Read):
    """What became of some leads by now."""

    touches: Number = Field(description="How often was heard of them.")
    steps: Steps
    median_days: MedianDays
    first_contact: FirstContacts
    orders: Number = Field(description="Confirmed and completed ones that came of them.")
    revenue: Amount = Field(
        description="Of these orders: their lines less returns, without freight, in the company's currency."
    )


class Group(Read):
    """The leads of one campaign, source, person or month."""

    key: str | None = Field(
        description="Campaign, source, id of the person, or month; null for leads without.", examples=["SPRING-26"]
    )
    name: str | None = Field(description="Of the person; else null.", examples=["Nancy Davolio"])
    figures: Figures


class Funnel(Read):
    """What became of the leads that were captured in a period."""

    model_config = ConfigDict(populate_by_name=True)

    from_: date = Field(alias="from")
    to: date
    currency: str
    by: By | None
    total: Figures
    groups: list[Group] = Field(
        description="Months in their order; else those with the most leads first, 200 at most: see `has_more`."
    )
    has_more: bool = Field(description="There are more groups; the total counts them as well.")


class FunnelOrder(Read):
    """An order that came of a lead."""

    id: UUID
    number: str = Field(examples=["SO-2026-000123"])
    status: OrderStatus
    ordered_on: date
    revenue: Amount = Field(description="Its lines less returns, without freight, in the company's currency.")


class FunnelLead(Read):
    """A lead behind the figures, with the times of its steps."""

    id: UUID
    person_name: str | None = Field(examples=["Ana Trujillo"])
    company: str | None
    status: LeadStatus
    source: str
    campaign: str | None
    owner_id: UUID | None
    touches: Number = Field(description="Listed by `GET /v1/leads/{lead_id}/touches`.")
    created_at: datetime = Field(description="When it was captured.")
    contacted_at: datetime | None
    qualified_at: datetime | None = Field(description="The first time.")
    converted_at: datetime | None
    opportunity_id: UUID | None
    opened_on: date | None = Field(description="Of the opportunity.")
    won_on: date | None
    orders: list[FunnelOrder]
    revenue: Amount = Field(description="The sum of its orders'.")
