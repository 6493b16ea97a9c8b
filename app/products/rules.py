"""What is sold: the states of a product, and when a period makes sense."""

from datetime import date
from enum import StrEnum


class ProductStatus(StrEnum):
    """Whether a product may be ordered: `discontinued` for good, `blocked` for now."""

    ACTIVE = "active"
    DISCONTINUED = "discontinued"
    BLOCKED = "blocked"


def check_period(valid_from: date, valid_to: date | None) -> None:
    """Raises ValueError when the last day lies before the first."""
    if valid_to is not None and valid_to < valid_from:
        raise ValueError("the last day lies before the first")
