"""HTTP for events: the feed, and what happened to one resource."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as Parameters
from sqlalchemy import select
from starlette.types import Receive

from app.accounts.models import Account, Contact
from app.duplicates.models import DuplicatePair
from app.integration.catalogue import SUBJECTS, visible
from app.integration.feed import Wanted
from app.integration.schemas import EventPage, EventQuery, HistoryQuery, history_of
from app.integration.watcher import Watcher
from app.kernel import history
from app.kernel.auth import Permission
from app.kernel.db import Stored
from app.kernel.errors import NotFound
from app.kernel.http import Caller, ReadTx, answer_page, database_of, requires, router, settings_of
from app.kernel.statement import Reader
from app.leads.assignment_models import AssignmentRule
from app.leads.models import Lead
from app.meetings.models import CalendarFeed, Meeting
from app.opportunities.models import Opportunity, Stage
from app.orders.models import Order
from app.products.models import PriceList, Product
from app.staff.models import StaffMember
from app.supply.models import Receipt

# A wait ends well before the request's time limit.
_SHARE_TO_WAIT = 0.75

routes = router("/events", "events")


@asynccontextmanager
async def _disconnection(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """A task that ends when the caller hangs up."""

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(listen())
    try:
        yield task
    finally:
        task.cancel()


@routes.get(
    "",
    summary="Read what has happened, in order",
    response_model=EventPage,
    dependencies=[requires(Permission.EVENTS_READ)],
)
async def list_(request: Request, caller: Caller, query: Annotated[EventQuery, Parameters()]) -> Response:
    """Every committed event once, as CloudEvents 1.0: no later answer ever holds an earlier position.

    A key sees the events of what it may read. Start with `after=0`, keep `next_after`, come back with it; with
    `wait` the answer comes as soon as something happens.
    """
    subject = query.about()
    types = visible(caller, types=query.type, subject_type=subject[0] if subject else None)
    watcher: Watcher = request.app.state.watcher
    async with _disconnection(request.receive) as gone:
        page = await watcher.follow(
            database_of(request),
            Wanted(types, subject),
            after=query.after,
            limit=query.limit,
            seconds=min(query.wait, settings_of(request).request_timeout * _SHARE_TO_WAIT),
            gone=gone,
        )
    tail = f'],"next_after":{page.next_after},"has_more":{"true" if page.has_more else "false"}}}'
    headers = {}
    if page.has_more:
        headers["Link"] = f'<{request.url.include_query_params(after=page.next_after)}>; rel="next"'
    return Response('{"data":[' + ",".join(page.rows) + tail, 200, headers, "application/json")


async def _merged(reader: Reader, model: Any, identity: UUID) -> tuple[UUID, list[UUID]]:
    """What became of the resource, if it was merged into another, and all that was merged into that."""
    if not hasattr(model, "merged_into_id"):
        return identity, []
    found = await reader.execute(select(model.merged_into_id).where(model.id == identity))
    standing = found.scalar_one_or_none() or identity
    merged = await reader.execute(select(model.id).where(model.merged_into_id == standing).order_by(model.id))
    return standing, list(merged.scalars())


def _history(path: str, parameter: str, noun: str, model: type[Stored]) -> APIRouter:
    """The route of one kind of resource's history."""
    own = router(f"/{path}", path.replace("-", "_"))

    @own.get(
        f"/{{{parameter}}}/history",
        summary=f"What happened to {noun}",
        response_model=history_of(path),
        dependencies=[requires(SUBJECTS[path])],
    )
    async def history_(
        request: Request,
        tx: ReadTx,
        identity: Annotated[UUID, Path(alias=parameter)],
        query: Annotated[HistoryQuery, Parameters()],
    ) -> Response:
        """Who changed what, when and with which key. `position` is null until the feed has numbered the event."""
        standing, merged = await _merged(tx, model, identity)
        listing = await history.page(
            tx,
            subject_type=path,
            subject_id=standing,
            merged=merged,
            sort=query.sort,
            cursor=query.cursor,
            limit=query.limit,
        )
        if not listing.rows and (await tx.execute(select(model.id).where(model.id == identity))).first() is None:
            raise NotFound(f"no {noun.partition(' ')[2]} {identity}")
        return answer_page(request, listing)

    return own


HISTORIES: tuple[APIRouter, ...] = (
    _history("staff", "member_id", "a member of staff", StaffMember),
    _history("products", "product_id", "a product", Product),
    _history("price-lists", "price_list_id", "a price list", PriceList),
    _history("accounts", "account_id", "an account", Account),
    _history("contacts", "contact_id", "a contact", Contact),
    _history("receipts", "receipt_id", "a receipt", Receipt),
    _history("orders", "order_id", "an order", Order),
    _history("leads", "lead_id", "a lead", Lead),
    _history("lead-assignment-rules", "rule_id", "a rule of assignment", AssignmentRule),
    _history("opportunities", "opportunity_id", "an opportunity", Opportunity),
    _history("opportunity-stages", "stage_id", "a stage", Stage),
    _history("meetings", "meeting_id", "a meeting", Meeting),
    _history("duplicates", "duplicate_id", "a possible duplicate", DuplicatePair),
    _history("calendars", "calendar_id", "a calendar", CalendarFeed),
)
