"""What happened to one resource: its events by keyset, whether the feed has numbered them yet or not.

What happened to another before it was merged into the resource is the resource's history too.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from app.kernel import outbox
from app.kernel.outbox import OutboxEvent
from app.kernel.pagination import Sort
from app.kernel.repository import Listing
from app.kernel.statement import Reader

# Who changes a resource holds its lock, so the order of writing is the order of what happened.
_COLUMNS = {"time": OutboxEvent.seq}


def _statement(
    *, subject_type: str, subject_id: UUID, sort: Sort, cursor: str | None, limit: int
) -> Select[str, int | None, int, UUID]:
    row = OutboxEvent
    own = replace(sort, lead=(row.subject_type == subject_type, row.subject_id == subject_id))
    return own.apply(outbox.stored().add_columns(row.id), sort.position(cursor), limit + 1)


async def page(
    reader: Reader,
    *,
    subject_type: str,
    subject_id: UUID,
    merged: Collection[UUID] = (),
    sort: str,
    cursor: str | None,
    limit: int,
) -> Listing:
    """One page of a resource's events and of those `merged` into it, sorted by `time` or `-time`."""
    order = Sort.named(sort, _COLUMNS, of=f"{subject_type}/{subject_id}")
    rows: list[Any] = []
    for each in (subject_id, *merged):  # few: a page of each by its index, of which the first ones are the page
        statement = _statement(subject_type=subject_type, subject_id=each, sort=order, cursor=cursor, limit=limit)
        rows += (await reader.execute(statement)).all()
    if merged:
        rows.sort(key=lambda row: row.seq, reverse=order.descending)
    shown, more = rows[:limit], len(rows) > limit
    return Listing([row.body for row in shown], order.encode(shown[-1].seq, shown[-1].id) if more else None)
