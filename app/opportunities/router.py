"""HTTP for opportunities and the stages of the pipeline."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.activities import service as activities
from app.activities.rules import ActivityCreate, ActivityRead
from app.kernel.auth import Permission
from app.kernel.http import ExpectedVersion, OurCompany, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.opportunities import moving, pipeline, service
from app.opportunities.models import StageChange
from app.opportunities.repository import opportunities, stage_changes, stages
from app.opportunities.schemas import (
    OpportunityCreate,
    OpportunityMove,
    OpportunityQuery,
    OpportunityRead,
    OpportunityUpdate,
    StageChangeQuery,
    StageChangeRead,
    StageCreate,
    StageQuery,
    StageRead,
    StageUpdate,
)

routes = router("/opportunities", "opportunities")
stage_routes = router("/opportunity-stages", "opportunity_stages")
_READ = [requires(Permission.OPPORTUNITIES_READ)]
_WRITE = [requires(Permission.OPPORTUNITIES_WRITE)]


@stage_routes.post("", summary="Add a stage", status_code=201, response_model=StageRead, dependencies=_WRITE)
async def create_stage(tx: Tx, body: StageCreate) -> Response:
    stage = await pipeline.create(tx, body=body)
    return created(await stages.show(tx, stage.id), "opportunity-stages", stage.id)


@stage_routes.get("", summary="List stages", response_model=Page[StageRead], dependencies=_READ)
async def list_stages(request: Request, tx: ReadTx, query: Annotated[StageQuery, Parameters()]) -> Response:
    """Indexed: the sort by itself."""
    return answer_page(request, await stages.page(tx, query))


@stage_routes.get("/{stage_id}", summary="Get a stage", response_model=StageRead, dependencies=_READ)
async def get_stage(tx: ReadTx, stage_id: UUID) -> Response:
    return answer(await stages.show(tx, stage_id))


@stage_routes.patch("/{stage_id}", summary="Change a stage", response_model=StageRead, dependencies=_WRITE)
async def update_stage(tx: Tx, expected: ExpectedVersion, stage_id: UUID, body: StageUpdate) -> Response:
    await pipeline.update(tx, stage_id=stage_id, expected=expected, body=body)
    return answer(await stages.show(tx, stage_id))


@routes.post("", summary="Take up an opportunity", status_code=201, response_model=OpportunityRead, dependencies=_WRITE)
async def create(tx: Tx, company: OurCompany, body: OpportunityCreate) -> Response:
    opportunity = await service.create(tx, company=company, body=body)
    return created(await opportunities.show(tx, opportunity.id), "opportunities", opportunity.id)


@routes.get("", summary="List opportunities", response_model=Page[OpportunityRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[OpportunityQuery, Parameters()]) -> Response:
    """What is won becomes an order: `POST /v1/orders` with `opportunity_id`.

    Indexed: every sort by itself, with a state, and those by expected close and value with a range of it; those and the
    one by age with a stage or an owner; the one by age with an account or a campaign. A number, and an external id with
    its source, find one. `stale_days` reads the open ones that are in their stage as long: sort by `stage_changed_at`.
    """
    return answer_page(request, await opportunities.page(tx, query))


@routes.get("/{opportunity_id}", summary="Get an opportunity", response_model=OpportunityRead, dependencies=_READ)
async def get(tx: ReadTx, opportunity_id: UUID) -> Response:
    return answer(await opportunities.show(tx, opportunity_id))


@routes.patch("/{opportunity_id}", summary="Change an opportunity", response_model=OpportunityRead, dependencies=_WRITE)
async def update(
    tx: Tx, company: OurCompany, expected: ExpectedVersion, opportunity_id: UUID, body: OpportunityUpdate
) -> Response:
    await service.update(tx, company=company, opportunity_id=opportunity_id, expected=expected, body=body)
    return answer(await opportunities.show(tx, opportunity_id))


@routes.post(
    "/{opportunity_id}/move",
    summary="Move an opportunity to another stage",
    response_model=OpportunityRead,
    dependencies=_WRITE,
)
async def move(
    tx: Tx, company: OurCompany, expected: ExpectedVersion, opportunity_id: UUID, body: OpportunityMove
) -> Response:
    """On, back, to a decision (won, lost), or open again until it has become an order."""
    await moving.move(tx, company=company, opportunity_id=opportunity_id, expected=expected, body=body)
    return answer(await opportunities.show(tx, opportunity_id))


@routes.get(
    "/{opportunity_id}/stage-changes",
    summary="List an opportunity's changes of stage",
    response_model=Page[StageChangeRead],
    dependencies=_READ,
)
async def list_stage_changes(
    request: Request, tx: ReadTx, opportunity_id: UUID, query: Annotated[StageChangeQuery, Parameters()]
) -> Response:
    gone = await stage_changes.page(tx, query, StageChange.opportunity_id == opportunity_id, within=opportunity_id)
    return answer_page(request, await opportunities.part(tx, opportunity_id, gone))


@routes.post(
    "/{opportunity_id}/activities",
    summary="Record an activity for an opportunity",
    status_code=201,
    response_model=ActivityRead,
    dependencies=_WRITE,
)
async def record_activity(tx: Tx, opportunity_id: UUID, body: ActivityCreate) -> Response:
    """It counts for the opportunity's account too. Its next step takes the place of the one that was planned."""
    activity = await service.record_activity(tx, opportunity_id=opportunity_id, body=body)
    return created(await activities.show(tx, activity_id=activity.id), "activities", activity.id)
