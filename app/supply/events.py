"""What happens to stock and to receipts. Shipments and returns are told by the order's events."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.kernel.outbox import Event, difference
from app.supply.models import Receipt
from app.supply.rules import ReceiptStatus

CHANGEABLE = (
    "quantity", "due_on", "status", "received_at", "pegged_line_id", "replaced_by_id", "replaced_quantity",
)  # fmt: skip
"""What may change of a receipt."""


class StockCounted(Event):
    """A product was counted; `on_hand` is the count and what has moved since."""

    type = "stock.counted"
    subject_type = "stock"

    sku: str
    quantity: Decimal
    counted_at: datetime
    on_hand: Decimal


class ReceiptEvent(Event):
    """Base of a receipt's events: the receipt as it is now."""

    subject_type = "receipts"

    source: str
    external_id: str
    product_id: UUID
    quantity: Decimal
    due_on: date
    status: ReceiptStatus
    pegged_line_id: UUID | None
    replaced_by_id: UUID | None


class ReceiptPlanned(ReceiptEvent):
    """A promise by production lead time asks production for this quantity by this day."""

    type = "receipt.planned"

    order_id: UUID
    order_number: str


class ReceiptCreated(ReceiptEvent):
    """Production announced a receipt."""

    type = "receipt.created"


class ReceiptUpdated(ReceiptEvent):
    """A receipt's quantity, day or state changed."""

    type = "receipt.updated"


class ReceiptReceived(ReceiptEvent):
    """The goods of a receipt lie in stock."""

    type = "receipt.received"


class ReceiptCancelled(ReceiptEvent):
    """A receipt will not come; `replaced_by_id` names the one that took the place of a planned one."""

    type = "receipt.cancelled"


def facts(receipt: Receipt) -> dict[str, Any]:
    """What of the receipt may change, as it is now."""
    return {name: getattr(receipt, name) for name in CHANGEABLE}


def told(
    kind: type[ReceiptEvent], receipt: Receipt, *, since: Mapping[str, Any] | None = None, **more: object
) -> ReceiptEvent:
    """The event of that kind about the receipt as it is now; `since` are its `facts` before the change."""
    fields = {name: getattr(receipt, name) for name in ReceiptEvent.model_fields if name != "changes"}
    changes = () if since is None else difference(since, facts(receipt))
    return kind.model_validate({**fields, "changes": changes, **more})


ALL: tuple[type[Event], ...] = (
    StockCounted,
    ReceiptPlanned,
    ReceiptCreated,
    ReceiptUpdated,
    ReceiptReceived,
    ReceiptCancelled,
)
