"""Northwind's stock and units on order, and the final runs of `remedies`, through the services."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.demo.northwind import Northwind, sku_of
from app.demo.remedies import ON_ORDER_DUE, REMEDIES
from app.kernel import bulk, clock
from app.supply import counting, receiving
from app.supply.models import StockItem
from app.supply.rules import ReceiptStatus
from app.supply.schemas import ReceiptUpsert, StockCount

SOURCE = "northwind"
"""The source of the receipts."""


async def put_in_stock(session: AsyncSession, northwind: Northwind, product_ids: Mapping[int, UUID]) -> None:
    """What the open orders are promised from. It is counted, with the same figures, when all is loaded."""
    rows = [
        {"product_id": product_ids[each.number], "on_hand": each.in_stock, "version": 1, "updated_at": clock.now()}
        for each in northwind.products
    ]
    await session.execute(bulk.insert_all(StockItem, rows))


async def announce_receipts(session: AsyncSession, northwind: Northwind) -> None:
    """Units on order and final runs, as production stands by them."""
    due = [
        (f"on-order-{each.sku}", each.sku, each.on_order, ON_ORDER_DUE[each.number % len(ON_ORDER_DUE)])
        for each in northwind.products
        if each.on_order
    ]
    due += [
        (f"final-run-{sku_of(number)}", sku_of(number), remedy.quantity, remedy.due_on)
        for number, remedy in REMEDIES.items()
        if remedy.due_on is not None
    ]
    rows = [
        ReceiptUpsert(
            source=SOURCE,
            external_id=external_id,
            sku=sku,
            quantity=quantity,
            due_on=northwind.day(day),
            status=ReceiptStatus.CONFIRMED,
        )
        for external_id, sku, quantity, day in due
    ]
    await receiving.receive(session, rows=rows)


async def count(session: AsyncSession, northwind: Northwind) -> None:
    """Units in stock, as counted now."""
    now = clock.now()
    rows = [StockCount(sku=each.sku, quantity=each.in_stock, counted_at=now) for each in northwind.products]
    await counting.count(session, rows=rows)
