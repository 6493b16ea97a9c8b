"""Tables of orders: the order and its lines, holds and overrides, shipments and returns."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, Identified, Stored
from app.orders.rules import Channel, HoldReason, OrderStatus, ReturnReason, ShipmentState, shipment_state
from app.supply.promise import BasisKind

ORDER_NUMBERS = Sequence("order_numbers", metadata=Base.metadata)
SHIPMENT_NUMBERS = Sequence("shipment_numbers", metadata=Base.metadata)
RETURN_NUMBERS = Sequence("return_numbers", metadata=Base.metadata)

_TO_SHIP = text("open_to_ship")


class Order(Stored, Base):
    """An order. `base_amount` is its total in the company's currency at the frozen `exchange_rate`.

    `due_on` is the day the next goods are due to leave: the earliest promised day still open, and while nothing is
    promised the earliest requested one, or the day of the order for as soon as possible. `status_at` is when the
    present status began.
    """

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(unique=True)
    status: Mapped[OrderStatus] = mapped_column(default=OrderStatus.DRAFT)
    status_at: Mapped[datetime] = mapped_column(default=clock.now)
    shipment_state: Mapped[ShipmentState] = mapped_column(default=ShipmentState.NONE)
    open_to_ship: Mapped[bool] = mapped_column(default=False)
    due_on: Mapped[date]
    ordered_on: Mapped[date]

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"), index=True)
    opportunity_id: Mapped[UUID | None] = mapped_column(ForeignKey("opportunities.id"))
    channel: Mapped[Channel]
    evidence_reference: Mapped[str | None]
    received_at: Mapped[datetime]
    taken_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    po_number: Mapped[str | None]
    delivery_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    notes: Mapped[str | None]

    currency: Mapped[str]
    exchange_rate: Mapped[Decimal]
    net_amount: Mapped[Decimal]
    freight: Mapped[Decimal]
    returned_amount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    base_amount: Mapped[Decimal]

    checked_at: Mapped[datetime | None]
    findings: Mapped[list[Any]] = mapped_column(default=list)
    dates_agreed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]

    def derive(self, lines: Iterable["OrderLine"], *, on_hold: bool) -> None:
        """Set what follows from the lines and holds: shipment state, open to ship, the due day."""
        lines = tuple(lines)
        ordered, shipped, delivered = (
            sum((getattr(line, name) for line in lines), Decimal(0))
            for name in ("quantity", "shipped_quantity", "delivered_quantity")
        )
        self.shipment_state = shipment_state(ordered, shipped, delivered)
        self.open_to_ship = self.status is OrderStatus.CONFIRMED and shipped < ordered and not on_hold
        due = [(line.open_quantity > 0, line.promised_on or line.requested_on or self.ordered_on) for line in lines]
        still_open = [day for is_open, day in due if is_open]
        self.due_on = min(still_open) if still_open else max(day for _, day in due)

    __table_args__ = (
        # An opportunity becomes one order, unless that is cancelled.
        Index(
            "uq_orders_opportunity_id", "opportunity_id", unique=True, postgresql_where=text("status <> 'cancelled'")
        ),
        Index("ix_orders_opportunity", "opportunity_id", postgresql_where=text("opportunity_id IS NOT NULL")),
        Index("ix_orders_account_created", "account_id", "created_at", "id"),
        Index("ix_orders_status_due_on", "status", "due_on", "id"),
        Index("ix_orders_status_status_at", "status", "status_at", "id"),
        Index("ix_orders_status_created_at", "status", "created_at", "id"),
        Index("ix_orders_shipment_state", "shipment_state", "due_on", "id"),
        Index("ix_orders_to_ship_due_on", "due_on", "id", postgresql_where=_TO_SHIP),
        Index("ix_orders_to_ship_status_at", "status_at", "id", postgresql_where=_TO_SHIP),
        Index("ix_orders_to_ship_created_at", "created_at", "id", postgresql_where=_TO_SHIP),
        Index("ix_orders_due_on", "due_on", "id"),
        Index("ix_orders_status_at", "status_at", "id"),
        Index("ix_orders_created_at", "created_at", "id"),
    )


Index("ix_orders_account_po_number", Order.account_id, func.lower(Order.po_number))


class OrderLine(Identified, Base):
    """A line: what is wanted, at what price, what was promised and on what that rests, and what became of it.

    `list_price` is the price of the account's list on the order's date, `unit_price` the one that counts.
    """

    __tablename__ = "order_lines"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    line_no: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    sku: Mapped[str]
    quantity: Mapped[Decimal]
    requested_on: Mapped[date | None]
    list_price: Mapped[Decimal | None]
    unit_price: Mapped[Decimal]
    discount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    price_reason: Mapped[str | None]
    amount: Mapped[Decimal]
    promised_on: Mapped[date | None]
    basis: Mapped[BasisKind | None]
    basis_receipt_id: Mapped[UUID | None]
    shipped_quantity: Mapped[Decimal] = mapped_column(default=Decimal(0))
    delivered_quantity: Mapped[Decimal] = mapped_column(default=Decimal(0))
    returned_quantity: Mapped[Decimal] = mapped_column(default=Decimal(0))

    __table_args__ = (
        UniqueConstraint("order_id", "line_no"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("shipped_quantity BETWEEN 0 AND quantity", name="shipped"),
        CheckConstraint("delivered_quantity BETWEEN 0 AND shipped_quantity", name="delivered"),
        CheckConstraint("returned_quantity BETWEEN 0 AND delivered_quantity", name="returned"),
    )

    @property
    def open_quantity(self) -> Decimal:
        """What has not left yet."""
        return self.quantity - self.shipped_quantity


class OrderHold(Identified, Base):
    """A reason why an order may not go on; several may stand at once."""

    __tablename__ = "order_holds"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    reason: Mapped[HoldReason]
    note: Mapped[str | None]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(default=clock.now)
    released_by: Mapped[str | None]
    released_at: Mapped[datetime | None]
    release_note: Mapped[str | None]


class OrderOverride(Identified, Base):
    """A blocking finding that somebody let stand. `subject` is what it was about: new facts need a new override."""

    __tablename__ = "order_overrides"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    code: Mapped[str]
    line_no: Mapped[int | None]
    subject: Mapped[str]
    reason: Mapped[str]
    overridden_by: Mapped[str]
    overridden_at: Mapped[datetime] = mapped_column(default=clock.now)


class Shipment(Stored, Base):
    """Goods that left for the customer."""

    __tablename__ = "shipments"

    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier: Mapped[str | None]
    tracking_number: Mapped[str | None]
    shipped_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    received_by: Mapped[str | None]

    __table_args__ = (Index("ix_shipments_order", "order_id", "created_at", "id"),)


class ShipmentLine(Base):
    """How much of a line a shipment carried."""

    __tablename__ = "shipment_lines"

    shipment_id: Mapped[UUID] = mapped_column(ForeignKey("shipments.id", ondelete="CASCADE"), primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(ForeignKey("order_lines.id"), primary_key=True)
    line_no: Mapped[int]
    quantity: Mapped[Decimal]

    __table_args__ = (Index("ix_shipment_lines_order_line_id", "order_line_id"),)


class OrderReturn(Stored, Base):
    """Goods that came back; `amount` is what they take off the order's revenue, in its currency."""

    __tablename__ = "order_returns"

    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    reason: Mapped[ReturnReason]
    note: Mapped[str | None]
    received_at: Mapped[datetime]
    restocked: Mapped[bool]
    amount: Mapped[Decimal]

    __table_args__ = (Index("ix_order_returns_order", "order_id", "created_at", "id"),)


class OrderReturnLine(Base):
    """How much of a line came back."""

    __tablename__ = "order_return_lines"

    return_id: Mapped[UUID] = mapped_column(ForeignKey("order_returns.id", ondelete="CASCADE"), primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(ForeignKey("order_lines.id"), primary_key=True)
    line_no: Mapped[int]
    quantity: Mapped[Decimal]
    amount: Mapped[Decimal]

    __table_args__ = (Index("ix_order_return_lines_order_line_id", "order_line_id"),)
