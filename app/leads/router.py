"""HTTP for leads."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.bulk import BulkResult
from app.kernel.http import ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.kernel.repository import Document
from app.leads import service
from app.leads.dedupe import Outcome
from app.leads.models import LeadTouch
from app.leads.repository import leads, touches
from app.leads.schemas import (
    LeadBulk,
    LeadCaptured,
    LeadCreate,
    LeadQuery,
    LeadRead,
    LeadTouchQuery,
    LeadTouchRead,
)

routes = router("/leads", "leads")
_READ = [requires(Permission.LEADS_READ)]
_WRITE = [requires(Permission.LEADS_WRITE)]
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": LeadCaptured, "description": "We knew this lead: a touch was added, or nothing was new."}
}


@routes.post(
    "",
    summary="Capture a lead",
    status_code=201,
    response_model=LeadCaptured,
    responses=_KNOWN,
    dependencies=_WRITE,
)
async def create(tx: Tx, body: LeadCreate) -> Response:
    """Create a lead, or add a touch to the one that this is: the same source and id, or the same email and person."""
    done = await service.capture_one(tx, body=body)
    shown = await leads.show(tx, done.lead_id)
    document = Document(f'{{"result":"{done.outcome}","lead":{shown.body}}}', shown.version)
    return created(document, "leads", done.lead_id) if done.outcome is Outcome.CREATED else answer(document)


@routes.post("/bulk", summary="Capture up to 1,000 leads", response_model=BulkResult, dependencies=_WRITE)
async def capture(tx: Tx, body: LeadBulk) -> BulkResult:
    """Each row as if sent by itself, one after the other; a wrong row costs no other."""
    return await service.capture_many(tx, rows=body.leads)


@routes.get("", summary="List leads", response_model=Page[LeadRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[LeadQuery, Parameters()]) -> Response:
    return answer_page(request, await leads.page(tx, query))


@routes.get("/{lead_id}", summary="Get a lead", response_model=LeadRead, dependencies=_READ)
async def get(tx: ReadTx, lead_id: UUID) -> Response:
    return answer(await leads.show(tx, lead_id))


@routes.get(
    "/{lead_id}/touches",
    summary="List what was heard of a lead",
    response_model=Page[LeadTouchRead],
    dependencies=_READ,
)
async def list_touches(
    request: Request, tx: ReadTx, lead_id: UUID, query: Annotated[LeadTouchQuery, Parameters()]
) -> Response:
    return answer_page(request, await touches.page(tx, query, LeadTouch.lead_id == lead_id))
