"""States of a production receipt and what may follow what; which stock count and which movement counts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
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

FINAL = (ReceiptStatus.RECEIVED, ReceiptStatus.CANCELLED)
"""What changes no more."""

_MOVES: dict[ReceiptStatus, set[ReceiptStatus]] = {
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


@dataclass(frozen=True, slots=True)
class Count:
    """A quantity that lay in stock at an instant."""

    quantity: Decimal
    at: datetime

    def replaces(self, present: "Count | None") -> bool:
        """Whether it is news: an older count is none, nor is the present one told again."""
        return present is None or (self.at >= present.at and self != present)


def moves_stock(at: datetime, present: Count | None) -> bool:
    """Whether what moved at an instant changes what is on hand: what moved before the count is in the count."""
    return present is None or at > present.at
