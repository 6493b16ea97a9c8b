"""What happens to products, price lists, prices and exchange rates."""

from datetime import date
from uuid import UUID

from app.kernel.outbox import Event
from app.kernel.schema import Amount, PositiveQuantity, Rate


class ProductCreated(Event):
    """A product is new."""

    type = "product.created"
    subject_type = "products"
    sku: str


class ProductUpdated(Event):
    """A product changed."""

    type = "product.updated"
    subject_type = "products"
    sku: str


class PriceListCreated(Event):
    """A price list is new."""

    type = "price_list.created"
    subject_type = "price-lists"
    code: str


class PriceListUpdated(Event):
    """A price list changed; its prices have events of their own."""

    type = "price_list.updated"
    subject_type = "price-lists"
    code: str


class _OfPrice(Event):
    subject_type = "price-lists"
    price_id: UUID
    product_id: UUID
    sku: str
    currency: str
    min_quantity: PositiveQuantity
    unit_price: Amount
    valid_from: date
    valid_to: date | None


class PriceSet(_OfPrice):
    """A price of a list is new (no changes), or changed."""

    type = "price.set"


class PriceRemoved(_OfPrice):
    """A price was taken off its list."""

    type = "price.removed"


class ExchangeRateSet(Event):
    """The exchange rate of a day is known, or was corrected."""

    type = "exchange_rate.set"
    subject_type = "exchange-rates"
    currency: str
    to_currency: str
    day: date
    rate: Rate


ALL: tuple[type[Event], ...] = (
    ProductCreated,
    ProductUpdated,
    PriceListCreated,
    PriceListUpdated,
    PriceSet,
    PriceRemoved,
    ExchangeRateSet,
)
