"""The steps on which leads become sales, and shares of those who took them. Pure: no I/O."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

_PLACES = Decimal("0.000001")


class Step(StrEnum):
    """How far a lead has come: each step has been taken by whoever took a later one, but for the last.

    `ordered` stands beside them: there is a confirmed order, whether it came by an opportunity or not.
    """

    CAPTURED = "captured"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    OPPORTUNITY = "opportunity"
    WON = "won"
    ORDERED = "ordered"


class FirstContact(StrEnum):
    """Whether a lead was contacted within the agreed time; it is `waiting` while that is not over."""

    WITHIN = "within"
    LATE = "late"
    WAITING = "waiting"


class By(StrEnum):
    """By what leads are grouped: `person` is their owner, `month` the one in which they came."""

    CAMPAIGN = "campaign"
    SOURCE = "source"
    PERSON = "person"
    MONTH = "month"


def share(part: int, whole: int) -> Decimal | None:
    """The fraction, to six places; None of nothing."""
    return (Decimal(part) / Decimal(whole)).quantize(_PLACES, ROUND_HALF_UP) if whole else None
