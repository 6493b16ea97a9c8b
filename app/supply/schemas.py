"""What is received and answered about stock, receipts and what production has to deliver."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.kernel.bulk import BULK, Rows
from app.kernel.schema import (
    Body,
    Code,
    Day,
    NonNegativeQuantity,
    Past,
    PositiveQuantity,
    Quantity,
    Query,
    Read,
    Stamped,
)
from app.supply.promise import BasisKind
from app.supply.rules import OURS, ReceiptStatus


def _not_ours(source: str) -> str:
    if source.casefold() == OURS:
        raise ValueError(f"{OURS!r} is the source of receipts that orders have planned: name one of your own")
    return source


Sku = Annotated[Code, Field(examples=["CHAI-10"])]
Source = Annotated[
    Code, AfterValidator(_not_ours), Field(description="The system that tells it.", examples=["production"])
]


class StockCount(Body):
    """How much of a product lay in stock at an instant."""

    sku: Sku
    quantity: NonNegativeQuantity
    counted_at: Past = Field(
        description="What moved after it is added to the count. A count older than the present one changes nothing."
    )


class StockCountBulk(Body):
    """Counts of many products."""

    counts: Annotated[Rows[StockCount], BULK]


class StockRead(Read):
    """Stock of a product."""

    product_id: UUID
    sku: str
    on_hand: Quantity = Field(description="The last count, and what has moved since.")
    reserved: Quantity = Field(description="Promised to confirmed orders and not shipped yet.")
    available: Quantity = Field(description="What can be promised for today without breaking an earlier promise.")
    counted_quantity: Quantity | None
    counted_at: datetime | None
    version: int = Field(description="Counts the changes; the ETag is made of it.")
    updated_at: datetime


class StockQuery(Query):
    """Filters of the list of stock."""

    sku: Code | None = None
    sort: Literal["sku", "-sku"] = "sku"


class AvailabilityQuery(BaseModel):
    """Which product, on which day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: Sku
    on: Day | None = Field(None, description="The day to answer for, today at the earliest; without it today.")


class AvailabilityStep(Read):
    """What can be promised from a day on, until the next step."""

    day: date
    available: Quantity


class AvailabilityRead(Read):
    """What of a product can be promised, and when: from stock and receipts, nothing of what is promised already."""

    product_id: UUID
    sku: str
    on_hand: Quantity
    on: date
    available: Quantity = Field(description="What can be promised for that day.")
    steps: list[AvailabilityStep] = Field(description="From today on; the last holds for ever.")


class ReceiptUpsert(Body):
    """What production will deliver, or has delivered: a new receipt, or the news of one told before."""

    source: Source
    external_id: Code = Field(description="Names the receipt in the source.", examples=["WO-4711"])
    sku: Sku
    quantity: PositiveQuantity = Field(description="What is expected; once received, what came.")
    due_on: Day
    status: ReceiptStatus = Field(examples=[ReceiptStatus.CONFIRMED])
    received_at: Past | None = Field(None, description="When the goods came; without it, now. Only for `received`.")
    replaces: list[UUID] | None = Field(
        None,
        max_length=100,
        description=(
            f"The planned receipts (source `{OURS}`) that this one makes good, the oldest due first, as far as the "
            "quantity reaches. Without it, those of the product; an empty list for goods that come on top. When the "
            "receipt is told again: with it, all that the receipt has not replaced yet makes good those named; without "
            "it, only what exceeds the largest quantity told before replaces any."
        ),
    )

    @field_validator("received_at")
    @classmethod
    def _when_received(cls, at: datetime | None, info: ValidationInfo) -> datetime | None:
        if at is not None and info.data.get("status", ReceiptStatus.RECEIVED) is not ReceiptStatus.RECEIVED:
            raise ValueError("goes with the status received")
        return at


class ReceiptBulk(Body):
    """Many receipts."""

    receipts: Annotated[Rows[ReceiptUpsert], BULK]


class ReceiptRead(Stamped):
    """A receipt: a quantity of a product and the day it is due."""

    source: str
    external_id: str
    product_id: UUID
    sku: str
    quantity: Quantity
    due_on: date
    status: ReceiptStatus
    received_at: datetime | None
    pegged_line_id: UUID | None = Field(description="The order line that this planned receipt was promised to.")
    order_number: str | None = Field(description="The order of that line, while it waits for the goods.")
    replaced_by_id: UUID | None = Field(description="The receipt that took this planned one's place.")
    replaced_quantity: Quantity = Field(description="How much of planned receipts this one has taken the place of.")


class ReceiptQuery(Query):
    """Filters of the list of receipts."""

    status: ReceiptStatus | None = None
    sku: Code | None = None
    source: Code | None = None
    external_id: Code | None = None
    due_from: Day | None = None
    due_to: Day | None = None
    late: bool | None = Field(None, description="Planned or confirmed, and due before today.")
    sort: Literal["due_on", "-due_on", "created_at", "-created_at"] = "due_on"


class RequirementLine(Read):
    """An order line that waits for the product."""

    order_id: UUID
    order_number: str = Field(examples=["SO-2026-000123"])
    order_line_id: UUID
    quantity: Quantity
    basis: BasisKind
    receipt_id: UUID | None = Field(description="The receipt that the promise rests on.")
    receipt_status: ReceiptStatus | None
    receipt_due_on: date | None


class RequirementReceipt(Read):
    """A planned receipt that nobody has confirmed."""

    id: UUID
    source: str
    quantity: Quantity
    due_on: date
    pegged_line_id: UUID | None


class RequirementRead(Read):
    """What confirmed orders need of a product by a day, and what of it production has not confirmed."""

    product_id: UUID
    sku: str
    name: str
    unit: str
    needed_by: date
    quantity: Quantity = Field(description="Promised for this day and not shipped.")
    unconfirmed: Quantity = Field(
        description="How much of `quantity` rests on receipts that nobody has confirmed. It adds up over the rows: a "
        "planned receipt that serves several of them counts in each for their own part, in all for no more than its "
        "quantity. Where a real receipt took the place of a part of it, that part serves the earliest rows."
    )
    shortage: Quantity = Field(
        description="By how much all that is promised by this day exceeds stock and receipts due by it, late ones "
        "not counted: more than nothing when supply has slipped."
    )
    lines: list[RequirementLine]
    planned_receipts: list[RequirementReceipt] = Field(
        description="Planned receipts that these lines rest on, whole; the same one stands in each row that it serves."
    )


class RequirementQuery(Query):
    """Filters of the requirements."""

    sku: Code | None = None
    needed_by_to: Day | None = None
    unconfirmed: bool | None = Field(None, description="With some of it `unconfirmed`, or with none.")
    sort: Literal["needed_by"] = "needed_by"
