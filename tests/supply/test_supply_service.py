"""What orders do with stock, on the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel.errors import Conflict
from app.kernel.outbox import OutboxEvent
from app.kernel.writes import Writes
from app.products.models import Product
from app.supply import promise, service
from app.supply.models import Receipt, Reservation, StockItem, StockMovement
from app.supply.promise import BasisKind, Promise, Wanted
from app.supply.repository import stock
from app.supply.rules import ReceiptStatus
from app.supply.schemas import StockRead
from tests.conftest import BoundDatabase
from tests.statements import counted
from tests.supply.goods import COUNTED, TODAY, Taken, add_product, count_stock, day, expect, take

NOW = datetime.now(UTC)


async def ledger_of(tx: AsyncSession, product: Product) -> promise.Ledger:
    return (await service.ledgers(tx, product_ids=[product.id], today=TODAY))[product.id]


async def available(tx: AsyncSession, product: Product, number: int) -> Decimal:
    return promise.available(await ledger_of(tx, product), day(number), TODAY)


async def on_hand(tx: AsyncSession, product: Product) -> Decimal:
    return (await tx.scalars(select(StockItem.on_hand).where(StockItem.product_id == product.id))).one()


async def receipt(tx: AsyncSession, identity: UUID | None) -> Receipt:
    assert identity is not None
    return await tx.get_one(Receipt, identity, populate_existing=True)


async def reservation(tx: AsyncSession, order: Taken) -> Reservation | None:
    return await tx.get(Reservation, order.line_id, populate_existing=True)


async def test_the_worked_example(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    coming = await expect(tx, product, 50, day(12))
    await take(tx, product, 30, day(18))
    assert [await available(tx, product, number) for number in (0, 11, 12, 400)] == [8, 8, 28, 28]
    twenty = await take(tx, product, 20, day(5))
    assert twenty.promise == Promise(day(12), promise.Basis(BasisKind.RECEIPT, coming, day(12)), Decimal(8))
    before = [await available(tx, product, number) for number in range(30)]
    thirty = await take(tx, product, 30, day(5), day(9))
    assert thirty.promise is not None
    assert (thirty.promise.date, thirty.promise.basis.kind) == (day(9), BasisKind.PRODUCTION)
    planned = await receipt(tx, thirty.receipt_id)
    assert (planned.quantity, planned.due_on, planned.status) == (Decimal(30), day(9), ReceiptStatus.PLANNED)
    assert (planned.pegged_line_id, planned.source) == (thirty.line_id, "bellwether")
    assert [await available(tx, product, number) for number in range(30)] == before
    told = (await tx.scalars(select(OutboxEvent).where(OutboxEvent.type == "receipt.planned"))).one()
    assert (told.subject_id, told.data["order_number"]) == (planned.id, thirty.number)


async def test_a_product_that_was_never_seen_has_nothing(tx: AsyncSession) -> None:
    product = await add_product(tx)
    assert await ledger_of(tx, product) == promise.Ledger(Decimal(0))


async def test_later_lines_see_earlier_ones(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 10)
    ledgers = await service.ledgers(tx, product_ids=[product.id], today=TODAY)
    lines = [Wanted(uuid7(), product.id, Decimal(6), day(1)), Wanted(uuid7(), product.id, Decimal(6), day(1))]
    first, second = service.propose(ledgers, wanted=lines, today=TODAY)
    assert first is not None
    assert (first.date, second) == (day(1), None)


async def test_release_gives_everything_back(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    before = await ledger_of(tx, product)
    from_stock = await take(tx, product, 8, day(0))
    produced = await take(tx, product, 5, day(0), day(7))
    await service.release(tx, order_id=from_stock.order_id)
    await service.release(tx, order_id=produced.order_id, line_ids=[produced.line_id])
    assert await ledger_of(tx, product) == before
    assert (await receipt(tx, produced.receipt_id)).status is ReceiptStatus.CANCELLED
    await service.release(tx, order_id=produced.order_id)  # nothing held is no error


async def test_release_of_one_line_leaves_the_others(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    order = await take(tx, product, 3, day(0))
    await service.release(tx, order_id=order.order_id, line_ids=[uuid7()])
    assert await reservation(tx, order) is not None


async def test_shipping_takes_reservation_and_stock(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    order = await take(tx, product, 5, day(0))
    await service.ship(tx, order_id=order.order_id, lines=order.ships(2), at=NOW, today=TODAY)
    left = await reservation(tx, order)
    assert left is not None
    assert [left.quantity, await on_hand(tx, product), await available(tx, product, 0)] == [3, 6, 3]
    await service.ship(tx, order_id=order.order_id, lines=order.ships(3), at=NOW, today=TODAY)
    assert await reservation(tx, order) is None
    assert await on_hand(tx, product) == 3
    moved = (await tx.scalars(select(StockMovement.quantity).where(StockMovement.order_id == order.order_id))).all()
    assert sorted(moved) == [-3, -2]


async def test_no_more_ships_than_is_reserved_or_on_hand(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 4)
    await expect(tx, product, 10, day(3))
    order = await take(tx, product, 9, day(0))
    with pytest.raises(Conflict, match="4 of CHAI is on hand, 5 is to leave"):
        await service.ship(tx, order_id=order.order_id, lines=order.ships(5), at=NOW, today=TODAY)
    with pytest.raises(Conflict, match="9 of line"):
        await service.ship(tx, order_id=order.order_id, lines=order.ships(10), at=NOW, today=TODAY)
    with pytest.raises(Conflict, match="0 of line"):
        await service.ship(tx, order_id=uuid7(), lines=order.ships(1), at=NOW, today=TODAY)
    assert await on_hand(tx, product) == 4


async def test_each_line_that_cannot_leave_is_named(tx: AsyncSession) -> None:
    product, other = await add_product(tx), await add_product(tx, "OTHER")
    await count_stock(tx, product, 8)
    await count_stock(tx, other, 5)
    await expect(tx, product, 20, day(10))
    orders = [await take(tx, product, 4, day(0)), await take(tx, product, 4, day(0)), await take(tx, other, 5, day(0))]
    for each in orders[1:]:  # all of one order
        row = await reservation(tx, each)
        assert row is not None
        row.order_id = orders[0].order_id
    await tx.flush()
    lines = [(each.line_id, each.product.id, each.quantity) for each in orders]

    async def refused(lines: list[tuple[UUID, UUID, Decimal]]) -> list[tuple[str, str]]:
        with pytest.raises(Conflict) as caught:
            await service.ship(tx, order_id=orders[0].order_id, lines=lines, at=NOW, today=TODAY)
        assert caught.value.detail == caught.value.errors[0].detail
        return [(error.pointer, error.code) for error in caught.value.errors]

    excess = [lines[0], lines[2], (*lines[1][:2], Decimal(5))]
    assert await refused(excess) == [("/lines/2/quantity", "too_many")]
    await count_stock(tx, product, 7, NOW - timedelta(minutes=1))
    await count_stock(tx, other, 4, NOW - timedelta(minutes=1))
    short = [("/lines/1/quantity", "insufficient_stock"), ("/lines/2/quantity", "insufficient_stock")]
    assert await refused(lines) == short


async def test_nothing_leaves_early_that_others_were_promised_before(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    await expect(tx, product, 20, day(10))
    later = await take(tx, product, 20, day(5))
    sooner = await take(tx, product, 6, day(2))
    assert later.promise is not None
    assert later.promise.date == day(10)
    with pytest.raises(Conflict, match=f"promised to others for {day(2)}") as refused:
        await service.ship(tx, order_id=later.order_id, lines=later.ships(3), at=NOW, today=TODAY)
    (error,) = refused.value.errors
    assert (error.pointer, error.code) == ("/lines/0/quantity", "promised_to_others")
    await service.ship(tx, order_id=later.order_id, lines=later.ships(2), at=NOW, today=TODAY)
    await service.ship(tx, order_id=sooner.order_id, lines=sooner.ships(6), at=NOW, today=TODAY)
    assert await on_hand(tx, product) == 0


async def test_what_left_before_the_count_is_in_the_count(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    order = await take(tx, product, 8, day(0))
    earlier = COUNTED - timedelta(minutes=1)
    await service.ship(tx, order_id=order.order_id, lines=order.ships(8), at=earlier, today=TODAY)
    await service.restock(tx, order_id=order.order_id, lines=[(product.id, Decimal(3))], at=earlier)
    assert await on_hand(tx, product) == 8
    await service.restock(tx, order_id=order.order_id, lines=[(product.id, Decimal(2))], at=NOW)
    assert await on_hand(tx, product) == 10


async def test_a_planned_receipt_ends_when_its_goods_came_from_stock(tx: AsyncSession) -> None:
    product = await add_product(tx)
    order = await take(tx, product, 5, day(0), day(7))
    await count_stock(tx, product, 5)  # production counted instead of telling a receipt
    await service.ship(tx, order_id=order.order_id, lines=order.ships(3), at=NOW, today=TODAY)
    assert (await receipt(tx, order.receipt_id)).quantity == 2
    await service.ship(tx, order_id=order.order_id, lines=order.ships(2), at=NOW, today=TODAY)
    assert (await receipt(tx, order.receipt_id)).status is ReceiptStatus.CANCELLED
    assert await available(tx, product, 100) == 0


async def test_a_planned_receipt_stays_for_those_whose_stock_went(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 5)
    robbed = await take(tx, product, 5, day(9))
    order = await take(tx, product, 5, day(0), day(7))
    await service.ship(tx, order_id=order.order_id, lines=order.ships(5), at=NOW, today=TODAY)
    planned = await receipt(tx, order.receipt_id)
    assert (planned.status, planned.pegged_line_id) == (ReceiptStatus.PLANNED, None)
    assert planned.quantity == 5
    await service.release(tx, order_id=robbed.order_id)
    assert await available(tx, product, 7) == 5


async def test_a_late_receipt_counts_when_it_is_dated_anew(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await expect(tx, product, 10, day(-1), number="WO-LATE")
    assert await available(tx, product, 30) == 0
    await expect(tx, product, 10, day(4), number="WO-LATE")
    assert [await available(tx, product, 3), await available(tx, product, 4)] == [0, 10]


async def test_a_real_receipt_consumes_planned_ones_oldest_first(tx: AsyncSession) -> None:
    product = await add_product(tx)
    later = await take(tx, product, 30, day(0), day(20))
    sooner = await take(tx, product, 10, day(0), day(10))
    real = await expect(tx, product, 25, day(8), ReceiptStatus.PLANNED)
    first, second = await receipt(tx, sooner.receipt_id), await receipt(tx, later.receipt_id)
    assert (first.status, first.replaced_by_id) == (ReceiptStatus.CANCELLED, real)
    assert (second.status, second.quantity) == (ReceiptStatus.PLANNED, Decimal(15))
    rests = await reservation(tx, sooner)
    assert rests is not None
    assert (rests.receipt_id, rests.basis) == (real, BasisKind.RECEIPT)
    assert sum(each.quantity for each in (await ledger_of(tx, product)).receipts) == 40
    await expect(tx, product, 50, day(8))
    assert (await receipt(tx, later.receipt_id)).status is ReceiptStatus.CANCELLED
    assert await available(tx, product, 20) == 35
    await service.release(tx, order_id=later.order_id)
    assert await available(tx, product, 20) == 65


async def test_a_real_receipt_consumes_just_those_it_names(tx: AsyncSession) -> None:
    product = await add_product(tx)
    sooner = await take(tx, product, 10, day(0), day(10))
    later = await take(tx, product, 10, day(0), day(20))
    assert later.receipt_id is not None
    await expect(tx, product, 12, day(8), replaces=[later.receipt_id])
    assert (await receipt(tx, later.receipt_id)).status is ReceiptStatus.CANCELLED
    await expect(tx, product, 12, day(8), replaces=[])
    assert (await receipt(tx, sooner.receipt_id)).quantity == 10


async def test_few_statements_however_many_lines(tx: AsyncSession, database: BoundDatabase) -> None:
    products = [await add_product(tx, f"SKU-{number}") for number in range(20)]
    ids = [product.id for product in products]
    for product in products[:10]:
        await count_stock(tx, product, 5)
    order_id, counts = uuid7(), {}
    await tx.flush()
    async with counted(database.connection) as seen:
        await service.lock_items(tx, product_ids=ids)
    counts["lock_items"] = len(seen)
    async with counted(database.connection) as seen:
        ledgers = await service.ledgers(tx, product_ids=ids, today=TODAY)
    counts["ledgers"] = len(seen)
    wanted = [Wanted(uuid7(), each, Decimal(5), day(0), day(7)) for each in ids]
    promises = service.propose(ledgers, wanted=wanted, today=TODAY)
    booked = [
        (line.line_id, line.product_id, line.quantity, made)
        for line, made in zip(wanted, promises, strict=True)
        if made
    ]
    async with counted(database.connection) as seen:
        writes = Writes(tx)
        service.reserve(writes, order_id=order_id, order_number="SO-1", lines=booked)
        await writes.send()
    counts["reserve"] = len(seen)
    shipped = [line[:3] for line in booked[:10]]
    async with counted(database.connection) as seen:
        await service.ship(tx, order_id=order_id, lines=shipped, at=NOW, today=TODAY)
    counts["ship"] = len(seen)
    async with counted(database.connection) as seen:
        await service.restock(tx, order_id=order_id, lines=[(ids[0], Decimal(5))], at=NOW)
    counts["restock"] = len(seen)
    async with counted(database.connection) as seen:
        await service.release(tx, order_id=order_id)
    counts["release"] = len(seen)
    assert counts == {"lock_items": 1, "ledgers": 1, "reserve": 1, "ship": 2, "restock": 2, "release": 3}


async def test_a_count_from_before_the_shipments_may_show_too_little(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    order = await take(tx, product, 8, day(0))
    await service.ship(tx, order_id=order.order_id, lines=order.ships(8), at=NOW, today=TODAY)
    await count_stock(tx, product, 5, COUNTED + timedelta(minutes=1))
    assert await on_hand(tx, product) == -3
    assert await available(tx, product, 0) == 0
    shown = await stock.show(tx, product.id, TODAY)
    assert StockRead.model_validate_json(shown.body).on_hand == -3


async def test_what_happens_is_told(tx: AsyncSession) -> None:
    product = await add_product(tx)
    await count_stock(tx, product, 8)
    planned = await take(tx, product, 9, day(0), day(3))
    real = await expect(tx, product, 9, day(2), number="WO-1")
    await expect(tx, product, 9, day(3), number="WO-1")
    await expect(tx, product, 9, day(3), ReceiptStatus.RECEIVED, number="WO-1")
    events = (await tx.scalars(select(OutboxEvent).order_by(OutboxEvent.seq))).all()
    assert [(event.type, event.subject_id) for event in events] == [
        ("stock.counted", product.id),
        ("receipt.planned", planned.receipt_id),
        ("receipt.created", real),
        ("receipt.cancelled", planned.receipt_id),
        ("receipt.updated", real),
        ("receipt.received", real),
    ]
    assert events[3].data["replaced_by_id"] == str(real)
    assert events[4].data["changes"] == [{"field": "due_on", "old": str(day(2)), "new": str(day(3))}]
