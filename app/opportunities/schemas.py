"""What is received and answered about opportunities and stages."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from app.kernel.schema import (
    Amount,
    Body,
    Changes,
    Code,
    Currency,
    Day,
    Flag,
    Fraction,
    Line,
    NonNegativeAmount,
    Quantity,
    Query,
    Read,
    Stamped,
    Text,
    Whole,
    unset,
    words_of,
)
from app.opportunities.rules import Lines, LostReason, Part, StageType

StageCode = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$", examples=["proposal"])]
Position = Annotated[Whole, Field(ge=0, le=10_000, description="The lowest comes first.", examples=[30])]


class StageCreate(Body):
    """A new stage of the pipeline. Its type is for good."""

    code: StageCode
    name: Line = Field(examples=["Proposal"])
    type: StageType = StageType.OPEN
    probability: Fraction | None = Field(
        None, description="Chance to win; 1 for a won stage, 0 for a lost one, needed for an open one."
    )
    position: Position


class StageUpdate(Changes):
    """Changes to a stage; opportunities that are in it keep their probability."""

    name: Line = unset(examples=["Proposal"])
    probability: Fraction = unset()
    position: Position = unset()
    active: Flag = unset(description="False: nothing comes into it any more. One of each type stays active.")


class StageRead(Stamped):
    """A stage of the pipeline."""

    code: str
    name: str
    type: StageType
    probability: Fraction
    position: int
    active: bool


class StageQuery(Query):
    """Filters of the list of stages."""

    type: StageType | None = None
    active: bool | None = None
    sort: Literal["position", "-position"] = "position"


class OpportunityContactCreate(Body):
    """A contact of the account with a part in the decision."""

    contact_id: UUID
    part: Part = Field(examples=[Part.DECISION_MAKER])


Contacts = Annotated[list[OpportunityContactCreate], Field(max_length=50)]
ExpectedClose = Annotated[
    Day, Field(description="When the decision is expected.", examples=[date.fromisoformat("2026-06-30")])
]


class OpportunityCreate(Body):
    """A new chance to sell."""

    name: Line = Field(examples=["Spring assortment"])
    account_id: UUID | None = Field(None, description="Needed before it can be won.")
    stage: StageCode | None = Field(None, description="A stage's code; the first open one when left out.")
    probability: Fraction | None = Field(None, description="The stage's when left out.")
    currency: Currency | None = Field(None, description="The account's, or else the company's.")
    amount: NonNegativeAmount | None = Field(None, description="What it may be worth; with lines, their sum.")
    lines: Lines = Field(default_factory=list)
    contacts: Contacts = Field(default_factory=list)
    expected_close_on: ExpectedClose
    opened_on: Day | None = Field(None, description="Today when left out; not in the future.")
    owner_id: UUID | None = Field(None, description="Who works on it; the account's owner when left out.")
    next_step: Line | None = Field(None, examples=["Send samples"])
    next_step_on: Day | None = Field(None, description="When the next step is due; needs `next_step`.")
    competitor: Line | None = Field(None, description="Who else may win it.")
    campaign: Code | None = Field(None, description="Code of the campaign that it came from.")
    source: Code | None = Field(None, description="The system that calls it `external_id`.", examples=["legacy-crm"])
    external_id: Line | None = Field(None, description="What that system calls it, once; needs `source`.")
    notes: Text | None = None

    @model_validator(mode="after")
    def _named_by_a_system(self) -> "OpportunityCreate":
        if self.external_id is not None and self.source is None:
            raise ValueError("external_id needs the source that it belongs to")
        return self


class OpportunityUpdate(Changes):
    """Changes to an opportunity; `lines` and `contacts` replace all. A decided one changes notes and contacts only."""

    name: Line = unset()
    account_id: UUID | None = None
    probability: Fraction = unset()
    currency: Currency = unset()
    amount: NonNegativeAmount = unset(description="Only without lines.")
    lines: Lines = unset()
    contacts: Contacts = unset()
    expected_close_on: ExpectedClose = unset()
    owner_id: UUID | None = None
    next_step: Line | None = Field(None, description="Null clears `next_step_on` as well.")
    next_step_on: Day | None = None
    competitor: Line | None = None
    campaign: Code | None = None
    notes: Text | None = None


class OpportunityMove(Body):
    """The stage to go to. A lost one needs the reason."""

    stage: StageCode
    probability: Fraction | None = Field(None, description="For an open stage: the stage's when left out.")
    closed_on: Day | None = Field(
        None, description="For a won or lost stage: the day of the decision, today when left out; not in the future."
    )
    lost_reason: LostReason | None = Field(None, description="Needed for a lost stage, and only there.")
    lost_note: Text | None = None
    competitor: Line | None = Field(None, description="Who won it, or may; what is known stays when left out.")


class OpportunityLineRead(Read):
    """A line."""

    id: UUID
    line_no: int
    product_id: UUID
    sku: str = Field(examples=["CHAI-10"])
    quantity: Quantity
    list_price: Amount | None
    unit_price: Amount
    discount: Fraction
    price_reason: str | None
    amount: Amount


class OpportunityContactRead(Read):
    """A contact with a part in the decision."""

    contact_id: UUID
    name: str = Field(examples=["Maria Anders"])
    part: Part


class OpportunityRead(Stamped):
    """An opportunity."""

    number: str = Field(examples=["OP-2026-000042"])
    name: str
    account_id: UUID | None
    account_name: str | None
    lead_id: UUID | None = Field(description="The lead whose conversion made it.")
    order_id: UUID | None = Field(description="The order that it became.")
    stage: str = Field(description="The stage's code.", examples=["proposal"])
    state: StageType = Field(description="The type of its stage.")
    stage_changed_at: datetime
    probability: Fraction = Field(description="Chance to win.")
    currency: str
    exchange_rate: Decimal = Field(description="To the company's currency, frozen when the amount was last set.")
    amount: Amount = Field(description="The sum of the lines where there are any.")
    base_amount: Amount = Field(description="The amount in the company's currency.")
    opened_on: date
    expected_close_on: date
    closed_on: date | None = Field(description="The day of the decision.")
    owner_id: UUID | None
    next_step: str | None
    next_step_on: date | None
    last_activity_at: datetime | None
    competitor: str | None
    lost_reason: LostReason | None
    lost_note: str | None
    campaign: str | None
    source: str | None
    external_id: str | None
    notes: str | None
    lines: list[OpportunityLineRead]
    contacts: list[OpportunityContactRead]


class OpportunityQuery(Query):
    """Filters of the list of opportunities."""

    stage: StageCode | None = None
    state: StageType | None = None
    account_id: UUID | None = None
    owner_id: UUID | None = None
    campaign: Code | None = None
    number: Line | None = Field(None, examples=["OP-2026-000042"])
    source: Code | None = None
    external_id: Line | None = Field(None, description="With `source`: finds the one that is called so.")
    expected_close_from: Day | None = None
    expected_close_to: Day | None = Field(None, description="On or before this day.")
    min_value: NonNegativeAmount | None = Field(None, description="At least, in the company's currency.")
    max_value: NonNegativeAmount | None = Field(None, description="At most, in the company's currency.")
    stale_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        None, description="Open ones with neither an activity nor a change of stage for so many days."
    )
    words: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description=words_of("name, number or competitor")
    )
    sort: Literal[
        "created_at", "-created_at", "expected_close_on", "-expected_close_on",
        "base_amount", "-base_amount", "stage_changed_at", "-stage_changed_at",
    ] = "-created_at"  # fmt: skip


class StageChangeRead(Read):
    """A change of stage, and what the opportunity looked like then."""

    id: UUID
    at: datetime
    from_stage: str | None = Field(description="Null for the first.", examples=["qualification"])
    to_stage: str = Field(examples=["proposal"])
    to_state: StageType
    probability: Fraction
    base_amount: Amount
    expected_close_on: date
    actor: str = Field(description="Name of the API key that changed it.", examples=["sales-desk"])


class StageChangeQuery(Query):
    """How to list the changes of stage."""

    sort: Literal["at", "-at"] = "-at"
