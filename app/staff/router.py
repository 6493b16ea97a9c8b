"""HTTP for staff."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.http import ExpectedVersion, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.staff import service
from app.staff.models import Absence
from app.staff.repository import absences, staff
from app.staff.schemas import AbsenceCreate, AbsenceQuery, AbsenceRead, StaffCreate, StaffQuery, StaffRead, StaffUpdate

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


@routes.post(
    "/{member_id}/absences",
    summary="Record an absence",
    status_code=201,
    response_model=AbsenceRead,
    dependencies=_WRITE,
)
async def add_absence(tx: Tx, member_id: UUID, body: AbsenceCreate) -> Response:
    """Nobody who is away today is given a new lead by the rules. What they have stays theirs."""
    absence = await service.add_absence(tx, member_id=member_id, body=body)
    return created(await absences.show(tx, absence.id), f"staff/{member_id}/absences", absence.id)


@routes.get(
    "/{member_id}/absences",
    summary="List somebody's absences",
    response_model=Page[AbsenceRead],
    dependencies=_READ,
)
async def list_absences(
    request: Request, tx: ReadTx, member_id: UUID, query: Annotated[AbsenceQuery, Parameters()]
) -> Response:
    theirs = await absences.page(tx, query, Absence.staff_id == member_id, within=member_id)
    return answer_page(request, await staff.part(tx, member_id, theirs))


@routes.get(
    "/{member_id}/absences/{absence_id}", summary="Get an absence", response_model=AbsenceRead, dependencies=_READ
)
async def get_absence(tx: ReadTx, member_id: UUID, absence_id: UUID) -> Response:
    return answer(await absences.show(tx, absence_id, Absence.staff_id == member_id))


@routes.delete(
    "/{member_id}/absences/{absence_id}", summary="Take an absence back", status_code=204, dependencies=_WRITE
)
async def remove_absence(tx: Tx, expected: ExpectedVersion, member_id: UUID, absence_id: UUID) -> None:
    await service.remove_absence(tx, member_id=member_id, absence_id=absence_id, expected=expected)
