"""What an order is and may do: pure."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from app.kernel.money import cumulative_share


class OrderStatus(StrEnum):
    """The life of an order. Part-shipped is still confirmed: see `ShipmentState`."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ShipmentState(StrEnum):
    """How much of an order has left, derived from its lines."""

    NONE = "none"
    PARTIAL = "partial"
    SHIPPED = "shipped"
    DELIVERED = "delivered"


class Channel(StrEnum):
    """How an order reached us."""

    POST = "post"
    EMAIL = "email"
    TELEPHONE = "telephone"
    WEB = "web"
    EDI = "edi"


class HoldReason(StrEnum):
    """Why an order may not go on."""

    CREDIT = "credit"
    OVERDUE_INVOICES = "overdue_invoices"
    PRICE = "price"
    ADDRESS = "address"
    CUSTOMER_REQUEST = "customer_request"
    FRAUD = "fraud"
    OTHER = "other"


class ReturnReason(StrEnum):
    """Why goods came back."""

    DAMAGED = "damaged"
    DEFECTIVE = "defective"
    WRONG_GOODS = "wrong_goods"
    NOT_WANTED = "not_wanted"
    REFUSED = "refused"
    OTHER = "other"


MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.DRAFT: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED}),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
"""From each status, where an order may go."""


def may_move(current: OrderStatus, wanted: OrderStatus) -> bool:
    """Whether the table of moves allows it."""
    return wanted in MOVES[current]


def shipment_state(ordered: Decimal, shipped: Decimal, delivered: Decimal) -> ShipmentState:
    """The state of an order from the sums of its lines' quantities."""
    if delivered >= ordered:
        return ShipmentState.DELIVERED
    if shipped >= ordered:
        return ShipmentState.SHIPPED
    return ShipmentState.PARTIAL if shipped > 0 else ShipmentState.NONE


def returned_amount(amount: Decimal, quantity: Decimal, before: Decimal, returned: Decimal, currency: str) -> Decimal:
    """What a return takes off a line of `amount` for `quantity`, of which `before` came back earlier.

    Differences of rounded shares, so that returning everything in parts takes off the line's amount exactly.
    """
    after = cumulative_share(amount, before + returned, quantity, currency)
    return after - cumulative_share(amount, before, quantity, currency)
