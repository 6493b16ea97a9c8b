"""HTTP for possible duplicates and merges."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.duplicates import repository, scanning, service
from app.duplicates.repository import pairs
from app.duplicates.schemas import DuplicateDetail, DuplicateDismiss, DuplicateQuery, DuplicateRead, Scans
from app.kernel.auth import Permission
from app.kernel.etag import etag
from app.kernel.http import ExpectedVersion, ReadTx, Tx, answer, answer_page, requires, router
from app.kernel.pagination import Page

duplicate_routes = router("/duplicates", "duplicates")
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
