"""HTTP for activities. They are recorded below the lead or the account that they belong to."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.activities.repository import activities
from app.activities.rules import ActivityRead
from app.activities.schemas import ActivityQuery
from app.kernel.auth import Permission
from app.kernel.http import ReadTx, answer, answer_page, requires, router
from app.kernel.pagination import Page

routes = router("/activities", "activities")
_READ = [requires(Permission.ACCOUNTS_READ), requires(Permission.LEADS_READ)]


@routes.get("", summary="List activities", response_model=Page[ActivityRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[ActivityQuery, Parameters()]) -> Response:
    """Those of leads and those of accounts: needs the scopes accounts:read and leads:read.

    Indexed: by themselves, and with a lead, an opportunity, an account, a contact or a member of staff.
    """
    return answer_page(request, await activities.page(tx, query))


@routes.get("/{activity_id}", summary="Get an activity", response_model=ActivityRead, dependencies=_READ)
async def get(tx: ReadTx, activity_id: UUID) -> Response:
    """Needs the scopes accounts:read and leads:read."""
    return answer(await activities.show(tx, activity_id))
