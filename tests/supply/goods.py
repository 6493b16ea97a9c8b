"""Products and orders to try supply with."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel import clock
from app.kernel.writes import Writes
from app.products.models import Product
from app.products.rules import ProductStatus
from app.supply import counting, receiving, service
from app.supply.promise import Promise, Wanted
from app.supply.rules import ReceiptStatus
from app.supply.schemas import ReceiptUpsert, StockCount

TODAY = clock.today("UTC")
COUNTED = datetime.now(UTC) - timedelta(hours=2)
_numbers = count(1)


def day(number: int) -> date:
    return TODAY + timedelta(days=number)


async def add_product(session: AsyncSession, sku: str = "CHAI") -> Product:
    product = Product(
        sku=sku, name=sku.title(), unit="each", minimum_quantity=Decimal(1), order_multiple=Decimal(1),
        status=ProductStatus.ACTIVE, production_days=5,
    )  # fmt: skip
    session.add(product)
    await session.flush()
    return product


async def count_stock(session: AsyncSession, product: Product, quantity: int, at: datetime = COUNTED) -> None:
    await counting.count(session, rows=[StockCount(sku=product.sku, quantity=Decimal(quantity), counted_at=at)])


async def expect(
    session: AsyncSession, product: Product, quantity: int, due: date, status: ReceiptStatus = ReceiptStatus.CONFIRMED,
    *, number: str | None = None, replaces: list[UUID] | None = None,
) -> UUID:  # fmt: skip
    row = ReceiptUpsert(
        source="production", external_id=number or f"WO-{next(_numbers)}", sku=product.sku,
        quantity=Decimal(quantity), due_on=due, status=status, replaces=replaces,
    )  # fmt: skip
    ((_, identity),) = await receiving.receive(session, rows=[row])  # type: ignore[misc]
    return identity


class Taken:
    """An order of one line, confirmed by supply."""

    def __init__(self, product: Product, quantity: int) -> None:
        self.order_id, self.line_id, self.number = uuid7(), uuid7(), f"SO-{next(_numbers)}"
        self.product, self.quantity = product, Decimal(quantity)
        self.promise: Promise | None = None
        self.receipt_id: UUID | None = None

    def ships(self, quantity: int) -> list[tuple[UUID, UUID, Decimal]]:
        return [(self.line_id, self.product.id, Decimal(quantity))]


async def take(
    session: AsyncSession, product: Product, quantity: int, wanted: date, produced: date | None = None
) -> Taken:
    """Lock, propose, reserve: what a confirmation does."""
    order = Taken(product, quantity)
    await service.lock_items(session, product_ids=[product.id])
    ledgers = await service.ledgers(session, product_ids=[product.id], today=TODAY)
    line = Wanted(order.line_id, product.id, order.quantity, wanted, produced)
    (order.promise,) = service.propose(ledgers, wanted=[line], today=TODAY)
    assert order.promise is not None
    booked = [(order.line_id, product.id, order.quantity, order.promise)]
    writes = Writes(session)
    rests_on = service.reserve(writes, order_id=order.order_id, order_number=order.number, lines=booked)
    await writes.send()
    order.receipt_id = rests_on.get(order.line_id)
    return order
