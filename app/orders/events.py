"""What happens to orders."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from app.kernel.outbox import Event
from app.kernel.schema import Amount, Quantity, Read
from app.orders.check import FindingCode
from app.orders.rules import HoldReason, ShipmentState
from app.supply.promise import BasisKind


class PromisedLine(Read):
    """A confirmed line."""

    line_no: int
    sku: str
    quantity: Quantity
    promised_on: date
    basis: BasisKind


class MovedLine(Read):
    """How much of a line was shipped or came back."""

    line_no: int
    sku: str
    quantity: Quantity


class OrderEvent(Event):
    """Base of the events of orders."""

    subject_type: ClassVar[str] = "orders"

    number: str


class OrderCreated(OrderEvent):
    """An order was taken, as a draft."""

    type = "order.created"

    account_id: UUID
    lead_id: UUID | None
    opportunity_id: UUID | None = None
    currency: str
    net_amount: Amount


class OrderUpdated(OrderEvent):
    """A draft changed."""

    type = "order.updated"

    net_amount: Amount


class OrderOverridden(OrderEvent):
    """Somebody let a blocking finding stand."""

    type = "order.overridden"

    code: FindingCode
    line_no: int | None
    reason: str


class OrderHeld(OrderEvent):
    """The order was put on hold."""

    type = "order.held"

    hold_id: UUID
    reason: HoldReason


class OrderReleased(OrderEvent):
    """A hold was released."""

    type = "order.released"

    hold_id: UUID
    open_to_ship: bool


class OrderConfirmed(OrderEvent):
    """The order is confirmed: its days are promised, its goods reserved."""

    type = "order.confirmed"

    account_id: UUID
    currency: str
    net_amount: Amount
    due_on: date
    dates_accepted: bool
    lines: list[PromisedLine]


class OrderCancelled(OrderEvent):
    """The order was cancelled; what it held is free."""

    type = "order.cancelled"

    account_id: UUID
    reason: str


class OrderShipped(OrderEvent):
    """Goods left for the customer."""

    type = "order.shipped"

    shipment_id: UUID
    shipment_number: str
    carrier: str | None
    tracking_number: str | None
    shipped_at: datetime
    shipment_state: ShipmentState
    lines: list[MovedLine]


class OrderDelivered(OrderEvent):
    """A shipment reached the customer."""

    type = "order.delivered"

    shipment_id: UUID
    shipment_number: str
    shipment_state: ShipmentState
    delivered_at: datetime


class OrderCompleted(OrderEvent):
    """Everything was delivered; the account's purchase record has it. `revenue` is in the company's currency."""

    type = "order.completed"

    account_id: UUID
    revenue: Amount


class OrderReturned(OrderEvent):
    """Goods came back. `revenue` is what the account's purchase record lost, in the company's currency."""

    type = "order.returned"

    account_id: UUID
    return_id: UUID
    return_number: str
    amount: Amount
    revenue: Amount = Decimal(0)
    lines: list[MovedLine]


ALL: tuple[type[Event], ...] = (
    OrderCreated,
    OrderUpdated,
    OrderOverridden,
    OrderHeld,
    OrderReleased,
    OrderConfirmed,
    OrderCancelled,
    OrderShipped,
    OrderDelivered,
    OrderCompleted,
    OrderReturned,
)
