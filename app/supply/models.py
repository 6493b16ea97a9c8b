"""Tables of stock, of what production will deliver, and of what is reserved for order lines.

Whoever writes any of them first locks the products' stock items, in the order of their keys (`service.lock_items`).
"""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, Identified, Stored
from app.supply.promise import BasisKind
from app.supply.rules import MovementKind, ReceiptStatus

_OPEN = text("status IN ('planned', 'confirmed')")


class StockItem(Base):
    """Stock of a product: the last count, and what is on hand after the movements since. Its row is the lock."""

    __tablename__ = "stock_items"

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    on_hand: Mapped[Decimal] = mapped_column(default=Decimal(0))
    counted_quantity: Mapped[Decimal | None]
    counted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)


class StockMovement(Identified, Base):
    """Goods that came (positive) or went (negative) at an instant."""

    __tablename__ = "stock_movements"

    product_id: Mapped[UUID] = mapped_column(ForeignKey("stock_items.product_id"))
    kind: Mapped[MovementKind]
    quantity: Mapped[Decimal]
    at: Mapped[datetime]
    order_id: Mapped[UUID | None]
    receipt_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"), unique=True)

    __table_args__ = (Index("ix_stock_movements_product_at", "product_id", "at"),)


class Receipt(Stored, Base):
    """A quantity that production delivers on a day. A planned one of ours is pegged to the line it was promised to.

    A real one keeps how much of planned ones it has replaced, and the largest quantity it was told with: what of that
    met no planned one was new supply, and stays it however its quantity goes down and up again.
    """

    __tablename__ = "receipts"

    source: Mapped[str]
    external_id: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("stock_items.product_id"))
    quantity: Mapped[Decimal]
    due_on: Mapped[date]
    status: Mapped[ReceiptStatus]
    received_at: Mapped[datetime | None]
    pegged_line_id: Mapped[UUID | None]
    replaced_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"))
    replaced_quantity: Mapped[Decimal]
    largest_quantity: Mapped[Decimal]

    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_receipts_due_on", "due_on", "id"),
        Index("ix_receipts_created_at", "created_at", "id"),
        Index("ix_receipts_product", "product_id", "due_on", "id"),
        Index("ix_receipts_product_created_at", "product_id", "created_at", "id"),
        Index("ix_receipts_status", "status", "due_on", "id"),
        Index("ix_receipts_status_created_at", "status", "created_at", "id"),
        Index("ix_receipts_source", "source", "due_on", "id"),
        Index("ix_receipts_source_created_at", "source", "created_at", "id"),
        Index("ix_receipts_external_id", "external_id"),
        Index("ix_receipts_open", "product_id", "due_on", postgresql_where=_OPEN),
        Index("ix_receipts_open_due_on", "due_on", "id", postgresql_where=_OPEN),
        Index("ix_receipts_pegged", "pegged_line_id", postgresql_where=text("status = 'planned'")),
    )


class Reservation(Base):
    """What is still to be shipped of a confirmed order's line, and the promise it was given.

    The order's number stands here so that production reads it without looking into orders.
    """

    __tablename__ = "reservations"

    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(index=True)
    order_number: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("stock_items.product_id"))
    quantity: Mapped[Decimal]
    promised_on: Mapped[date]
    basis: Mapped[BasisKind]
    receipt_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_reservations_product", "product_id", "promised_on", postgresql_include=["quantity"]),
        Index("ix_reservations_promised_on", "promised_on", "product_id"),
        Index(
            "ix_reservations_on_receipts",
            "promised_on",
            "product_id",
            postgresql_where=text("receipt_id IS NOT NULL"),
        ),
    )
