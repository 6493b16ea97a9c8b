"""What is sold: the states of a product, a line of it at its price, and when a period makes sense. Pure: no I/O."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator

from app.kernel.schema import Body, Code, Fraction, Line, NonNegativeAmount, PositiveQuantity


class ProductStatus(StrEnum):
    """Whether a product may be ordered: `discontinued` for good, `blocked` for now."""

    ACTIVE = "active"
    DISCONTINUED = "discontinued"
    BLOCKED = "blocked"


class PricedLine(Body):
    """How much of a product and, where it was agreed, at what price."""

    sku: Code = Field(examples=["CHAI-10"])
    quantity: PositiveQuantity
    unit_price: NonNegativeAmount | None = Field(
        None, description="Agreed price; the list price when left out.", examples=["18.00"]
    )
    discount: Fraction = Field(Decimal(0), description="Fraction off the unit price.")
    price_reason: Line | None = Field(
        None,
        validate_default=True,
        description="Why the price or discount was agreed; needed with either.",
        examples=["spring offer"],
    )

    @field_validator("price_reason")
    @classmethod
    def _reasoned(cls, reason: str | None, others: ValidationInfo) -> str | None:
        if reason is None and (others.data.get("unit_price") is not None or others.data.get("discount")):
            raise ValueError("is needed with an agreed price or a discount")
        return reason


def check_period(valid_from: date, valid_to: date | None) -> None:
    """Raises ValueError when the last day lies before the first."""
    if valid_to is not None and valid_to < valid_from:
        raise ValueError("the last day lies before the first")
