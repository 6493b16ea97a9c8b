"""HTTP for worklists."""

from typing import Annotated

from fastapi import Query as Parameters

from app.kernel.auth import Permission
from app.kernel.http import OurCompany, ReadTx, requires, router
from app.worklist import service
from app.worklist.schemas import Worklist, WorklistQuery

routes = router("/worklist", "worklist")


@routes.get(
    "", summary="What somebody has to do", response_model=Worklist, dependencies=[requires(Permission.WORKLIST_READ)]
)
async def get(tx: ReadTx, company: OurCompany, query: Annotated[WorklistQuery, Parameters()]) -> Worklist:
    """The most urgent first, each with its reason. Days are the company's.

    1. `meeting`: their planned meetings of the day, by time.
    2. `next_step`: next steps of their leads, accounts and open opportunities due on the day or before, the oldest
       first.
    3. `strong_lead`: their leads of a good score that have been silent, since they came in or since the last activity,
       the strongest first.
    4. `unanswered_quote`: their open opportunities in a stage with a chance of one half or more (of those we begin
       with: proposal and negotiation) without activity since, the one to be decided soonest first.
    5. `decision_maker`: those who decide about their open opportunities, by their part or as such a contact, without
       call, email or meeting; each once, the one to decide soonest first.

    One thing may be there for several reasons.
    """
    return await service.worklist(tx, company=company, query=query)
