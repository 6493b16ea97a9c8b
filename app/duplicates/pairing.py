"""Keeping pairs: those that are found, those that have changed, and those for which nothing speaks any more."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import any_, case, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.duplicates.events import DuplicateFound, DuplicateWithdrawn
from app.duplicates.models import DuplicatePair
from app.duplicates.repository import among
from app.duplicates.rules import Kind, PairStatus, Reason
from app.kernel import clock
from app.kernel.bulk import insert_all
from app.kernel.writes import Writes

Pair = tuple[UUID, UUID]
Found = Mapping[Pair, tuple[int, Sequence[Reason]]]


def ordered(one: UUID, other: UUID) -> Pair:
    """The two as a pair is kept: the smaller id first."""
    return (one, other) if one < other else (other, one)


async def known(session: AsyncSession, ids: Sequence[UUID]) -> dict[Pair, PairStatus]:
    """The pairs that are kept of the records, but for what has been merged."""
    row = DuplicatePair
    ours = or_(row.left_id == any_(among(ids)), row.right_id == any_(among(ids)))
    found = await session.execute(
        select(row.left_id, row.right_id, row.status).where(ours, row.status != PairStatus.MERGED)
    )
    return {(left, right): status for left, right, status in found}


async def keep(session: AsyncSession, *, kind: Kind, found: Found, before: Mapping[Pair, PairStatus]) -> None:
    """Keep what was found, and of what was kept `before` only what was found again.

    A dismissed pair stays so as long as the same things speak for it; when others do, it is open again. One for which
    nothing speaks is withdrawn, unless somebody has dismissed it.
    """
    writes = Writes(session)
    for pair_id, left, right, score in await _upserted(session, kind, found, before):
        writes.tell(pair_id, DuplicateFound(kind=kind, left_id=left, right_id=right, score=score))
    lost = [pair for pair, status in before.items() if status is PairStatus.OPEN and pair not in found]
    for pair_id, left, right in await _withdrawn(session, lost):
        writes.tell(pair_id, DuplicateWithdrawn(kind=kind, left_id=left, right_id=right))
    await writes.send()


async def _upserted(
    session: AsyncSession, kind: Kind, found: Found, before: Mapping[Pair, PairStatus]
) -> list[tuple[UUID, UUID, UUID, int]]:
    """Those that are news: found for the first time, or for other reasons than those for which they were dismissed."""
    if not found:
        return []
    now, row = clock.now(), DuplicatePair
    rows = [
        {
            "id": uuid7(),
            "kind": kind,
            "left_id": left,
            "right_id": right,
            "score": score,
            "reasons": [reason.model_dump() for reason in reasons],
            "status": PairStatus.OPEN,
            "found_at": now,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for (left, right), (score, reasons) in sorted(found.items())
    ]
    sent = insert_all(row, rows)
    again = row.status == PairStatus.DISMISSED
    written = sent.on_conflict_do_update(
        index_elements=["left_id", "right_id"],
        set_={
            "score": sent.excluded.score,
            "reasons": sent.excluded.reasons,
            "status": PairStatus.OPEN,
            "found_at": case((again, sent.excluded.found_at), else_=row.found_at),
            "note": None,
            "decided_at": None,
            "decided_by": None,
            "version": row.version + 1,
            "updated_at": now,
        },
        where=(row.reasons != sent.excluded.reasons) & (row.status != PairStatus.MERGED),
    )
    returned = await session.execute(written.returning(row.id, row.left_id, row.right_id, row.score))
    news = [(each.id, each.left_id, each.right_id, each.score) for each in returned]
    return [each for each in news if before.get((each[1], each[2])) is not PairStatus.OPEN]


async def _withdrawn(session: AsyncSession, lost: Sequence[Pair]) -> list[tuple[UUID, UUID, UUID]]:
    if not lost:
        return []
    row = DuplicatePair
    ours = row.left_id == any_(among(left for left, _ in lost)), row.right_id == any_(among(right for _, right in lost))
    open_ones = await session.execute(
        select(row.id, row.left_id, row.right_id).where(*ours, row.status == PairStatus.OPEN).with_for_update()
    )
    wanted = set(lost)
    gone = [(one.id, one.left_id, one.right_id) for one in open_ones if (one.left_id, one.right_id) in wanted]
    await session.execute(delete(row).where(row.id == any_(among(each[0] for each in gone))))
    return gone
