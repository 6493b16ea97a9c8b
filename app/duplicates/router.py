"""HTTP for possible duplicates and merges."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates import merging, repository, scanning, service, undoing
from app.duplicates.repository import merges, pairs
from app.duplicates.rules import Kind
from app.duplicates.schemas import (
    AccountMerge,
    ContactMerge,
    DuplicateDetail,
    DuplicateDismiss,
    DuplicateQuery,
    DuplicateRead,
    LeadMerge,
    MergeQuery,
    MergeRead,
    Scans,
)
from app.kernel.auth import Permission
from app.kernel.etag import etag
from app.kernel.http import ExpectedVersion, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page

duplicate_routes = router("/duplicates", "duplicates")
merge_routes = router("/merges", "merges")
lead_routes = router("/leads", "leads")
contact_routes = router("/contacts", "contacts")
account_routes = router("/accounts", "accounts")
_READ = [requires(Permission.DUPLICATES_READ)]
_MERGE = [requires(Permission.DUPLICATES_MERGE)]


@duplicate_routes.get("", summary="List possible duplicates", response_model=Page[DuplicateRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[DuplicateQuery, Parameters()]) -> Response:
    """Of leads, contacts and accounts: found by a job within a minute of what made them alike.

    Indexed: both sorts by themselves, with a kind or a status; by score from `min_score` on. A record's are few.
    """
    return answer_page(request, await pairs.page(tx, query))


@duplicate_routes.get(
    "/scans", summary="Tell how far one has looked for duplicates", response_model=Scans, dependencies=_READ
)
async def scans(tx: ReadTx) -> Response:
    """All records of each kind once, and since then what changes (`news`)."""
    return Response('{"data":[' + ",".join(await repository.scans(tx)) + "]}", media_type="application/json")


@duplicate_routes.post(
    "/scans",
    summary="Look through everything once more",
    status_code=202,
    response_model=Scans,
    dependencies=_MERGE,
)
async def rescan(tx: Tx) -> Response:
    """Nobody needs to: what changes is looked at by itself. The job goes through all records, a batch at a time."""
    await scanning.begin_again(tx)
    await tx.flush()
    return Response('{"data":[' + ",".join(await repository.scans(tx)) + "]}", 202, media_type="application/json")


@duplicate_routes.get(
    "/{duplicate_id}", summary="Get two records side by side", response_model=DuplicateDetail, dependencies=_READ
)
async def get(tx: Tx, duplicate_id: UUID) -> Response:
    """Both as they are now, and the fields in which they differ: what a merge's `keep` may name."""
    found = await service.side_by_side(tx, duplicate_id)
    return Response(found.model_dump_json(), headers={"ETag": etag(found.version)}, media_type="application/json")


@duplicate_routes.post(
    "/{duplicate_id}/dismiss", summary="Dismiss a possible duplicate", response_model=DuplicateRead, dependencies=_MERGE
)
async def dismiss(tx: Tx, expected: ExpectedVersion, duplicate_id: UUID, body: DuplicateDismiss) -> Response:
    """They are two. It stays dismissed until something else speaks for their being one."""
    await service.dismiss(tx, pair_id=duplicate_id, expected=expected, reason=body.reason)
    return answer(await pairs.show(tx, duplicate_id))


async def _merge(
    tx: AsyncSession, kind: Kind, record: UUID, expected: int, body: LeadMerge | ContactMerge | AccountMerge
) -> Response:
    keep = {str(field): side for field, side in body.keep.items()}
    done = await merging.merge(tx, kind=kind, survivor_id=record, merged_id=body.from_id, expected=expected, keep=keep)
    return created(await merges.show(tx, done.id), "merges", done.id)


@lead_routes.post(
    "/{lead_id}/merge", summary="Merge a lead into this one", status_code=201, response_model=MergeRead,
    dependencies=_MERGE, name="merge",
)  # fmt: skip
async def merge_leads(tx: Tx, expected: ExpectedVersion, lead_id: UUID, body: LeadMerge) -> Response:
    """The other lead's touches, ids, activities, meetings, consents, orders and opportunity become this one's.

    The other's id answers with this one from now on, and by its ids and its email this one is captured. A withdrawal
    of consent by either counts. A converted lead cannot become part of one that is not. Answers the merge, by which it
    can be undone for 30 days.
    """
    return await _merge(tx, Kind.LEADS, lead_id, expected, body)


@contact_routes.post(
    "/{contact_id}/merge", summary="Merge a contact into this one", status_code=201, response_model=MergeRead,
    dependencies=_MERGE, name="merge",
)  # fmt: skip
async def merge_contacts(tx: Tx, expected: ExpectedVersion, contact_id: UUID, body: ContactMerge) -> Response:
    """Both must be contacts of one account. All that named the other one names this one; see leads."""
    return await _merge(tx, Kind.CONTACTS, contact_id, expected, body)


@account_routes.post(
    "/{account_id}/merge", summary="Merge an account into this one", status_code=201, response_model=MergeRead,
    dependencies=_MERGE, name="merge",
)  # fmt: skip
async def merge_accounts(tx: Tx, expected: ExpectedVersion, account_id: UUID, body: AccountMerge) -> Response:
    """The other account's contacts, orders, purchases, opportunities and children become this one's; exposures add up.

    Both must be invoiced in one currency; this one keeps its price list unless `keep` says otherwise. A prospect
    becomes active by what the other one bought. See leads.
    """
    return await _merge(tx, Kind.ACCOUNTS, account_id, expected, body)


@merge_routes.get("", summary="List merges", response_model=Page[MergeRead], dependencies=_READ, name="list")
async def list_merges(request: Request, tx: ReadTx, query: Annotated[MergeQuery, Parameters()]) -> Response:
    """Indexed: by themselves, and with a kind, or the id of either record."""
    return answer_page(request, await merges.page(tx, query))


@merge_routes.get("/{merge_id}", summary="Get a merge", response_model=MergeRead, dependencies=_READ, name="get")
async def get_merge(tx: ReadTx, merge_id: UUID) -> Response:
    return answer(await merges.show(tx, merge_id))


@merge_routes.post("/{merge_id}/undo", summary="Undo a merge", response_model=MergeRead, dependencies=_MERGE)
async def undo(tx: Tx, expected: ExpectedVersion, merge_id: UUID) -> Response:
    """Within 30 days. Each gets back what was its own; what has happened since stays with the surviving record.

    `kept_since` names fields that were changed since the merge, and stay as they are.
    """
    await undoing.undo(tx, merge_id=merge_id, expected=expected)
    return answer(await merges.show(tx, merge_id))
