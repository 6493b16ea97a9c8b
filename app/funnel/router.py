"""HTTP for the funnel."""

from typing import Annotated

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.funnel import service
from app.funnel.schemas import Funnel, FunnelLead, FunnelLeadQuery, FunnelQuery
from app.kernel.auth import Permission
from app.kernel.http import OurCompany, ReadTx, answer_page, requires, router, settings_of
from app.kernel.pagination import Page

routes = router("/funnel", "funnel")
_READ = [requires(Permission.FUNNEL_READ)]


@routes.get("", summary="What became of the leads of a period", response_model=Funnel, dependencies=_READ)
async def get(request: Request, tx: ReadTx, company: OurCompany, query: Annotated[FunnelQuery, Parameters()]) -> Funnel:
    """A cohort: the leads that were captured in the period (business days), and how far they have come by now.

    A lead counts in each step that it ever took: it was contacted when somebody reached it by call, email or meeting,
    or qualified it. `opportunity` is the one that its conversion made, `won` that this is won. `touches`, `orders` and
    `revenue` are those of the cohort's leads, whenever they came. An order is the lead's that it names, and when it
    names none that of its opportunity. A lead that was merged into another is counted there.

    The leads behind each figure are those of `GET /v1/funnel/leads` with the same filters, and its `step` or
    `first_contact`; a group's are found by its key. Their touches, orders and revenue add up to the figures.
    """
    hours = settings_of(request).first_contact_hours
    return await service.funnel(tx, company=company, within_hours=hours, query=query)


@routes.get(
    "/leads",
    summary="List the leads behind a figure of the funnel",
    response_model=Page[FunnelLead],
    dependencies=_READ,
)
async def list_leads(
    request: Request, tx: ReadTx, company: OurCompany, query: Annotated[FunnelLeadQuery, Parameters()]
) -> Response:
    """In the order in which they were captured, each with the times of its steps, its opportunity and its orders.

    Indexed: by themselves, and with a campaign, a source or an owner.
    """
    hours = settings_of(request).first_contact_hours
    return answer_page(request, await service.leads(tx, company=company, within_hours=hours, query=query))
