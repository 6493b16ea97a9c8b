"""HTTP for what dispatch does with an order: shipments, their delivery, returns."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.http import OurCompany, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.orders import fulfilment
from app.orders.fulfilment_schemas import (
    DeliveryCreate,
    OfOrderQuery,
    ReturnCreate,
    ReturnRead,
    ShipmentCreate,
    ShipmentRead,
)
from app.orders.models import OrderReturn, Shipment
from app.orders.repository import orders, returns, shipments

routes = router("/orders/{order_id}", "orders")
_READ = [requires(Permission.ORDERS_READ)]
_SHIP = [requires(Permission.SHIPMENTS_WRITE)]


@routes.post(
    "/shipments", summary="Ship goods of an order", status_code=201, response_model=ShipmentRead, dependencies=_SHIP
)
async def ship(tx: Tx, company: OurCompany, order_id: UUID, body: ShipmentCreate) -> Response:
    """Takes them from reservation and stock; what is not named stays open to ship."""
    shipment = await fulfilment.ship(
        tx,
        company=company,
        order_id=order_id,
        wanted=[(line.line_no, line.quantity) for line in body.lines] if body.lines else None,
        carrier=body.carrier,
        tracking_number=body.tracking_number,
        shipped_at=body.shipped_at,
    )
    return created(await shipments.show(tx, shipment.id), f"orders/{order_id}/shipments", shipment.id)


@routes.get("/shipments", summary="List an order's shipments", response_model=Page[ShipmentRead], dependencies=_READ)
async def list_shipments(
    request: Request, tx: ReadTx, order_id: UUID, query: Annotated[OfOrderQuery, Parameters()]
) -> Response:
    listing = await shipments.page(tx, query, Shipment.order_id == order_id, within=order_id)
    return answer_page(request, await orders.part(tx, order_id, listing))


@routes.get("/shipments/{shipment_id}", summary="Get a shipment", response_model=ShipmentRead, dependencies=_READ)
async def get_shipment(tx: ReadTx, order_id: UUID, shipment_id: UUID) -> Response:
    return answer(await shipments.show(tx, shipment_id, Shipment.order_id == order_id))


@routes.post(
    "/shipments/{shipment_id}/delivery", summary="Report a delivery", response_model=ShipmentRead, dependencies=_SHIP
)
async def deliver(tx: Tx, company: OurCompany, order_id: UUID, shipment_id: UUID, body: DeliveryCreate) -> Response:
    """When all of the order has been delivered, it completes and the account's purchase record grows."""
    await fulfilment.deliver(
        tx,
        company=company,
        order_id=order_id,
        shipment_id=shipment_id,
        delivered_at=body.delivered_at,
        received_by=body.received_by,
    )
    return answer(await shipments.show(tx, shipment_id))


@routes.post("/returns", summary="Take goods back", status_code=201, response_model=ReturnRead, dependencies=_SHIP)
async def take_back(tx: Tx, company: OurCompany, order_id: UUID, body: ReturnCreate) -> Response:
    """Lowers the order's revenue, and the purchase record of a completed order."""
    back = await fulfilment.take_back(
        tx,
        company=company,
        order_id=order_id,
        wanted=[(line.line_no, line.quantity) for line in body.lines],
        reason=body.reason,
        note=body.note,
        received_at=body.received_at,
        restock=body.restock,
    )
    return created(await returns.show(tx, back.id), f"orders/{order_id}/returns", back.id)


@routes.get("/returns", summary="List an order's returns", response_model=Page[ReturnRead], dependencies=_READ)
async def list_returns(
    request: Request, tx: ReadTx, order_id: UUID, query: Annotated[OfOrderQuery, Parameters()]
) -> Response:
    listing = await returns.page(tx, query, OrderReturn.order_id == order_id, within=order_id)
    return answer_page(request, await orders.part(tx, order_id, listing))


@routes.get("/returns/{return_id}", summary="Get a return", response_model=ReturnRead, dependencies=_READ)
async def get_return(tx: ReadTx, order_id: UUID, return_id: UUID) -> Response:
    return answer(await returns.show(tx, return_id, OrderReturn.order_id == order_id))
