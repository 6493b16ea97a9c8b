"""HTTP for leads."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.accounts import service as accounts
from app.accounts.rules import ConsentQuery, ConsentRead
from app.activities import service as activities
from app.activities.rules import ActivityCreate, ActivityRead
from app.kernel.auth import Permission
from app.kernel.bulk import BulkResult
from app.kernel.http import (
    Caller,
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
from app.kernel.repository import Document
from app.leads import conversion, service
from app.leads.dedupe import CaptureOutcome
from app.leads.models import LeadTouch
from app.leads.repository import leads, touches
from app.leads.schemas import (
    CapturedLead,
    LeadBulk,
    LeadConsentCreate,
    LeadConvert,
    LeadCreate,
    LeadDisqualify,
    LeadQualify,
    LeadQuery,
    LeadRead,
    LeadTouchQuery,
    LeadTouchRead,
    LeadUpdate,
)

routes = router("/leads", "leads")
_READ = [requires(Permission.LEADS_READ)]
_CAPTURE = [requires(Permission.LEADS_CAPTURE)]
_WRITE = [requires(Permission.LEADS_WRITE)]
_CONVERT = [*_WRITE, requires(Permission.ACCOUNTS_WRITE)]
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": CapturedLead, "description": "We knew this lead: a touch was added, or nothing was new."}
}


@routes.post(
    "",
    summary="Capture a lead",
    status_code=201,
    response_model=CapturedLead,
    responses=_KNOWN,
    dependencies=[*_CAPTURE, *_READ],
)
async def create(tx: Tx, company: OurCompany, body: LeadCreate) -> Response:
    """Create a lead, or add a touch to the one that this is: the same source and id, or the same email and person.

    One that was given up is open again (`recycled`) when something happens afterwards; not when a consent is all that
    is withdrawn, nor when it was given up as spam, as a duplicate or for wrong data.

    Needs the scope leads:read as well, for it answers all that we know of the lead. A key that must not see that, as a
    web form's, sends to `/v1/leads/bulk`, which answers ids.
    """
    done = await service.capture_one(tx, body=body, today=company.today())
    shown = await leads.show(tx, done.lead_id)
    document = Document(f'{{"result":"{done.outcome}","lead":{shown.body}}}', shown.version)
    return created(document, "leads", done.lead_id) if done.outcome is CaptureOutcome.CREATED else answer(document)


@routes.post("/bulk", summary="Capture up to 1,000 leads", response_model=BulkResult, dependencies=_CAPTURE)
async def capture(tx: Tx, company: OurCompany, body: LeadBulk) -> BulkResult:
    """Each row as if sent by itself, one after the other; a wrong row costs no other. Answers ids, not the leads."""
    return await service.capture_many(tx, rows=body.leads, today=company.today())


@routes.get("", summary="List leads", response_model=Page[LeadRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[LeadQuery, Parameters()]) -> Response:
    """Indexed: every sort by itself, with a status or an owner, and in a range; by age a source or campaign; words."""
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
    heard = await touches.page(tx, query, LeadTouch.lead_id == lead_id, within=lead_id)
    return answer_page(request, await leads.part(tx, lead_id, heard))


@routes.get(
    "/{lead_id}/consents",
    summary="List what a lead said about being contacted",
    response_model=Page[ConsentRead],
    dependencies=_READ,
)
async def list_consents(
    request: Request, tx: ReadTx, lead_id: UUID, query: Annotated[ConsentQuery, Parameters()]
) -> Response:
    """Everything, with its evidence, also what has been overtaken."""
    said = await accounts.consents_of_lead(tx, lead_id=lead_id, query=query)
    return answer_page(request, await leads.part(tx, lead_id, said))


@routes.patch("/{lead_id}", summary="Change a lead", response_model=LeadRead, dependencies=_WRITE)
async def update(tx: Tx, expected: ExpectedVersion, lead_id: UUID, body: LeadUpdate) -> Response:
    await service.update(tx, lead_id=lead_id, expected=expected, body=body)
    return answer(await leads.show(tx, lead_id))


@routes.post("/{lead_id}/qualify", summary="Qualify a lead", response_model=LeadRead, dependencies=_WRITE)
async def qualify(tx: Tx, expected: ExpectedVersion, lead_id: UUID, body: LeadQualify) -> Response:
    await service.qualify(tx, lead_id=lead_id, expected=expected, body=body)
    return answer(await leads.show(tx, lead_id))


@routes.post("/{lead_id}/disqualify", summary="Disqualify a lead", response_model=LeadRead, dependencies=_WRITE)
async def disqualify(tx: Tx, expected: ExpectedVersion, lead_id: UUID, body: LeadDisqualify) -> Response:
    await service.disqualify(tx, lead_id=lead_id, expected=expected, body=body)
    return answer(await leads.show(tx, lead_id))


@routes.post("/{lead_id}/recycle", summary="Open a lead again", response_model=LeadRead, dependencies=_WRITE)
async def recycle(tx: Tx, expected: ExpectedVersion, lead_id: UUID) -> Response:
    await service.recycle(tx, lead_id=lead_id, expected=expected)
    return answer(await leads.show(tx, lead_id))


@routes.post("/{lead_id}/convert", summary="Convert a lead", response_model=LeadRead, dependencies=_CONVERT)
async def convert(
    tx: Tx, caller: Caller, expected: ExpectedVersion, company: OurCompany, lead_id: UUID, body: LeadConvert
) -> Response:
    """Into a new or an existing account and contact. Asking again answers the same, whatever If-Match says.

    Needs the scope accounts:write as well, and opportunities:write for an opportunity.
    """
    if body.opportunity is not None:
        caller.demand(Permission.OPPORTUNITIES_WRITE)
    await conversion.convert(tx, lead_id=lead_id, expected=expected, company=company, body=body)
    return answer(await leads.show(tx, lead_id))


@routes.post(
    "/{lead_id}/activities",
    summary="Record an activity on a lead",
    status_code=201,
    response_model=ActivityRead,
    dependencies=_WRITE,
)
async def record_activity(tx: Tx, lead_id: UUID, body: ActivityCreate) -> Response:
    """Who was reached and was new, or back again, is contacted; a next step becomes the lead's, none leaves its own."""
    activity = await service.record_activity(tx, lead_id=lead_id, body=body)
    return created(await activities.show(tx, activity_id=activity.id), "activities", activity.id)


@routes.post("/{lead_id}/consents", summary="Record a consent of a lead", response_model=LeadRead, dependencies=_WRITE)
async def record_consent(tx: Tx, lead_id: UUID, body: LeadConsentCreate) -> Response:
    """They agreed to be contacted, or withdrew. A grant after a withdrawal counts only with evidence."""
    await service.record_consent(tx, lead_id=lead_id, body=body)
    return answer(await leads.show(tx, lead_id))
