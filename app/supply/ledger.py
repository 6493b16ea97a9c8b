"""The ledger in the database: its locks, what is read under them, and the statements that write to it."""

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from app.kernel import bulk, clock, outbox
from app.kernel.statement import Reader, Statement
from app.kernel.writes import Writes
from app.products.models import Product
from app.supply import promise
from app.supply.events import CHANGEABLE, ReceiptEvent
from app.supply.models import Receipt, Reservation, StockItem, StockMovement
from app.supply.rules import OPEN, OURS, Count

# No parameters: the planner takes a partial index only for a condition that it can read.
IS_OPEN = Receipt.status.in_([literal_column(f"'{status}'") for status in OPEN])
IS_PLANNED = Receipt.status == literal_column("'planned'")


def among(column: Any, ids: Collection[UUID]) -> ColumnElement[bool]:
    """The column is one of the ids: one parameter, one cached statement, however many there are."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))  # type: ignore[no-any-return]


def _locking() -> Statement:
    """Locks the items of `products` in the order of their keys; one that is missing is made on the way.

    The update that never happens locks what is there. It is a statement of its own: who waited for a lock must read in
    the next one what the other has committed.
    """
    wanted = func.unnest(bindparam("products", type_=ARRAY(Uuid))).column_valued("product_id")
    now = bindparam("now", type_=DateTime(timezone=True))
    sent = insert(StockItem).from_select(
        ["product_id", "on_hand", "version", "updated_at"],
        select(wanted, literal(Decimal(0)), literal(1), now).order_by(wanted),
        include_defaults=False,
    )
    same = {"on_hand": StockItem.on_hand}
    return Statement(sent.on_conflict_do_update(index_elements=["product_id"], set_=same, where=false()))


_LOCKING = _locking()


async def lock_items(session: AsyncSession, product_ids: Collection[UUID]) -> None:
    """See `service.lock_items`."""
    await _LOCKING.done(session, products=sorted(set(product_ids)), now=clock.now())


async def lock_keys(session: AsyncSession, keys: Collection[tuple[str, str]]) -> None:
    """Lock the names of receipts, before any items: the same one may be told of two products at once.

    They share 64 locks, so that a thousand rows do not take a thousand.
    """
    shares = sorted({zlib.crc32(repr(key).encode()) % 64 for key in keys})
    which = func.unnest(literal(shares, ARRAY(Integer)))
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(literal("receipts")), which)))


def _reading() -> Statement:
    """What is on hand, due and promised of `products`.

    A late receipt is left out, it counts when it is re-dated. What was promised for days gone by is one sum.
    """
    nobody, never = null().cast(Uuid), null().cast(Date)
    day = func.greatest(Reservation.promised_on, bindparam("today", type_=Date) - 1)

    def of(column: Any) -> ColumnElement[bool]:
        return column == any_(bindparam("products", type_=ARRAY(Uuid)))  # type: ignore[no-any-return]

    return Statement(union_all(
        select(
            StockItem.product_id, StockItem.on_hand.label("quantity"), never.label("day"), nobody.label("receipt_id"),
            literal(False).label("planned"), literal(False).label("pegged"),
        ).where(of(StockItem.product_id)),
        select(
            Receipt.product_id, Receipt.quantity, Receipt.due_on, Receipt.id,
            IS_PLANNED, Receipt.pegged_line_id.is_not(None),
        ).where(of(Receipt.product_id), IS_OPEN, Receipt.due_on >= bindparam("today", type_=Date)),
        select(
            Reservation.product_id, func.sum(Reservation.quantity), day, nobody, literal(False), literal(False),
        ).where(of(Reservation.product_id)).group_by(Reservation.product_id, day),
    ))  # fmt: skip


_READING = _reading()


async def ledgers(reader: Reader, product_ids: Collection[UUID], today: date) -> dict[UUID, promise.Ledger]:
    """The products' ledgers in one statement."""
    on_hand = dict.fromkeys(product_ids, Decimal(0))
    receipts, promised = defaultdict(list), defaultdict(list)
    for row in await _READING.all(reader, products=list(on_hand), today=today):
        if row.day is None:
            on_hand[row.product_id] = row.quantity
        elif row.receipt_id is None:
            promised[row.product_id].append((row.day, row.quantity))
        else:
            receipts[row.product_id].append(
                promise.Receipt(row.receipt_id, row.day, row.quantity, row.planned, row.pegged)
            )
    return {each: promise.Ledger(on_hand[each], receipts[each], promised[each]) for each in on_hand}


async def read_receipts(session: AsyncSession, statement: Select[Receipt]) -> list[Receipt]:
    """Receipts as detached objects, to change and then to be `written` together."""
    found = (await session.scalars(statement.execution_options(populate_existing=True))).all()
    for receipt in found:
        session.expunge(receipt)
    return list(found)


async def planned_for(session: AsyncSession, line_ids: Collection[UUID]) -> list[Receipt]:
    """The planned receipts pegged to order lines."""
    return await read_receipts(session, select(Receipt).where(among(Receipt.pegged_line_id, line_ids), IS_PLANNED))


async def planned_receipts(
    session: AsyncSession, product_ids: Collection[UUID], named: Collection[UUID]
) -> list[Receipt]:
    """The products' planned receipts of ours, the oldest due first, and those that are named, in whatever state."""
    wanted = or_(and_(among(Receipt.product_id, product_ids), IS_PLANNED), among(Receipt.id, named))
    statement = select(Receipt).where(wanted, Receipt.source == OURS).order_by(Receipt.due_on, Receipt.id)
    return await read_receipts(session, statement)


async def receipts_by_key(session: AsyncSession, keys: Collection[tuple[str, str]]) -> list[Receipt]:
    """The receipts with these sources and external ids."""
    if not keys:
        return []
    rows = [{"source": source, "external_id": external_id} for source, external_id in dict.fromkeys(keys)]
    sent = bulk.recordset(rows, {"source": Text(), "external_id": Text()})
    same = and_(Receipt.source == sent.c.source, Receipt.external_id == sent.c.external_id)
    return await read_receipts(session, select(Receipt).join(sent, same))


async def held(session: AsyncSession, order_id: UUID, line_ids: Collection[UUID]) -> dict[UUID, Any]:
    """What the order's lines have reserved, and the stock it has to come from, by line."""
    planned = exists().where(Receipt.pegged_line_id == Reservation.order_line_id, IS_PLANNED)
    columns = (StockItem.on_hand, StockItem.counted_at, Product.sku, planned.label("planned"))
    statement = (
        select(Reservation.order_line_id, Reservation.quantity, Reservation.promised_on, *columns)
        .join(StockItem, StockItem.product_id == Reservation.product_id)
        .join(Product, Product.id == Reservation.product_id)
        .where(among(Reservation.order_line_id, line_ids), Reservation.order_id == order_id)
    )
    return {row.order_line_id: row for row in (await session.execute(statement)).all()}


async def counts(session: AsyncSession, product_ids: Collection[UUID]) -> dict[UUID, Count | None]:
    """The last count of each product."""
    item = StockItem
    statement = select(item.product_id, item.counted_quantity, item.counted_at)
    rows = (await session.execute(statement.where(among(item.product_id, product_ids)))).all()
    return {row.product_id: Count(row.counted_quantity, row.counted_at) if row.counted_at else None for row in rows}


async def recount(session: AsyncSession, counted: Mapping[UUID, Count]) -> dict[UUID, Decimal]:
    """Store counts; returns what is on hand by them and the movements since."""
    rows = [{"product_id": key, "quantity": count.quantity, "at": count.at} for key, count in counted.items()]
    sent = bulk.recordset(rows, {"product_id": Uuid(), "quantity": Numeric(), "at": DateTime(timezone=True)})
    since = and_(StockMovement.product_id == sent.c.product_id, StockMovement.at > sent.c.at)
    moved = select(func.coalesce(func.sum(StockMovement.quantity), 0)).where(since).correlate(sent).scalar_subquery()
    statement = (
        update(StockItem)
        .where(StockItem.product_id == sent.c.product_id)
        .values(
            counted_quantity=sent.c.quantity,
            counted_at=sent.c.at,
            on_hand=sent.c.quantity + moved,
            version=StockItem.version + 1,
            updated_at=clock.now(),
        )
        .returning(StockItem.product_id, StockItem.on_hand)
    )
    done = await session.execute(statement, execution_options={"synchronize_session": False})
    return {row.product_id: row.on_hand for row in done.all()}


def _row(receipt: Receipt, now: datetime) -> dict[str, Any]:
    nothing = dict.fromkeys(("replaced_quantity", "largest_quantity"), Decimal(0))
    fresh = {"version": 1, "created_at": now, "updated_at": now, **nothing}
    return {name: getattr(receipt, name) or fresh.get(name) for name in Receipt.__table__.columns.keys()}  # noqa: SIM118


def plan(writes: Writes, happened: Iterable[tuple[Receipt, ReceiptEvent]]) -> None:
    """Write new receipts, and what happened to them."""
    for receipt, event in happened:
        writes.insert(Receipt, [_row(receipt, clock.now())])
        writes.tell(receipt.id, event)


def written(session: AsyncSession, happened: Sequence[tuple[Receipt, ReceiptEvent]]) -> list[UpdateBase]:
    """The statements that insert new receipts, update the others, and tell what happened to them."""
    if not happened:
        return []
    now = clock.now()
    receipts = {each.id: each for each, _ in happened}.values()
    statement = bulk.insert_all(Receipt, [_row(each, now) for each in receipts])
    changed: dict[str, Any] = {name: statement.excluded[name] for name in (*CHANGEABLE, "largest_quantity")}
    changed |= {"version": Receipt.version + 1, "updated_at": now}
    events = [outbox.as_values(session, each.id, event) for each, event in happened]
    return [
        statement.on_conflict_do_update(index_elements=["id"], set_=changed),
        bulk.insert_all(outbox.OutboxEvent, events),
    ]


def moved(movements: Sequence[Mapping[str, Any]], change: Mapping[UUID, Decimal]) -> list[UpdateBase]:
    """The statements that book movements and change what is on hand, by product."""
    rows = [{"product_id": product_id, "change": quantity} for product_id, quantity in change.items() if quantity]
    statements: list[UpdateBase] = [bulk.insert_all(StockMovement, movements)] if movements else []
    if rows:
        sent = bulk.recordset(rows, {"product_id": Uuid(), "change": Numeric()})
        values = {
            "on_hand": StockItem.on_hand + sent.c.change, "version": StockItem.version + 1, "updated_at": clock.now(),
        }  # fmt: skip
        statements.append(update(StockItem).where(StockItem.product_id == sent.c.product_id).values(values))
    return statements


def repointed(replaced: Mapping[UUID, UUID]) -> list[UpdateBase]:
    """The statement that rests reservations on other receipts, by the one they rested on."""
    if not replaced:
        return []
    rows = [{"old": old, "new": new} for old, new in replaced.items()]
    sent = bulk.recordset(rows, {"old": Uuid(), "new": Uuid()})
    values = {"receipt_id": sent.c.new, "basis": promise.BasisKind.RECEIPT}
    return [update(Reservation).where(Reservation.receipt_id == sent.c.old).values(values)]
