"""Stock, receipts and requirements as they are answered."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.kernel.errors import Invalid, NotFound
from app.kernel.pagination import Sort
from app.kernel.repository import Document, Listing, Repository
from app.kernel.shape import json_of
from app.kernel.statement import Reader
from app.products.models import Product
from app.supply import ledger, promise
from app.supply.models import Receipt, Reservation, StockItem
from app.supply.schemas import (
    AvailabilityQuery,
    AvailabilityRead,
    AvailabilityStep,
    ReceiptQuery,
    ReceiptRead,
    RequirementLine,
    RequirementQuery,
    RequirementRead,
    RequirementReceipt,
    StockQuery,
    StockRead,
)


def _is_sku(sku: str) -> ColumnElement[bool]:
    return func.lower(Product.sku) == func.lower(sku)


def _product(sku: str) -> ScalarSelect[UUID]:
    return select(Product.id).where(_is_sku(sku)).scalar_subquery()


class Receipts(Repository[Receipt]):
    """Sorted by due day or age; filtered by state, product, source and due day."""

    model = Receipt
    schema = ReceiptRead
    noun = "receipt"
    sorts: ClassVar = {"due_on": Receipt.due_on, "created_at": Receipt.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        sku = select(Product.sku).where(Product.id == Receipt.product_id)
        number = select(Reservation.order_number).where(Reservation.order_line_id == Receipt.pegged_line_id)
        return {
            "sku": sku.correlate(Receipt).scalar_subquery(),
            "order_number": number.correlate(Receipt).scalar_subquery(),
        }

    def conditions(self, query: ReceiptQuery) -> list[ColumnElement[bool]]:
        equal = {name: getattr(query, name) for name in ("status", "source", "external_id")}
        found = [getattr(Receipt, name) == value for name, value in equal.items() if value is not None]
        if query.sku is not None:
            found.append(Receipt.product_id == _product(query.sku))
        if query.due_from is not None:
            found.append(Receipt.due_on >= query.due_from)
        if query.due_to is not None:
            found.append(Receipt.due_on <= query.due_to)
        return found

    def late(self, query: ReceiptQuery, today: date) -> list[ColumnElement[bool]]:
        """The filter that depends on the day."""
        late = and_(ledger.IS_OPEN, Receipt.due_on < today)
        return [] if query.late is None else [late if query.late else ~late]


class Stock:
    """Stock of the products that were ever counted, moved or reserved."""

    sorts: ClassVar[Mapping[str, InstrumentedAttribute[Any]]] = {"sku": Product.sku}
    _rows: ClassVar[Select[Any]] = select(*StockItem.__table__.c, Product.sku).join(
        Product, Product.id == StockItem.product_id
    )

    async def page(self, reader: Reader, query: StockQuery, today: date) -> Listing:
        """One page; two statements, the figures all from the second."""
        sort = Sort.named(query.sort, self.sorts, of=f"stock {query.filters()}")
        statement = self._rows
        if query.sku is not None:
            statement = statement.where(_is_sku(query.sku))
        rows = (await reader.execute(sort.apply(statement, sort.position(query.cursor), query.limit + 1))).all()
        shown, more = rows[: query.limit], len(rows) > query.limit
        bodies = [each.model_dump_json() for each in await self._figures(reader, shown, today)]
        return Listing(bodies, sort.encode(shown[-1].sku, shown[-1].product_id) if more else None)

    async def show(self, reader: Reader, product_id: UUID, today: date) -> Document:
        """Stock of one product.

        Raises:
            NotFound: it has never been counted, moved or reserved.

        """
        row = (await reader.execute(self._rows.where(StockItem.product_id == product_id))).one_or_none()
        if row is None:
            raise NotFound(f"no stock of product {product_id}")
        (shown,) = await self._figures(reader, [row], today)
        return Document(shown.model_dump_json(), shown.version)

    async def _figures(self, reader: Reader, rows: Any, today: date) -> list[StockRead]:
        known = await ledger.ledgers(reader, [row.product_id for row in rows], today)
        # Not validated: sums may be longer than what a caller may send.
        return [
            StockRead.model_construct(
                product_id=row.product_id,
                sku=row.sku,
                on_hand=known[row.product_id].on_hand,
                reserved=promise.promised(known[row.product_id]),
                available=promise.available(known[row.product_id], today, today),
                counted_quantity=row.counted_quantity,
                counted_at=row.counted_at,
                version=row.version,
                updated_at=row.updated_at,
            )
            for row in rows
        ]

    async def availability(self, reader: Reader, query: AvailabilityQuery, today: date) -> AvailabilityRead:
        """What of a product can be promised, and when; two statements.

        Raises:
            Invalid: no product has the SKU, or the day has passed.

        """
        on = query.on or today
        if on < today:
            raise Invalid.at("on", "past", f"lies before today, {today}: what is gone cannot be promised any more")
        product = (await reader.execute(select(Product.id, Product.sku).where(_is_sku(query.sku)))).one_or_none()
        if product is None:
            raise Invalid.at("sku", "unknown", f"no product has the SKU {query.sku}")
        found = (await ledger.ledgers(reader, [product.id], today))[product.id]
        return AvailabilityRead.model_construct(
            product_id=product.id,
            sku=product.sku,
            on_hand=found.on_hand,
            on=on,
            available=promise.available(found, on, today),
            steps=[
                AvailabilityStep.model_construct(day=day, available=quantity)
                for day, quantity in promise.profile(found, today)
            ],
        )


class Requirements:
    """What production has to deliver: the reservations of a product and day, and how they are covered."""

    async def page(self, reader: Reader, query: RequirementQuery, today: date) -> Listing:
        """One page, by day and product, in one statement."""
        of = f"requirements {query.filters()}"
        sort = Sort("needed_by", Reservation.promised_on, Reservation.product_id, descending=False, of=of)
        group = (Reservation.promised_on.label("needed_by"), Reservation.product_id)
        need: Any = select(*group).group_by(*group)
        if query.sku is not None:
            need = need.where(Reservation.product_id == _product(query.sku))
        if query.needed_by_to is not None:
            need = need.where(Reservation.promised_on <= query.needed_by_to)
        if query.unconfirmed:
            need = need.where(_rests(Reservation))
        if query.unconfirmed is False:
            other = aliased(Reservation)
            same = and_(other.product_id == Reservation.product_id, other.promised_on == Reservation.promised_on)
            need = need.having(~select(other.order_line_id).where(same, _rests(other)).correlate(Reservation).exists())
        needs = sort.apply(need, sort.position(query.cursor), query.limit + 1).subquery("need")
        shaped = _requirement(needs, today).lateral("r")
        statement = select(
            cast(func.row_to_json(literal_column("r"), type_=JSON), Text).label("body"),
            needs.c.needed_by.label("key"),
            needs.c.product_id.label("identity"),
        ).join_from(needs, shaped, true())
        rows = (await reader.execute(statement.order_by("key", "identity"))).all()
        shown, more = rows[: query.limit], len(rows) > query.limit
        return Listing([row.body for row in shown], sort.encode(shown[-1].key, shown[-1].identity) if more else None)


def _requirement(need: Subquery, today: date) -> Any:
    """The fields of `RequirementRead` for one product and day."""
    own = and_(Reservation.product_id == need.c.product_id, Reservation.promised_on == need.c.needed_by)
    rests_on = select(Reservation.receipt_id).where(own).correlate(need)
    planned = and_(Receipt.id.in_(rests_on), ledger.IS_PLANNED)
    receipt_of = {
        name: select(column).where(Receipt.id == Reservation.receipt_id).correlate(Reservation).scalar_subquery()
        for name, column in (("receipt_status", Receipt.status), ("receipt_due_on", Receipt.due_on))
    }
    line = json_of(RequirementLine, Reservation, receipt_of)
    lines = select(_list(line, Reservation.order_line_id)).where(own)
    receipts = select(_list(json_of(RequirementReceipt, Receipt), Receipt.id)).where(planned)
    resting = _resting([Receipt.id.in_(rests_on)])
    unconfirmed = select(func.coalesce(func.sum(resting.c.quantity), 0)).where(
        resting.c.promised_on == need.c.needed_by
    )
    fields = {
        "product_id": need.c.product_id,
        "sku": Product.sku,
        "name": Product.name,
        "unit": Product.unit,
        "needed_by": need.c.needed_by,
        "quantity": cast(select(func.sum(Reservation.quantity)).where(own).correlate(need).scalar_subquery(), Text),
        "unconfirmed": cast(unconfirmed.correlate(need).scalar_subquery(), Text),
        "shortage": cast(_shortage(need, today), Text),
        "lines": lines.correlate(need).scalar_subquery(),
        "planned_receipts": receipts.correlate(need).scalar_subquery(),
    }
    shown: Any = select(*(fields[name].label(name) for name in RequirementRead.model_fields))
    return shown.where(Product.id == need.c.product_id).correlate(need)


def _rests(row: Any) -> ColumnElement[bool]:
    """Whether some of a reservation rests on its planned receipt: those promised later leave it something.

    Asked of one reservation after the other, in their order: few are read for a page.
    """
    later = aliased(Reservation)
    behind = tuple_(later.promised_on, later.order_line_id) > tuple_(row.promised_on, row.order_line_id)
    taken = select(func.coalesce(func.sum(later.quantity), 0)).where(later.receipt_id == row.receipt_id, behind)
    planned = select(Receipt.quantity).where(Receipt.id == row.receipt_id, ledger.IS_PLANNED)
    carried, taken_before = (each.correlate(row).scalar_subquery() for each in (planned, taken))
    return and_(row.receipt_id.is_not(None), carried > taken_before)


def _resting(of: Sequence[ColumnElement[bool]]) -> Subquery:
    """How much of each reservation rests on its planned receipt, which carries no more than its quantity.

    Where a real receipt took the place of a part of it, that serves those that are promised first.
    """
    later_first = (Reservation.promised_on.desc(), Reservation.order_line_id.desc())
    later = func.sum(Reservation.quantity).over(
        partition_by=Reservation.receipt_id, order_by=later_first, rows=(None, -1)
    )
    left = func.greatest(Receipt.quantity - func.coalesce(later, 0), 0)
    columns = (
        Reservation.promised_on,
        Reservation.product_id,
        func.least(Reservation.quantity, left).label("quantity"),
    )
    resting = select(*columns).join(Receipt, Receipt.id == Reservation.receipt_id).where(ledger.IS_PLANNED, *of)
    return resting.subquery("resting")


def _shortage(need: Subquery, today: date) -> ColumnElement[Any]:
    """All that is promised by the day less all that is there by it; what is overdue is wanted today."""
    day = func.greatest(need.c.needed_by, literal(today))
    promised = select(func.sum(Reservation.quantity)).where(
        Reservation.product_id == need.c.product_id, Reservation.promised_on <= day
    )
    on_hand = select(StockItem.on_hand).where(StockItem.product_id == need.c.product_id)
    coming = select(func.sum(Receipt.quantity)).where(
        Receipt.product_id == need.c.product_id, ledger.IS_OPEN, Receipt.due_on.between(today, day)
    )
    wanted, here, later = (each.correlate(need).scalar_subquery() for each in (promised, on_hand, coming))
    return func.greatest(wanted - here - func.coalesce(later, 0), 0)


def _list(item: ColumnElement[Any], order_by: Any) -> ColumnElement[Any]:
    return func.coalesce(func.json_agg(aggregate_order_by(item, order_by)), literal_column("'[]'::json"))


receipts = Receipts()
stock = Stock()
requirements = Requirements()
