"""HTTP for staff."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.http import ExpectedVersion, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.staff import service
from app.staff.repository import staff
from app.staff.schemas import StaffCreate, StaffQuery, StaffRead, StaffUpdate

routes = router("/staff", "staff")
_READ = [requires(Permission.STAFF_READ)]
_WRITE = [requires(Permission.STAFF_WRITE)]


@routes.post("", summary="Add a member of staff", status_code=201, response_model=StaffRead, dependencies=_WRITE)
async def create(tx: Tx, body: StaffCreate) -> Response:
    member = await service.create(tx, body=body)
    return created(await staff.show(tx, member.id), "staff", member.id)


@routes.get("", summary="List staff", response_model=Page[StaffRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[StaffQuery, Parameters()]) -> Response:
    """Indexed: both sorts by themselves, with a role the one by name, and who reports to somebody."""
    return answer_page(request, await staff.page(tx, query))


@routes.get("/{member_id}", summary="Get a member of staff", response_model=StaffRead, dependencies=_READ)
async def get(tx: ReadTx, member_id: UUID) -> Response:
    return answer(await staff.show(tx, member_id))


@routes.patch("/{member_id}", summary="Change a member of staff", response_model=StaffRead, dependencies=_WRITE)
async def update(tx: Tx, expected: ExpectedVersion, member_id: UUID, body: StaffUpdate) -> Response:
    await service.update(tx, member_id=member_id, expected=expected, body=body)
    return answer(await staff.show(tx, member_id))
