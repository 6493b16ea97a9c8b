"""The 809 orders that were shipped: the rows and the events that the services would have written at the time.

They are written by statement, not order by order. A test lets the services act out some of them and compares.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, func, literal, select, update
from sqlalchemy import Sequence as NumberSequence
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.events import PurchaseRecorded
from app.accounts.models import Account, PurchaseEntry
from app.accounts.rules import PurchaseKind
from app.demo.northwind import CURRENCY, Line, Northwind, Order, sku_of
from app.demo.timetable import Timetable
from app.kernel import bulk, clock, outbox
from app.kernel.db import Base
from app.kernel.outbox import Event
from app.orders import models as order_tables
from app.orders.events import (
    MovedLine,
    OrderCompleted,
    OrderConfirmed,
    OrderCreated,
    OrderDelivered,
    OrderShipped,
    PromisedLine,
)
from app.orders.rules import Channel, OrderStatus, ShipmentState
from app.supply.models import StockMovement
from app.supply.promise import BasisKind
from app.supply.rules import MovementKind

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """Where what the orders name is in the database: by Northwind's keys."""

    staff: Mapping[int, UUID]
    products: Mapping[int, UUID]
    accounts: Mapping[str, UUID]
    contacts: Mapping[str, UUID]


def number_of(order: Order) -> str:
    """The order's number here: Northwind's own, behind the year it moved to."""
    return f"SO-{order.ordered_on.year}-{order.number:06d}"


def price_reason(line: Line, list_price: Decimal | None) -> str | None:
    """Why a line is not at the list price."""
    if line.discount:
        return "discount as Northwind granted it"
    return None if line.price == list_price else "price of its time"


def list_price(northwind: Northwind, order: Order, line: Line) -> Decimal | None:
    """The price of the list on the order's day; it begins when all lines are at today's prices."""
    return northwind.prices[line.product] if order.ordered_on >= northwind.prices_since else None


async def continue_numbers(session: AsyncSession, sequence: NumberSequence, value: int) -> None:
    """Let the next number of a sequence be this one."""
    await session.execute(select(func.setval(literal(sequence.name), value, False)))


@dataclass(frozen=True, slots=True)
class History:
    """Rows by table, in the order in which foreign keys allow them; events with their times, the earliest first."""

    rows: Mapping[type[Base], Sequence[Row]]
    events: Sequence[tuple[datetime, UUID, Event]]


def compile_history(northwind: Northwind, known: Known, timetable: Timetable) -> History:
    """Everything that is left of the shipped orders."""
    shipped = sorted(
        ((order.shipped_on, order.number, order) for order in northwind.orders if order.shipped_on),
        key=lambda each: each[:2],
    )
    pasts = [
        _Past(northwind, known, timetable, order, shipped_on, turn)
        for turn, (shipped_on, _, order) in enumerate(shipped, start=1)
    ]
    rows: dict[type[Base], list[Row]] = {}
    events: list[tuple[datetime, UUID, Event]] = []
    for past in sorted(pasts, key=lambda each: each.taken):
        for table, row in past.rows():
            rows.setdefault(table, []).append(row)
        events += past.events()
    return History(rows, sorted(events, key=lambda event: event[0]))


async def write_rows(session: AsyncSession, history: History) -> None:
    """One statement a table."""
    for table, rows in history.rows.items():
        await session.execute(bulk.insert_all(table, rows))


async def touch_accounts(session: AsyncSession, history: History) -> None:
    """Count the changes that each order made to its account: its exposure when confirmed, its record when completed."""
    entries = history.rows[PurchaseEntry]
    orders = Counter(row["account_id"] for row in entries)
    latest: dict[UUID, datetime] = {}
    for row in entries:
        latest[row["account_id"]] = max(row["created_at"], latest.get(row["account_id"], row["created_at"]))
    rows = [{"id": key, "changes": 2 * count, "at": latest[key]} for key, count in orders.items()]
    sent = bulk.recordset(rows, {"id": Uuid(), "changes": BigInteger(), "at": DateTime(timezone=True)})
    values = {
        "version": Account.version + sent.c.changes,
        "updated_at": func.greatest(Account.updated_at, sent.c.at),
    }
    statement = update(Account).where(Account.id == sent.c.id).values(values)
    await session.execute(statement, execution_options={"synchronize_session": False})


class Chronicle:
    """Writes the events up to a time, so that the feed tells everything in the order in which it happened."""

    def __init__(self, session: AsyncSession, history: History) -> None:
        self._session, self._events, self._written = session, history.events, 0

    async def until(self, moment: datetime | None = None) -> None:
        """Those before the moment that are not written yet; all without one. One statement."""
        due = []
        for at, subject, event in self._events[self._written :]:
            if moment is not None and at >= moment:
                break
            with clock.at(at):
                due.append(outbox.as_values(self._session, subject, event))
        self._written += len(due)
        if due:
            await self._session.execute(bulk.insert_all(outbox.OutboxEvent, due))


class _Past:
    """One order from its taking to its completion."""

    def __init__(
        self, northwind: Northwind, known: Known, timetable: Timetable, order: Order, shipped_on: date, turn: int
    ) -> None:
        self.northwind, self.known, self.order = northwind, known, order
        self.id, self.shipment_id = uuid7(), uuid7()
        self.account_id = known.accounts[order.customer]
        self.number = number_of(order)
        self.shipment_number = f"SH-{shipped_on.year}-{turn:06d}"
        self.taken, self.confirmed = timetable.taken(order), timetable.confirmed(order)
        self.shipped, self.delivered = timetable.shipped(shipped_on), timetable.delivered(shipped_on)
        self.line_ids = [uuid7() for _ in order.lines]

    def rows(self) -> Iterator[tuple[type[Base], Row]]:
        order = self.order
        yield order_tables.Order, self._order()
        yield order_tables.Shipment, self._shipment()
        for line_no, (line_id, line) in enumerate(zip(self.line_ids, order.lines, strict=True), start=1):
            yield order_tables.OrderLine, self._line(line_no, line_id, line)
            yield (
                order_tables.ShipmentLine,
                {
                    "shipment_id": self.shipment_id,
                    "order_line_id": line_id,
                    "line_no": line_no,
                    "quantity": line.quantity,
                },
            )
            yield (
                StockMovement,
                {
                    "id": uuid7(),
                    "product_id": self.known.products[line.product],
                    "kind": MovementKind.SHIPMENT,
                    "quantity": -line.quantity,
                    "at": self.shipped,
                    "order_id": self.id,
                },
            )
        yield (
            PurchaseEntry,
            {
                "id": uuid7(),
                "account_id": self.account_id,
                "order_id": self.id,
                "kind": PurchaseKind.SALE,
                "amount": order.amount,
                "day": order.ordered_on,
                "created_at": self.delivered,
            },
        )

    def events(self) -> Iterator[tuple[datetime, UUID, Event]]:
        order, number, account_id, net = self.order, self.number, self.account_id, self.order.amount
        skus = [sku_of(line.product) for line in order.lines]
        numbered = list(enumerate(zip(skus, order.lines, strict=True), start=1))
        promised = [
            PromisedLine(
                line_no=line_no,
                sku=sku,
                quantity=line.quantity,
                promised_on=order.required_on,
                basis=BasisKind.STOCK,
            )
            for line_no, (sku, line) in numbered
        ]
        moved = [MovedLine(line_no=line_no, sku=sku, quantity=line.quantity) for line_no, (sku, line) in numbered]
        told = {"number": number, "account_id": account_id, "currency": CURRENCY, "net_amount": net}
        parcel = {"number": number, "shipment_id": self.shipment_id, "shipment_number": self.shipment_number}
        yield self.taken, self.id, OrderCreated(**told, lead_id=None)
        yield (
            self.confirmed,
            self.id,
            OrderConfirmed(**told, due_on=order.required_on, dates_accepted=False, lines=promised),
        )
        yield (
            self.shipped,
            self.id,
            OrderShipped(
                **parcel,
                carrier=order.carrier,
                tracking_number=None,
                shipped_at=self.shipped,
                shipment_state=ShipmentState.SHIPPED,
                lines=moved,
            ),
        )
        delivered = OrderDelivered(**parcel, shipment_state=ShipmentState.DELIVERED, delivered_at=self.delivered)
        yield self.delivered, self.id, delivered
        recorded = PurchaseRecorded(order_id=self.id, kind=PurchaseKind.SALE, amount=net, day=order.ordered_on)
        yield self.delivered, account_id, recorded
        yield self.delivered, self.id, OrderCompleted(number=number, account_id=account_id, revenue=net)

    def _order(self) -> Row:
        order = self.order
        return {
            "id": self.id,
            "version": 4,  # taken, confirmed, shipped, delivered
            "created_at": self.taken,
            "updated_at": self.delivered,
            "number": self.number,
            "status": OrderStatus.COMPLETED,
            "status_at": self.delivered,
            "shipment_state": ShipmentState.DELIVERED,
            "open_to_ship": False,
            "due_on": order.required_on,
            "ordered_on": order.ordered_on,
            "account_id": self.account_id,
            "contact_id": self.known.contacts[order.customer],
            "channel": Channel.TELEPHONE,
            "evidence_reference": evidence_of(order),
            "received_at": self.taken,
            "taken_by_id": self.known.staff[order.employee],
            "delivery_address": order.address.model_dump(mode="json"),
            "currency": CURRENCY,
            "exchange_rate": Decimal(1),
            "net_amount": order.amount,
            "freight": order.freight,
            "returned_amount": Decimal(0),
            "base_amount": order.amount + order.freight,
            "findings": [],
            "confirmed_at": self.confirmed,
            "completed_at": self.delivered,
        }

    def _line(self, line_no: int, line_id: UUID, line: Line) -> Row:
        listed = list_price(self.northwind, self.order, line)
        return {
            "id": line_id,
            "order_id": self.id,
            "line_no": line_no,
            "product_id": self.known.products[line.product],
            "sku": sku_of(line.product),
            "quantity": line.quantity,
            "requested_on": self.order.required_on,
            "list_price": listed,
            "unit_price": line.price,
            "discount": line.discount,
            "price_reason": price_reason(line, listed),
            "amount": line.amount,
            "promised_on": self.order.required_on,
            "basis": BasisKind.STOCK,
            "shipped_quantity": line.quantity,
            "delivered_quantity": line.quantity,
            "returned_quantity": Decimal(0),
        }

    def _shipment(self) -> Row:
        return {
            "id": self.shipment_id,
            "version": 2,  # shipped, delivered
            "created_at": self.shipped,
            "updated_at": self.delivered,
            "number": self.shipment_number,
            "order_id": self.id,
            "carrier": self.order.carrier,
            "shipped_at": self.shipped,
            "delivered_at": self.delivered,
        }


def evidence_of(order: Order) -> str:
    """Where the order stands in Northwind's records."""
    return f"Northwind order {order.number}"
