"""What orders do with stock: see what is available, reserve it, give it back, ship it, put returns back.

The lock order of the whole product: the order's row, then the account's, then stock items in the order of their keys.
All that writes here is called under the locks of `lock_items`, taken in the same transaction before anything about the
products was read.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Numeric, Uuid, delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase
from uuid_utils.compat import uuid7

from app.kernel import bulk, clock
from app.kernel.errors import Conflict, FieldError
from app.kernel.statement import Reader
from app.kernel.writes import Writes
from app.supply import ledger, promise
from app.supply.events import ReceiptCancelled, ReceiptPlanned, ReceiptUpdated, facts, told
from app.supply.ledger import among
from app.supply.models import Receipt, Reservation
from app.supply.promise import BasisKind, Ledger, Promise, Wanted, propose
from app.supply.rules import OURS, MovementKind, ReceiptStatus, moves_stock

__all__ = ["Ledger", "Promise", "Wanted", "ledgers", "lock_items", "propose", "release", "reserve", "restock", "ship"]


async def lock_items(session: AsyncSession, *, product_ids: Iterable[UUID]) -> None:
    """Lock the products' stock until the transaction ends; whoever else wants one of them waits. One statement.

    Read the ledger after it, never before. An unknown product is a violated foreign key.
    """
    await ledger.lock_items(session, list(product_ids))


async def ledgers(reader: Reader, *, product_ids: Iterable[UUID], today: date) -> dict[UUID, Ledger]:
    """Supply and promises of each product, one that was never counted included. One statement.

    Under `lock_items` to reserve; without it for an answer that binds nobody. What of it is available on a day is
    `promise.available(ledger, day, today)`.
    """
    return await ledger.ledgers(reader, list(product_ids), today)


def reserve(
    writes: Writes,
    *,
    order_id: UUID,
    order_number: str,
    lines: Iterable[tuple[UUID, UUID, Decimal, Promise]],
) -> dict[UUID, UUID]:
    """Keep promises: a reservation for each (line, product, quantity, promise), and what production has to plan for it.

    The promises were made by `propose` from ledgers read under the same locks; a line that is reserved already is
    released first. Returns the receipt each line rests on, those planned here included.
    """
    planned: list[Receipt] = []
    rows: list[dict[str, Any]] = []
    for line_id, product_id, quantity, made in lines:
        receipt_id = made.basis.receipt_id
        if made.basis.kind is BasisKind.PRODUCTION:
            receipt = _planned(line_id, product_id, quantity, made)
            planned.append(receipt)
            receipt_id = receipt.id
        rows.append(
            {
                "order_line_id": line_id,
                "order_id": order_id,
                "order_number": order_number,
                "product_id": product_id,
                "quantity": quantity,
                "promised_on": made.date,
                "basis": made.basis.kind,
                "receipt_id": receipt_id,
                "created_at": clock.now(),
            }
        )
    happened = [(each, told(ReceiptPlanned, each, order_id=order_id, order_number=order_number)) for each in planned]
    ledger.plan(writes, happened)
    writes.insert(Reservation, rows)
    return {row["order_line_id"]: row["receipt_id"] for row in rows if row["receipt_id"] is not None}


def _planned(line_id: UUID, product_id: UUID, quantity: Decimal, made: Promise) -> Receipt:
    receipt = Receipt(source=OURS, product_id=product_id, quantity=quantity, due_on=made.basis.due)
    receipt.external_id, receipt.status, receipt.pegged_line_id = str(receipt.id), ReceiptStatus.PLANNED, line_id
    return receipt


async def release(session: AsyncSession, *, order_id: UUID, line_ids: Collection[UUID] | None = None) -> None:
    """Give back what the order, or some of its lines, still hold; that nothing is held is no error.

    The planned receipts made for them are cancelled; what a part-shipped line left of its own to others stays, pegged
    to nobody. One statement, three when one rested on a receipt.
    """
    held = [Reservation.order_id == order_id]
    if line_ids is not None:
        held.append(among(Reservation.order_line_id, line_ids))
    columns = (Reservation.order_line_id, Reservation.quantity, Reservation.receipt_id)
    released = (await session.execute(delete(Reservation).where(*held).returning(*columns))).all()
    given_back = {row.order_line_id: row.quantity for row in released if row.receipt_id is not None}
    if given_back:
        planned = await ledger.planned_for(session, given_back)
        less = [(each, each.quantity - given_back[each.pegged_line_id]) for each in planned if each.pegged_line_id]
        await _shrink(session, [(each, rest, True) for each, rest in less])


async def ship(
    session: AsyncSession, *, order_id: UUID, lines: Sequence[tuple[UUID, UUID, Decimal]], at: datetime, today: date
) -> None:
    """Take the shipped quantity of each (line, product, quantity) off its reservation and off the stock.

    `at` is when the goods left: what left before the last count is not in the count and leaves it as it is. Two
    statements, one more when a line leaves before its day, three more when one rests on a planned receipt.

    Raises:
        Conflict: a line has less left to ship (`too_many`), less is on hand (`insufficient_stock`), or a line leaves
            before its day with goods that are promised to others before that (`promised_to_others`). The errors point
            to `/lines/{index}/quantity`, by position in `lines`.

    """
    if not lines:
        return
    held = await ledger.held(session, order_id, [line_id for line_id, _, _ in lines])
    shipped: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    leaving: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    errors = []
    for index, (line_id, product_id, quantity) in enumerate(lines):
        shipped[line_id] += quantity
        row = held.get(line_id)
        if row is None or shipped[line_id] > row.quantity:
            rest = _plain(row.quantity) if row else 0
            why = f"{rest} of line {line_id} is left to ship, not {_plain(shipped[line_id])}"
            errors.append(_too_much(index, "too_many", why))
        elif row.counted_at is None or at > row.counted_at:  # what left before the count is not in it
            leaving[product_id] += quantity
            if leaving[product_id] > row.on_hand:
                why = (
                    f"{_plain(row.on_hand)} of {row.sku} is on hand, {_plain(leaving[product_id])} is to leave: "
                    "count the stock or book the receipt"
                )
                errors.append(_too_much(index, "insufficient_stock", why))
    _refuse(errors)
    await _refuse_early(session, lines, held, leaving, today)
    movements = [
        _movement(MovementKind.SHIPMENT, product_id, -quantity, at, order_id) for _, product_id, quantity in lines
    ]
    change = {product_id: -quantity for product_id, quantity in leaving.items()}
    left = {line_id: held[line_id].quantity - quantity for line_id, quantity in shipped.items()}
    await session.execute(bulk.together([*ledger.moved(movements, change), *_left(left)]))
    if any(held[line_id].planned for line_id in shipped):
        await _shrink_shipped(session, left, today)


async def restock(
    session: AsyncSession, *, order_id: UUID, lines: Sequence[tuple[UUID, Decimal]], at: datetime
) -> None:
    """Put the returned quantity of each (product, quantity) back in stock. Two statements.

    `at` is when the goods came back: what came before the last count is in the count.
    """
    if not lines:
        return
    counts = await ledger.counts(session, [product_id for product_id, _ in lines])
    coming: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for product_id, quantity in lines:
        if moves_stock(at, counts[product_id]):
            coming[product_id] += quantity
    movements = [_movement(MovementKind.RETURN, product_id, quantity, at, order_id) for product_id, quantity in lines]
    await session.execute(bulk.together(ledger.moved(movements, coming)))


def _movement(kind: MovementKind, product_id: UUID, quantity: Decimal, at: datetime, order_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid7(), "product_id": product_id, "kind": kind, "quantity": quantity, "at": at, "order_id": order_id,
    }  # fmt: skip


async def _refuse_early(
    session: AsyncSession,
    lines: Sequence[tuple[UUID, UUID, Decimal]],
    held: Mapping[UUID, Any],
    leaving: Collection[UUID],
    today: date,
) -> None:
    """What leaves before its promised day must not be what somebody else was promised until then."""
    early: defaultdict[UUID, list[int]] = defaultdict(list)
    for index, (line_id, product_id, _) in enumerate(lines):
        if held[line_id].promised_on > today and product_id in leaving:
            early[product_id].append(index)
    if not early:
        return
    seen = await ledger.ledgers(session, early, today)
    errors = []
    for product_id, places in early.items():
        rows = [held[lines[index][0]] for index in places]
        quantities = [(row.promised_on, lines[index][2]) for index, row in zip(places, rows, strict=True)]
        missed = promise.first_missed(seen[product_id], quantities, today)
        if missed is not None:
            why = f"{rows[0].sku} that leaves before its day is promised to others for {missed}"
            errors += [_too_much(index, "promised_to_others", why) for index in places]
    _refuse(errors)


def _too_much(index: int, code: str, why: str) -> FieldError:
    return FieldError(f"/lines/{index}/quantity", code, why)


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Conflict(errors[0].detail, errors=errors)


def _left(left: Mapping[UUID, Decimal]) -> list[UpdateBase]:
    """Reservations become smaller, or end."""
    statements: list[UpdateBase] = []
    done = [line_id for line_id, quantity in left.items() if not quantity]
    rest = [{"line_id": line_id, "quantity": quantity} for line_id, quantity in left.items() if quantity]
    if done:
        statements.append(delete(Reservation).where(among(Reservation.order_line_id, done)))
    if rest:
        sent = bulk.recordset(rest, {"line_id": Uuid(), "quantity": Numeric()})
        smaller = update(Reservation).where(Reservation.order_line_id == sent.c.line_id)
        statements.append(smaller.values(quantity=sent.c.quantity))
    return statements


async def _shrink_shipped(session: AsyncSession, left: Mapping[UUID, Decimal], today: date) -> None:
    """Goods from elsewhere went out in place of planned ones: what of these nobody else rests on now is not needed."""
    planned = await ledger.planned_for(session, left)
    seen = await ledger.ledgers(session, [each.product_id for each in planned], today)
    kept = []
    for each in planned:
        waiting = left[each.pegged_line_id] if each.pegged_line_id else Decimal(0)
        spare = promise.available(seen[each.product_id], each.due_on, today)
        less = min(max(each.quantity - waiting, Decimal(0)), spare)
        seen[each.product_id] = promise.without(seen[each.product_id], each.id, less)
        kept.append((each, each.quantity - less, not waiting))
    await _shrink(session, kept)


async def _shrink(session: AsyncSession, planned: Sequence[tuple[Receipt, Decimal, bool]]) -> None:
    """Leave that much of planned receipts, cancel them where that is nothing, unpeg those whose line is done."""
    happened = []
    for each, rest, done in planned:
        before = facts(each)
        if rest <= 0:
            each.status = ReceiptStatus.CANCELLED
            happened.append((each, told(ReceiptCancelled, each, since=before)))
        elif rest != each.quantity or done:
            each.quantity, each.pegged_line_id = rest, None if done else each.pegged_line_id
            happened.append((each, told(ReceiptUpdated, each, since=before)))
    if happened:
        await session.execute(bulk.together(ledger.written(session, happened)))


def _plain(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")
