"""Opportunities as files have them: what is sold on one line or on many, and what became of it."""

from decimal import Decimal
from uuid import UUID

from pydantic import Field, model_validator

from app.kernel.schema import (
    Body,
    Called,
    Code,
    Currency,
    Day,
    Fraction,
    Line,
    NonNegativeAmount,
    PositiveQuantity,
    Text,
)
from app.opportunities.rules import LostReason
from app.opportunities.schemas import OpportunityContactCreate, StageCode

_IMPORTED = "imported"  # why a price was agreed, where the file does not say


class OpportunityLineRow(Body):
    """What was to be sold, at the price agreed."""

    sku: Code
    quantity: PositiveQuantity = Decimal(1)
    unit_price: NonNegativeAmount
    discount: Fraction = Decimal(0)
    price_reason: Line | None = _IMPORTED


class OpportunityRow(Called):
    """An opportunity of many, found by its id, by what another system calls it, or by its number.

    What it is about is said in `lines`, in the fields of one line, or as an `amount` alone.
    """

    number: Code | None = None
    name: Line
    account_id: UUID | None = None
    owner_id: UUID | None = None
    stage: StageCode | None = Field(None, description="The first open one when left out.")
    probability: Fraction | None = None
    currency: Currency | None = Field(None, description="The company's when left out.")
    amount: NonNegativeAmount | None = None
    lines: list[OpportunityLineRow] = Field([], max_length=500)
    sku: Code | None = None
    quantity: PositiveQuantity = Decimal(1)
    unit_price: NonNegativeAmount | None = None
    discount: Fraction = Decimal(0)
    contacts: list[OpportunityContactCreate] = Field([], max_length=50)
    opened_on: Day | None = Field(None, description="Today when left out.")
    expected_close_on: Day | None = Field(None, description="The day of the decision when that is known.")
    closed_on: Day | None = Field(None, description="The day of the decision.")
    campaign: Code | None = None
    next_step: Line | None = None
    next_step_on: Day | None = None
    competitor: Line | None = None
    lost_reason: LostReason | None = None
    lost_note: Text | None = None
    notes: Text | None = None

    @model_validator(mode="after")
    def _has_one_way_to_say_lines(self) -> "OpportunityRow":
        if self.sku is not None:
            if self.lines:
                raise ValueError("says lines and a line")
            if self.unit_price is None:
                raise ValueError("a line needs its unit_price")
            one = OpportunityLineRow(
                sku=self.sku, quantity=self.quantity, unit_price=self.unit_price, discount=self.discount
            )
            self.lines = [one]
        return self
