"""Holds: reasons why an order may not go on, who placed and who released them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock, outbox
from app.kernel.errors import Conflict, NotFound
from app.orders.events import OrderHeld, OrderReleased
from app.orders.models import Order, OrderHold
from app.orders.repository import orders
from app.orders.rules import MOVES, HoldReason


async def place(session: AsyncSession, *, order_id: UUID, reason: HoldReason, note: str | None) -> Order:
    """Put an order on hold: a draft cannot be confirmed, a confirmed one leaves dispatch's list.

    Raises:
        Conflict: the order is completed or cancelled.

    """
    order = await orders.lock(session, order_id)
    if not MOVES[order.status]:
        raise Conflict(f"{order.number} is {order.status}: there is nothing left to hold")
    hold = OrderHold(order_id=order.id, reason=reason, note=note, placed_by=outbox.origin(session).name)
    session.add(hold)
    order.derive(await orders.lines(session, order.id), on_hold=True)
    order.updated_at = clock.now()
    outbox.record(session, order, OrderHeld(number=order.number, hold_id=hold.id, reason=reason))
    return order


async def release(session: AsyncSession, *, order_id: UUID, hold_id: UUID, note: str) -> Order:
    """Release a hold; the order goes on when no other stands. Releasing twice changes nothing.

    Raises:
        NotFound: the order has no such hold.

    """
    order = await orders.lock(session, order_id)
    hold = await session.get(OrderHold, hold_id)
    if hold is None or hold.order_id != order_id:
        raise NotFound(f"{order.number} has no hold {hold_id}")
    if hold.released_at is not None:
        return order
    hold.released_by, hold.released_at, hold.release_note = outbox.origin(session).name, clock.now(), note
    await session.flush()
    order.derive(await orders.lines(session, order.id), on_hold=await orders.on_hold(session, order.id))
    order.updated_at = clock.now()
    outbox.record(session, order, OrderReleased(number=order.number, hold_id=hold.id, open_to_ship=order.open_to_ship))
    return order
