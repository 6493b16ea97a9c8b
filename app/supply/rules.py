"""States of a production receipt, and what may follow what."""

from enum import StrEnum

OURS = "bellwether"
"""The source of planned receipts that a promise created; nobody else may write under it."""


class ReceiptStatus(StrEnum):
    """Planned: nobody has confirmed it. Confirmed: production stands by it. Received: it lies in stock."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RECEIVED = "received"
    CANCELLED = "cancelled"


OPEN = (ReceiptStatus.PLANNED, ReceiptStatus.CONFIRMED)
"""What counts as future supply."""

_MOVES = {
    ReceiptStatus.PLANNED: {ReceiptStatus.CONFIRMED, ReceiptStatus.RECEIVED, ReceiptStatus.CANCELLED},
    ReceiptStatus.CONFIRMED: {ReceiptStatus.RECEIVED, ReceiptStatus.CANCELLED},
    ReceiptStatus.RECEIVED: set(),
    ReceiptStatus.CANCELLED: set(),
}


class MovementKind(StrEnum):
    """Why goods came or went."""

    SHIPMENT = "shipment"
    RECEIPT = "receipt"
    RETURN = "return"


def may_become(present: ReceiptStatus, wanted: ReceiptStatus) -> bool:
    """Whether a receipt may go from one state to the other, or stay."""
    return wanted == present or wanted in _MOVES[present]
