"""Any life of a product: what is promised by a day never exceeds what is there by it."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import Conflict
from app.supply import promise, service
from app.supply.models import Receipt, Reservation, StockMovement
from app.supply.rules import OURS, ReceiptStatus
from tests.supply.goods import TODAY, Taken, add_product, count_stock, day, expect, take


def uncovered(ledger: promise.Ledger) -> list[tuple[int, Decimal]]:
    """The days by which more is promised than is there, added up here the plain way."""
    short = []
    for number in range(60):
        supply = ledger.on_hand + sum(r.quantity for r in ledger.receipts if TODAY <= r.due <= day(number))
        promised = sum(quantity for due, quantity in ledger.promised if due <= day(number))
        if promised > supply:
            short.append((number, promised - supply))
    return short


@pytest.mark.parametrize("seed", range(12))
async def test_no_life_breaks_a_promise(tx: AsyncSession, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a game, no secret
    product = await add_product(tx)
    await count_stock(tx, product, 20)
    orders: list[Taken] = []
    shipped = Decimal(0)
    for _ in range(40):
        act = random.choice(["take", "take", "take", "expect", "receive", "release", "ship"])
        if act == "take":
            wanted = day(random.randrange(20))
            orders.append(await take(tx, product, random.randint(1, 15), wanted, day(random.randrange(30))))
        elif act == "expect":
            await expect(tx, product, random.randint(1, 30), TODAY)
        elif act == "receive":
            await expect(tx, product, random.randint(1, 10), TODAY, ReceiptStatus.RECEIVED)
        elif orders:
            order = orders.pop(random.randrange(len(orders)))
            lines = order.ships(int(order.quantity))
            try:
                if act == "ship":
                    await service.ship(tx, order_id=order.order_id, lines=lines, at=datetime.now(UTC), today=TODAY)
                    shipped += order.quantity
                else:
                    await service.release(tx, order_id=order.order_id)
            except Conflict:  # goods that are not there, or promised to others before: the order goes on waiting
                orders.append(order)
        ledgers = await service.ledgers(tx, product_ids=[product.id], today=TODAY)
        assert uncovered(ledgers[product.id]) == []
    waiting = {order.line_id: order.quantity for order in orders}
    rows = (await tx.execute(select(Reservation.order_line_id, Reservation.quantity))).all()
    assert {row.order_line_id: row.quantity for row in rows} == waiting
    moved = await tx.scalar(select(func.sum(StockMovement.quantity)).where(StockMovement.kind == "shipment"))
    assert (moved or 0) == -shipped
    stray = select(Receipt.pegged_line_id).where(Receipt.source == OURS, Receipt.status == ReceiptStatus.PLANNED)
    assert set((await tx.scalars(stray)).all()) <= {*waiting, None}
