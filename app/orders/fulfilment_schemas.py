"""What is received and answered about shipments and returns."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.kernel.schema import (
    Amount,
    Body,
    Flag,
    Line,
    Past,
    PositiveQuantity,
    Quantity,
    Query,
    Read,
    Stamped,
    Text,
    Whole,
)
from app.orders.rules import ReturnReason


class MovingLine(Body):
    """How much of which line."""

    line_no: Whole = Field(ge=1, le=500)
    quantity: PositiveQuantity


MovingLines = Annotated[list[MovingLine], Field(min_length=1, max_length=500)]


class ShipmentCreate(Body):
    """Goods that leave."""

    lines: MovingLines | None = Field(None, description="What leaves; everything still open when left out.")
    carrier: Line | None = Field(None, examples=["Speedy Express"])
    tracking_number: Line | None = None
    shipped_at: Past | None = Field(None, description="Now when left out.")


class MovedLineRead(Read):
    """How much of which line a shipment carried."""

    line_no: int
    quantity: Quantity


class ShipmentRead(Stamped):
    """Goods that left."""

    number: str
    order_id: UUID
    carrier: str | None
    tracking_number: str | None
    shipped_at: datetime
    delivered_at: datetime | None
    received_by: str | None
    lines: list[MovedLineRead]


class DeliveryCreate(Body):
    """A shipment reached the customer."""

    delivered_at: Past | None = Field(None, description="Now when left out.")
    received_by: Line | None = Field(None, description="Who signed for it.")


class ReturnCreate(Body):
    """Goods that came back."""

    lines: MovingLines
    reason: ReturnReason
    note: Text | None = None
    received_at: Past | None = Field(None, description="Now when left out.")
    restock: Flag = Field(False, description="The goods are fit for sale and go back into stock.")


class ReturnedLineRead(MovedLineRead):
    """How much of which line came back, and what that took off its amount."""

    amount: Amount


class ReturnRead(Stamped):
    """Goods that came back; `amount` is what the order's revenue lost, in the order's currency."""

    number: str
    order_id: UUID
    reason: ReturnReason
    note: str | None
    received_at: datetime
    restocked: bool
    amount: Amount
    lines: list[ReturnedLineRead]


class OfOrderQuery(Query):
    """A page of what belongs to one order, oldest first."""

    sort: Literal["created_at", "-created_at"] = "created_at"
