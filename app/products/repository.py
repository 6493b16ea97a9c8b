"""Products, price lists, prices and exchange rates in the database."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Numeric,
    Row,
    Select,
    Text,
    UpdateBase,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import bulk, clock
from app.kernel.bulk import recordset
from app.kernel.db import Base
from app.kernel.outbox import OutboxEvent
from app.kernel.repository import Repository
from app.kernel.statement import Reader, among
from app.products.models import PRODUCT_WORDS, ExchangeRate, Price, PriceList, Product
from app.products.schemas import (
    ExchangeRateQuery,
    ExchangeRateRead,
    PriceListQuery,
    PriceListRead,
    PriceRead,
    PricesOf,
    ProductQuery,
    ProductRead,
)

_PRODUCT_FIELDS = (
    "name", "category", "unit", "minimum_quantity", "order_multiple", "status", "production_days", "description",
)  # fmt: skip
_PRICE_FIELDS = ("product_id", "min_quantity", "unit_price", "valid_from", "valid_to")
_SENT_PRODUCT = {"row": Integer()} | {name: getattr(Product, name).type for name in ("id", "sku", *_PRODUCT_FIELDS)}


Writer: TypeAlias = Callable[[type[Base], Sequence[Mapping[str, Any]]], UpdateBase]


def _same_code(column: Any, code: Any) -> ColumnElement[bool]:
    return func.lower(column) == func.lower(code)


def _valid_on(row: type[Price | PriceList], day: date) -> ColumnElement[bool]:
    return and_(row.valid_from <= day, or_(row.valid_to.is_(None), row.valid_to >= day))


def _next(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The fields of a changed row, as its next version."""
    named = {name: row[name] for name in ("id", *fields)}
    return named | {"version": row["version"] + 1, "updated_at": clock.now()}


async def _write(session: AsyncSession, *writes: tuple[Writer, type[Base], Sequence[Mapping[str, Any]]]) -> None:
    """Several writes of many rows as one statement."""
    statements = [write(model, rows) for write, model, rows in writes if rows]
    if statements:
        await session.execute(bulk.together(statements))


class Products(Repository[Product]):
    """Sorted by SKU, name or age of the record; filtered by SKU, category, status and words."""

    model = Product
    schema = ProductRead
    noun = "product"
    sorts: ClassVar = {"sku": Product.sku, "name": Product.name, "created_at": Product.created_at}
    searched = PRODUCT_WORDS

    def conditions(self, query: ProductQuery) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if query.sku is not None:
            found.append(_same_code(Product.sku, query.sku))
        if query.category is not None:
            found.append(Product.category == query.category)
        if query.status is not None:
            found.append(Product.status == query.status)
        return found

    async def by_sku(self, session: AsyncSession, skus: Iterable[str]) -> dict[str, Product]:
        """The products with these SKUs in any case, keyed by the SKU as asked; those that do not exist are left out."""
        wanted = bindparam("skus", list(dict.fromkeys(skus)), type_=ARRAY(Text))
        asked = func.unnest(wanted).table_valued("sku", name="asked").render_derived()
        rows = await session.execute(
            select(asked.c.sku, Product).join_from(asked, Product, _same_code(Product.sku, asked.c.sku))
        )
        return {row.sku: row.Product for row in rows}

    async def insert_missing(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows whose SKU is new, of several with the same the first; in an order that cannot deadlock."""
        sent = recordset(rows, _SENT_PRODUCT)
        names = [name for name in _SENT_PRODUCT if name != "row"]
        source = select(*(sent.c[name] for name in names)).order_by(func.lower(sent.c.sku), sent.c.row)
        statement = insert(Product).from_select(names, source, include_defaults=True)
        await session.execute(statement.on_conflict_do_nothing(index_elements=[func.lower(Product.sku)]))

    async def lock_by_sku(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> dict[int, Row[Any]]:
        """What is stored under the SKU of every row, by `row`; locked in an order that cannot deadlock."""
        sent = recordset(rows, {"row": Integer(), "sku": Text()})
        stored = (getattr(Product, name) for name in ("id", "version", "sku", *_PRODUCT_FIELDS))
        statement = (
            select(sent.c.row, *stored)
            .join_from(sent, Product, _same_code(Product.sku, sent.c.sku))
            .order_by(func.lower(Product.sku))
            .with_for_update(of=Product, key_share=True)
        )
        return {row.row: row for row in await session.execute(statement)}

    async def write(
        self, session: AsyncSession, *, changed: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write changed rows of `lock_by_sku` and the events of a batch, in one statement."""
        rows = [_next(row, _PRODUCT_FIELDS) for row in changed]
        await _write(session, (bulk.update_all, Product, rows), (bulk.insert_all, OutboxEvent, events))


class PriceLists(Repository[PriceList]):
    """Sorted by code or age of the record; filtered by code, currency, validity, default or not."""

    model = PriceList
    schema = PriceListRead
    noun = "price list"
    sorts: ClassVar = {"code": PriceList.code, "created_at": PriceList.created_at}

    def conditions(self, query: PriceListQuery) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if query.code is not None:
            found.append(_same_code(PriceList.code, query.code))
        if query.currency is not None:
            found.append(PriceList.currency == query.currency)
        if query.is_default is not None:
            default = PriceList.is_default.expression
            found.append(default if query.is_default else ~default)
        if query.valid_on is not None:
            found.append(_valid_on(PriceList, query.valid_on))
        return found

    async def currency_of(self, reader: Reader, price_list_id: UUID) -> str | None:
        """The currency of a list, if there is one with this id."""
        statement = select(PriceList.currency).where(PriceList.id == price_list_id)
        return (await reader.execute(statement)).scalar_one_or_none()

    async def lock_default(self, session: AsyncSession, currency: str) -> PriceList | None:
        """The currency's default list, locked, if it has one."""
        statement = select(PriceList).where(PriceList.is_default, PriceList.currency == currency)
        return (await session.scalars(statement.with_for_update(key_share=True))).one_or_none()


class Prices(Repository[Price]):
    """One list's prices, sorted by age of the record or first day; filtered by SKU and validity."""

    model = Price
    schema = PriceRead
    noun = "price"
    sorts: ClassVar = {"created_at": Price.created_at, "valid_from": Price.valid_from}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        return {"sku": select(Product.sku).where(Product.id == Price.product_id).correlate(Price).scalar_subquery()}

    def conditions(self, query: PricesOf) -> list[ColumnElement[bool]]:
        of_list = Price.price_list_id == query.price_list_id
        found = [of_list]
        if query.sku is not None:
            product = select(Product.id).where(_same_code(Product.sku, query.sku)).scalar_subquery()
            # By their ids, so that nobody looks for a product's few prices among all of a long list.
            found.append(among(Price.id, select(Price.id).where(of_list, Price.product_id == product).correlate(None)))
        if query.valid_on is not None:
            found.append(_valid_on(Price, query.valid_on))
        return found

    async def matching(
        self, session: AsyncSession, price_list_id: UUID, rows: Sequence[Mapping[str, Any]]
    ) -> dict[int, Row[Any]]:
        """For every row, by `row`, its product and the price with its SKU, least quantity and first day."""
        sent = recordset(rows, {"row": Integer(), "sku": Text(), "min_quantity": Numeric(), "valid_from": Date()})
        sent_key = (sent.c.row, sent.c.min_quantity, sent.c.valid_from)
        same = and_(
            Price.price_list_id == price_list_id,
            Price.product_id == Product.id,
            Price.min_quantity == sent.c.min_quantity,
            Price.valid_from == sent.c.valid_from,
        )
        statement = (
            select(*sent_key, Product.id.label("product_id"), Product.sku)
            .add_columns(Price.id, Price.version, Price.unit_price, Price.valid_to)
            .outerjoin_from(sent, Product, _same_code(Product.sku, sent.c.sku))
            .outerjoin(Price, same)
        )
        return {row.row: row for row in await session.execute(statement)}

    async def write(
        self,
        session: AsyncSession,
        price_list_id: UUID,
        *,
        new: Sequence[Mapping[str, Any]],
        changed: Sequence[Mapping[str, Any]],
        events: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write new and changed rows of `matching` and the events of a batch, in one statement."""
        now = clock.now()
        stamps = {"price_list_id": price_list_id, "version": 1, "created_at": now, "updated_at": now}
        added = [{name: row[name] for name in ("id", *_PRICE_FIELDS)} | stamps for row in new]
        kept = [_next(row, ("unit_price", "valid_to")) for row in changed]
        await _write(
            session,
            (bulk.insert_all, Price, added),
            (bulk.update_all, Price, kept),
            (bulk.insert_all, OutboxEvent, events),
        )

    async def applicable(
        self, reader: Reader, *, price_list_id: UUID | None, currency: str | None,
        wanted: Sequence[tuple[UUID, Decimal]], on: date,
    ) -> Sequence[Row[Any]]:  # fmt: skip
        """For each product and quantity, in order, the price on a day with its list; all NULL when there is none.

        It is the one with the largest quantity break not above the quantity; for the same break the latest.
        """
        ids = bindparam("ids", [product_id for product_id, _ in wanted], type_=ARRAY(Uuid))
        quantities = bindparam("quantities", [quantity for _, quantity in wanted], type_=ARRAY(Numeric))
        asked = (
            func.unnest(ids, quantities)
            .table_valued("product_id", "quantity", with_ordinality="position", name="asked")
            .render_derived()
        )
        best = self._best(asked, price_list_id, currency, on).lateral("best")
        statement = select(best).select_from(asked.outerjoin(best, true())).order_by(asked.c.position)
        return (await reader.execute(statement)).all()

    def _best(
        self, asked: FromClause, price_list_id: UUID | None, currency: str | None, on: date
    ) -> Select[*tuple[Any, ...]]:
        columns = (
            Price.id.label("price_id"),
            Price.min_quantity,
            Price.unit_price,
            Price.valid_from,
            Price.valid_to,
            Price.price_list_id,
            PriceList.code.label("price_list_code"),
            PriceList.currency,
        )
        conditions = [
            Price.product_id == asked.c.product_id,
            Price.min_quantity <= asked.c.quantity,
            _valid_on(Price, on),
            _valid_on(PriceList, on),
            PriceList.is_default if price_list_id is None else PriceList.id == price_list_id,
        ]
        if currency is not None:
            conditions.append(PriceList.currency == currency)
        return (
            select(*columns)
            .join_from(Price, PriceList, PriceList.id == Price.price_list_id)
            .where(*conditions)
            .order_by(Price.min_quantity.desc(), Price.valid_from.desc())
            .limit(1)
        )


class ExchangeRates(Repository[ExchangeRate]):
    """Sorted by day; filtered by currency and days."""

    model = ExchangeRate
    schema = ExchangeRateRead
    noun = "exchange rate"
    sorts: ClassVar = {"day": ExchangeRate.day}

    def conditions(self, query: ExchangeRateQuery) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if query.currency is not None:
            found.append(ExchangeRate.currency == query.currency)
        if query.day_from is not None:
            found.append(ExchangeRate.day >= query.day_from)
        if query.day_to is not None:
            found.append(ExchangeRate.day <= query.day_to)
        return found

    async def insert_missing(self, session: AsyncSession, rate: ExchangeRate) -> bool:
        """Insert the rate unless its day has one; whether it was inserted. Waits for a twin in parallel."""
        values = {name: getattr(rate, name) for name in ("id", "currency", "to_currency", "day", "rate")}
        statement = insert(ExchangeRate).values(values).on_conflict_do_nothing().returning(ExchangeRate.id)
        return (await session.execute(statement)).one_or_none() is not None

    async def lock_of(self, session: AsyncSession, currency: str, to_currency: str, day: date) -> ExchangeRate:
        """The rate of just this day, locked."""
        row = ExchangeRate
        statement = select(row).where(row.currency == currency, row.to_currency == to_currency, row.day == day)
        return (await session.scalars(statement.with_for_update(key_share=True))).one()

    async def on_many(
        self, reader: Reader, to_currency: str, wanted: Collection[tuple[str, date]]
    ) -> dict[tuple[str, date], Decimal]:
        """The latest rate on or before each (currency, day) that has one."""
        row = ExchangeRate
        currencies, days = (literal([each[at] for each in wanted], ARRAY(kind)) for at, kind in ((0, Text), (1, Date)))
        asked = func.unnest(currencies, days).table_valued("currency", "day", name="asked").render_derived()
        known = (row.currency == asked.c.currency, row.to_currency == to_currency, row.day <= asked.c.day)
        rate = select(row.rate).where(*known).order_by(row.day.desc()).limit(1).correlate(asked).lateral()
        found = await reader.execute(select(asked.c.currency, asked.c.day, rate.c.rate).join(rate, true()))
        return {(currency, day): each for currency, day, each in found}

    async def on(self, reader: Reader, currency: str, to_currency: str, day: date) -> Row[UUID, Decimal] | None:
        """`id` and `rate` of the latest rate on or before the day, if there is one."""
        row = ExchangeRate
        statement = (
            select(row.id, row.rate)
            .where(row.currency == currency, row.to_currency == to_currency, row.day <= day)
            .order_by(row.day.desc())
            .limit(1)
        )
        return (await reader.execute(statement)).one_or_none()


products = Products()
price_lists = PriceLists()
prices = Prices()
exchange_rates = ExchangeRates()
