"""Tables of what is sold and at what price: products, price lists and their prices, exchange rates."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, Stored
from app.kernel.words import document
from app.products.rules import ProductStatus


class Product(Stored, Base):
    """A product; its SKU never changes, and two differ by more than case.

    It is ordered from `minimum_quantity` on, in multiples of `order_multiple`. `production_days` are the working days
    from an order to the finished goods; NULL when we cannot produce it.
    """

    __tablename__ = "products"

    sku: Mapped[str]
    name: Mapped[str]
    category: Mapped[str | None]
    unit: Mapped[str]
    minimum_quantity: Mapped[Decimal]
    order_multiple: Mapped[Decimal]
    status: Mapped[ProductStatus]
    production_days: Mapped[int | None]
    description: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("minimum_quantity > 0", name="minimum_quantity"),
        CheckConstraint("order_multiple > 0", name="order_multiple"),
        CheckConstraint("production_days >= 0", name="production_days"),
        Index("ix_products_sku", "sku", "id"),
        Index("ix_products_name", "name", "id"),
        Index("ix_products_created_at", "created_at", "id"),
        Index("ix_products_category_sku", "category", "sku", "id"),
        Index("ix_products_category_name", "category", "name", "id"),
        Index("ix_products_status_sku", "status", "sku", "id"),
        Index("ix_products_status_name", "status", "name", "id"),
    )


PRODUCT_WORDS = document(Product.name, Product.sku)
Index("uq_products_sku", func.lower(Product.sku), unique=True)
Index("ix_products_words", PRODUCT_WORDS, postgresql_using="gin")


class PriceList(Stored, Base):
    """A price list in one currency; `valid_to` is the last day. The default of a currency serves who has no list."""

    __tablename__ = "price_lists"

    code: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str]
    is_default: Mapped[bool]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("valid_to >= valid_from", name="valid_to"),
        Index("uq_price_lists_default", "is_default", "currency", unique=True, postgresql_where=text("is_default")),
        Index("ix_price_lists_code", "code", "id"),
        Index("ix_price_lists_created_at", "created_at", "id"),
        Index("ix_price_lists_currency", "currency", "code", "id"),
    )


Index("uq_price_lists_code", func.lower(PriceList.code), unique=True)


class Price(Stored, Base):
    """What one unit costs on a list from `min_quantity` on; `valid_to` is the last day."""

    __tablename__ = "prices"

    price_list_id: Mapped[UUID] = mapped_column(ForeignKey("price_lists.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    min_quantity: Mapped[Decimal]
    unit_price: Mapped[Decimal]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("min_quantity > 0", name="min_quantity"),
        CheckConstraint("unit_price >= 0", name="unit_price"),
        CheckConstraint("valid_to >= valid_from", name="valid_to"),
        UniqueConstraint("price_list_id", "product_id", "min_quantity", "valid_from"),
        Index("ix_prices_created_at", "price_list_id", "created_at", "id"),
        Index("ix_prices_valid_from", "price_list_id", "valid_from", "id"),
    )


class ExchangeRate(Stored, Base):
    """Units of `to_currency`, the company's, for one unit of `currency` from `day` on, until the next rate."""

    __tablename__ = "exchange_rates"

    currency: Mapped[str]
    to_currency: Mapped[str]
    day: Mapped[date]
    rate: Mapped[Decimal]

    __table_args__ = (
        CheckConstraint("rate > 0", name="rate"),
        UniqueConstraint("currency", "to_currency", "day"),
        Index("ix_exchange_rates_day", "day", "id"),
        Index("ix_exchange_rates_currency", "currency", "day", "id"),
    )
