"""HTTP for orders: taken, checked, promised, confirmed."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.http import (
    ExpectedVersion,
    OurCompany,
    ReadTx,
    Tx,
    answer,
    answer_page,
    created,
    requires,
    router,
)
from app.kernel.pagination import Page
from app.orders import capture, confirm, holds, review
from app.orders.repository import orders
from app.orders.schemas import (
    CancelCreate,
    ConfirmCreate,
    HoldCreate,
    HoldRelease,
    OrderCreate,
    OrderQuery,
    OrderRead,
    OrderUpdate,
    OverrideCreate,
    PromiseRead,
)

routes = router("/orders", "orders")
_READ = [requires(Permission.ORDERS_READ)]
_WRITE = [requires(Permission.ORDERS_WRITE)]
_OVERRIDE = [requires(Permission.ORDERS_OVERRIDE)]


@routes.post("", summary="Take an order, as a draft", status_code=201, response_model=OrderRead, dependencies=_WRITE)
async def create(tx: Tx, company: OurCompany, body: OrderCreate) -> Response:
    order = await capture.create(tx, company=company, body=body)
    return created(await orders.show(tx, order.id), "orders", order.id)


@routes.get("", summary="List orders", response_model=Page[OrderRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[OrderQuery, Parameters()]) -> Response:
    """Dispatch asks for `open_to_ship=true&sort=due_on`.

    Indexed: every sort by itself, with a status and with `open_to_ship=true`; the one by due day with a shipment state
    or a range of days; the one by age with an account. A lead, an opportunity, a number and a purchase order number
    find few orders.
    """
    return answer_page(request, await orders.page(tx, query))


@routes.get("/{order_id}", summary="Get an order", response_model=OrderRead, dependencies=_READ)
async def get(tx: ReadTx, order_id: UUID) -> Response:
    return answer(await orders.show(tx, order_id))


@routes.patch("/{order_id}", summary="Change a draft", response_model=OrderRead, dependencies=_WRITE)
async def update(tx: Tx, company: OurCompany, expected: ExpectedVersion, order_id: UUID, body: OrderUpdate) -> Response:
    await capture.update(tx, company=company, order_id=order_id, expected=expected, body=body)
    return answer(await orders.show(tx, order_id))


@routes.post("/{order_id}/check", summary="Check an order", response_model=OrderRead, dependencies=_WRITE)
async def check(tx: Tx, company: OurCompany, order_id: UUID) -> Response:
    """The findings are kept on the order and answered with it; blocking ones stop its confirmation."""
    await review.check_draft(tx, company=company, order_id=order_id)
    return answer(await orders.show(tx, order_id))


@routes.post(
    "/{order_id}/overrides", summary="Let a blocking finding stand", response_model=OrderRead, dependencies=_OVERRIDE
)
async def override(tx: Tx, company: OurCompany, order_id: UUID, body: OverrideCreate) -> Response:
    """It stands as long as what it was about stays the same: change the price and it blocks again."""
    await review.override(
        tx, company=company, order_id=order_id, code=body.code, line_no=body.line_no, reason=body.reason
    )
    return answer(await orders.show(tx, order_id))


@routes.post("/{order_id}/holds", summary="Put an order on hold", response_model=OrderRead, dependencies=_WRITE)
async def hold(tx: Tx, order_id: UUID, body: HoldCreate) -> Response:
    await holds.place(tx, order_id=order_id, reason=body.reason, note=body.note)
    return answer(await orders.show(tx, order_id))


@routes.post(
    "/{order_id}/holds/{hold_id}/release", summary="Release a hold", response_model=OrderRead, dependencies=_OVERRIDE
)
async def release(tx: Tx, order_id: UUID, hold_id: UUID, body: HoldRelease) -> Response:
    await holds.release(tx, order_id=order_id, hold_id=hold_id, note=body.note)
    return answer(await orders.show(tx, order_id))


@routes.post("/{order_id}/promise", summary="Propose delivery days", dependencies=_READ)
async def promise(tx: Tx, company: OurCompany, order_id: UUID) -> PromiseRead:
    """The earliest days on which the lines can be had now. Nothing is reserved by asking."""
    return await confirm.propose(tx, company=company, order_id=order_id)


@routes.post("/{order_id}/confirm", summary="Confirm an order", response_model=OrderRead, dependencies=_WRITE)
async def confirm_(
    tx: Tx, company: OurCompany, expected: ExpectedVersion, order_id: UUID, body: ConfirmCreate
) -> Response:
    """Checks once more, promises every line and reserves what the promises rest on, or changes nothing."""
    agreed_by = body.agreed_by if body.accept_dates else None
    await confirm.confirm(
        tx, company=company, order_id=order_id, expected=expected, agreed_by=agreed_by, latest_on=body.latest_on
    )
    return answer(await orders.show(tx, order_id))


@routes.post("/{order_id}/cancel", summary="Cancel an order", response_model=OrderRead, dependencies=_WRITE)
async def cancel(tx: Tx, expected: ExpectedVersion, order_id: UUID, body: CancelCreate) -> Response:
    await confirm.cancel(tx, order_id=order_id, expected=expected, reason=body.reason)
    return answer(await orders.show(tx, order_id))
