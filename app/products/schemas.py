"""What is received and answered about products, price lists, prices and exchange rates."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo

from app.kernel.bulk import BULK, Rows
from app.kernel.schema import (
    Body,
    Changes,
    Code,
    Currency,
    Day,
    Flag,
    Line,
    NonNegativeAmount,
    PositiveQuantity,
    Query,
    Rate,
    Read,
    Stamped,
    Text,
    Whole,
    unset,
    words_of,
)
from app.products.rules import ProductStatus, check_period

_SKU = "Identifies the product in every system; case does not count. It never changes."
_PRODUCTION = "Working days from an order to the finished goods; null when we cannot produce it."
_CATEGORY = ["Beverages"]
_UNIT = ["10 boxes x 20 bags"]

ProductionDays = Annotated[Whole, Field(ge=0, le=1000, description=_PRODUCTION, examples=[10])]
UnitPrice = Annotated[NonNegativeAmount, Field(description="Price of one unit.", examples=["18.00"])]


def _after_valid_from(valid_to: date | None, others: ValidationInfo) -> date | None:
    if "valid_from" in others.data:
        check_period(others.data["valid_from"], valid_to)
    return valid_to


LastDay = Annotated[Day | None, AfterValidator(_after_valid_from), Field(description="The last day, if it is known.")]


class ProductCreate(Body):
    """A new product, or a row of many."""

    sku: Code = Field(description=_SKU, examples=["CHAI-10"])
    name: Line = Field(examples=["Chai"])
    category: Line | None = Field(None, examples=_CATEGORY)
    unit: Line = Field("each", examples=_UNIT)
    minimum_quantity: PositiveQuantity = Decimal(1)
    order_multiple: PositiveQuantity = Decimal(1)
    status: ProductStatus = ProductStatus.ACTIVE
    production_days: ProductionDays | None = None
    description: Text | None = None


class ProductBulk(Body):
    """Products to add or change, by SKU. Fields that a row leaves out keep their value."""

    products: Annotated[Rows[ProductCreate], BULK]


class ProductUpdate(Changes):
    """Changes to a product."""

    name: Line = unset(examples=["Chai"])
    category: Line | None = Field(None, examples=_CATEGORY)
    unit: Line = unset(examples=_UNIT)
    minimum_quantity: PositiveQuantity = unset()
    order_multiple: PositiveQuantity = unset()
    status: ProductStatus = unset()
    production_days: ProductionDays | None = None
    description: Text | None = None


class ProductRead(Stamped):
    """A product."""

    sku: str = Field(description=_SKU, examples=["CHAI-10"])
    name: str = Field(examples=["Chai"])
    category: str | None = Field(examples=_CATEGORY)
    unit: str = Field(examples=_UNIT)
    minimum_quantity: PositiveQuantity
    order_multiple: PositiveQuantity
    status: ProductStatus
    production_days: ProductionDays | None
    description: str | None


class ProductQuery(Query):
    """Filters of the list of products."""

    sku: Code | None = Field(None, description="Exactly this SKU, in any case.")
    category: Line | None = None
    status: ProductStatus | None = None
    words: Line | None = Field(None, description=words_of("the name or the SKU"), examples=["cha 10"])
    sort: Literal["sku", "-sku", "name", "-name", "created_at", "-created_at"] = "sku"


class PriceListCreate(Body):
    """A new price list."""

    code: Code = Field(description="Case does not count.", examples=["RETAIL-26"])
    name: Line = Field(examples=["Retail 2026"])
    currency: Currency
    is_default: Flag = Field(False, description="Serve who has no list, in place of the currency's present default.")
    valid_from: Day
    valid_to: LastDay = None


class PriceListUpdate(Changes):
    """Changes to a price list. Its currency cannot change, since its prices are in it."""

    code: Code = unset(examples=["RETAIL-26"])
    name: Line = unset(examples=["Retail 2026"])
    is_default: Flag = unset()
    valid_from: Day = unset()
    valid_to: Day | None = None


class PriceListRead(Stamped):
    """A price list."""

    code: str = Field(examples=["RETAIL-26"])
    name: str = Field(examples=["Retail 2026"])
    currency: Currency
    is_default: bool = Field(description="Serves who has no list; at most one in a currency.")
    valid_from: date
    valid_to: date | None


class PriceListQuery(Query):
    """Filters of the list of price lists."""

    code: Code | None = Field(None, description="Exactly this code, in any case.")
    currency: Currency | None = None
    is_default: bool | None = None
    valid_on: Day | None = Field(None, description="Only what is valid on this day.")
    sort: Literal["code", "-code", "created_at", "-created_at"] = "code"


class PriceRow(Body):
    """A price of a list. SKU, least quantity and first day identify it."""

    sku: Code = Field(examples=["CHAI-10"])
    min_quantity: PositiveQuantity = Field(Decimal(1), description="The price applies from this quantity on.")
    unit_price: UnitPrice
    valid_from: Day
    valid_to: LastDay = None


class PriceBulk(Body):
    """Prices to add or change. Fields that a row leaves out keep their value."""

    prices: Annotated[Rows[PriceRow], BULK]


class PriceRead(Stamped):
    """A price of a list."""

    price_list_id: UUID
    product_id: UUID
    sku: str = Field(examples=["CHAI-10"])
    min_quantity: PositiveQuantity
    unit_price: UnitPrice
    valid_from: date
    valid_to: date | None


class PriceQuery(Query):
    """Filters of a list's prices."""

    sku: Code | None = Field(None, description="Exactly this SKU, in any case.")
    valid_on: Day | None = Field(None, description="Only what is valid on this day.")
    sort: Literal["created_at", "-created_at", "valid_from", "-valid_from"] = "created_at"


class PricesOf(PriceQuery):
    """The filters, and whose prices."""

    price_list_id: UUID


class QuoteQuery(Body):
    """Which price of a product is asked for."""

    on: Day | None = Field(None, description="The day; without it today in the company's time zone.")
    quantity: PositiveQuantity = Decimal(1)
    price_list_id: UUID | None = Field(None, description="The list; without it the default one of the currency.")
    currency: Currency | None = Field(None, description="Without it the list's, and without a list the company's.")


class Quote(Read):
    """The price that applies, and the row that gives it."""

    product_id: UUID
    on: date
    quantity: PositiveQuantity
    unit_price: UnitPrice
    currency: Currency
    price_list_id: UUID
    price_list_code: str = Field(examples=["RETAIL-26"])
    price_id: UUID
    min_quantity: PositiveQuantity
    valid_from: date
    valid_to: date | None


class ExchangeRatePut(Body):
    """The rate of a day."""

    rate: Rate = Field(description="Units of the company's currency for one unit of this one.")


class ExchangeRateRead(Stamped):
    """Units of `to_currency` for one unit of `currency` from `day` on, until the next rate."""

    currency: Currency
    to_currency: Currency = Field(description="The company's.")
    day: date
    rate: Rate


class ExchangeRateQuery(Query):
    """Filters of the list of exchange rates."""

    currency: Currency | None = None
    day_from: Day | None = Field(None, description="Only of this day and later.")
    day_to: Day | None = Field(None, description="Only of this day and earlier.")
    sort: Literal["day", "-day"] = "-day"
