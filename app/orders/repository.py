"""Orders in the database."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.groups import CHANGED_AT
from app.accounts.models import Account
from app.kernel import clock
from app.kernel.repository import Repository
from app.kernel.shape import json_list_of
from app.kernel.statement import Reader
from app.orders.fulfilment_schemas import MovedLineRead, ReturnedLineRead, ReturnRead, ShipmentRead
from app.orders.models import (
    Order,
    OrderHold,
    OrderLine,
    OrderOverride,
    OrderReturn,
    OrderReturnLine,
    Shipment,
    ShipmentLine,
)
from app.orders.rules import OrderStatus
from app.orders.schemas import HoldRead, OrderLineRead, OrderQuery, OrderRead, OverrideRead
from app.products.models import Product


class Orders(Repository[Order]):
    """Sorted by due day, by the time of the present status, or by age; filtered as dispatch and sales need it."""

    model = Order
    schema = OrderRead
    noun = "order"
    sorts: ClassVar = {"due_on": Order.due_on, "status_at": Order.status_at, "created_at": Order.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        account = select(Account.name).where(Account.id == Order.account_id).correlate(Order).scalar_subquery()
        read_at = select(func.greatest(Account.updated_at, func.max(Product.updated_at), Order.updated_at))
        read_at = read_at.join(OrderLine, OrderLine.order_id == Order.id).join(
            Product, Product.id == OrderLine.product_id
        )
        read_at = read_at.where(Account.id == Order.account_id).group_by(Account.updated_at)
        last_read = func.greatest(read_at.correlate(Order).scalar_subquery(), CHANGED_AT)
        unchanged = func.coalesce(Order.checked_at >= last_read, False)
        current = case((Order.status == OrderStatus.DRAFT, unchanged), else_=True)
        line, hold, override = OrderLine, OrderHold, OrderOverride
        return {
            "account_name": account,
            "check_is_current": current,
            "lines": json_list_of(
                OrderLineRead, line, where=line.order_id == Order.id, order_by=line.line_no, parent=Order
            ),
            "holds": json_list_of(
                HoldRead, hold, where=hold.order_id == Order.id, order_by=hold.placed_at, parent=Order
            ),
            "overrides": json_list_of(
                OverrideRead,
                override,
                where=override.order_id == Order.id,
                order_by=override.overridden_at,
                parent=Order,
            ),
        }

    def conditions(self, query: OrderQuery) -> list[ColumnElement[bool]]:
        equal = ("status", "shipment_state", "account_id", "lead_id", "opportunity_id", "number")
        wanted = {name: getattr(query, name) for name in equal}
        found = [getattr(Order, name) == value for name, value in wanted.items() if value is not None]
        if query.po_number is not None:
            found.append(func.lower(Order.po_number) == func.lower(query.po_number))
        if query.open_to_ship is not None:
            found.append(Order.open_to_ship if query.open_to_ship else ~Order.open_to_ship)
        if query.due_from is not None:
            found.append(Order.due_on >= query.due_from)
        if query.due_to is not None:
            found.append(Order.due_on <= query.due_to)
        return found

    async def lines(self, session: AsyncSession, order_id: UUID) -> Sequence[OrderLine]:
        """The order's lines in their order."""
        found = await session.scalars(
            select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.line_no)
        )
        return found.all()

    async def on_hold(self, reader: Reader, order_id: UUID) -> bool:
        """Whether a hold stands."""
        standing = select(OrderHold.id).where(OrderHold.order_id == order_id, OrderHold.released_at.is_(None)).limit(1)
        return (await reader.execute(standing)).first() is not None

    async def overrides(self, reader: Reader, order_id: UUID) -> frozenset[tuple[str, int | None, str]]:
        """What has been let stand, by code, line and subject."""
        row = OrderOverride
        found = await reader.execute(select(row.code, row.line_no, row.subject).where(row.order_id == order_id))
        return frozenset((code, line_no, subject) for code, line_no, subject in found)

    async def keep_findings(self, session: AsyncSession, order_id: UUID, findings: list[dict[str, Any]]) -> None:
        """Keep what a check found, without a new version of the order."""
        kept = {"findings": findings, "checked_at": clock.now(), "updated_at": Order.updated_at}
        await session.execute(update(Order).where(Order.id == order_id).values(kept))

    async def reached(self, session: AsyncSession, order_id: UUID) -> dict[UUID, Decimal]:
        """How much of each line the delivered shipments carried, by the line's id."""
        row = ShipmentLine
        carried = select(row.order_line_id, func.sum(row.quantity)).join(Shipment, Shipment.id == row.shipment_id)
        delivered = carried.where(Shipment.order_id == order_id, Shipment.delivered_at.is_not(None))
        return dict((await session.execute(delivered.group_by(row.order_line_id))).all())


class Shipments(Repository[Shipment]):
    """An order's shipments."""

    model = Shipment
    schema = ShipmentRead
    noun = "shipment"
    sorts: ClassVar = {"created_at": Shipment.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        row = ShipmentLine
        lines = json_list_of(
            MovedLineRead, row, where=row.shipment_id == Shipment.id, order_by=row.line_no, parent=Shipment
        )
        return {"lines": lines}


class Returns(Repository[OrderReturn]):
    """An order's returns."""

    model = OrderReturn
    schema = ReturnRead
    noun = "return"
    sorts: ClassVar = {"created_at": OrderReturn.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        row = OrderReturnLine
        lines = json_list_of(
            ReturnedLineRead, row, where=row.return_id == OrderReturn.id, order_by=row.line_no, parent=OrderReturn
        )
        return {"lines": lines}


orders = Orders()
shipments = Shipments()
returns = Returns()


async def next_number(session: AsyncSession, prefix: str, sequence: Any, on: date) -> str:
    """The next human number of a kind, such as SO-2026-000123; gaps are allowed."""
    value: int = (await session.execute(select(sequence.next_value()))).scalar_one()
    return f"{prefix}-{on.year}-{value:06d}"
