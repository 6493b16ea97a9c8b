"""A wrong merge is undone: each record gets back what was its own; what has happened since stays with the survivor."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.duplicates import moving
from app.duplicates.events import UNMERGED
from app.duplicates.merging import NOUNS, PERSONAL, SILENT, confirmed_exposure, encoded, lock_both
from app.duplicates.models import DuplicatePair, Merge
from app.duplicates.pairing import ordered
from app.duplicates.repository import merges
from app.duplicates.rules import UNDO_WITHIN, Kind, PairStatus
from app.duplicates.service import Record
from app.kernel import clock, outbox
from app.kernel.errors import Conflict
from app.leads import joining
from app.leads.models import Lead

_RESTS_ON = text(
    "SELECT m.id FROM merges AS m WHERE m.undone_at IS NULL AND m.id > :merge AND EXISTS (SELECT FROM merge_rows AS r"
    " WHERE r.merge_id = :merge AND CAST(r.key->>'id' AS uuid) IN (m.merged_id, m.survivor_id)) ORDER BY m.id LIMIT 1"
)


async def undo(session: AsyncSession, *, merge_id: UUID, expected: int) -> Merge:
    """Make the merged record one of its own again, with all that it had, unless that has been given to others since.

    Fields of the survivor that were changed since the merge stay as they are; the merge tells which.

    Raises:
        NotFound: there is no such merge.
        Conflict: it was undone already, or is too old, or a later one rests on it, or the person's email is taken.
        PreconditionFailed: `expected` is no longer the merge's version.

    """
    found = await merges.lock(session, merge_id, expected=expected)
    if found.undone_at is not None:
        raise Conflict("it was undone already")
    if clock.now() > found.created_at + UNDO_WITHIN:
        raise Conflict(f"it was merged more than {UNDO_WITHIN.days} days ago")
    kind = Kind(found.kind)
    this, other = await lock_both(session, kind, found.survivor_id, found.merged_id, leaving=found.survivor_id)
    if this.merged_into_id is not None:
        raise Conflict(f"{NOUNS[kind]} {this.id} was itself merged into {this.merged_into_id}: undo that first")
    later = await session.scalar(_RESTS_ON, {"merge": found.id})
    if later is not None:
        raise Conflict(f"merge {later} is of records that came with this one: undo that first")
    _restore(other, found.tombstone)
    found.kept_since = _give_back_fields(this, found)
    if isinstance(this, Lead) and isinstance(other, Lead):
        this.touch_count = max(1, this.touch_count - other.touch_count)
        joining.rescore(this)
        await _demand_unique(session, this, other)
    if isinstance(other, Account):
        await _place(session, other)
    changes = outbox.changes(this, personal=PERSONAL, silent=SILENT)
    other.merged_into_id = None
    this.updated_at = other.updated_at = clock.now()
    await session.flush()
    await moving.give_back(session, kind=kind, merge=found.id)
    if isinstance(this, Account) and isinstance(other, Account):
        other.open_exposure = await confirmed_exposure(session, other.id)
        this.open_exposure -= other.open_exposure
    found.undone_at, found.undone_by = clock.now(), outbox.origin(session).name
    await _reopen_pair(session, found)
    outbox.record(session, this, UNMERGED[kind](merge_id=found.id, merged_id=other.id, changes=changes))
    await session.flush()
    return found


def _restore(record: Record, was: dict[str, Any]) -> None:
    for name, value in was.items():
        setattr(record, name, decoded(record, name, value))


def _give_back_fields(this: Record, merge: Merge) -> list[str]:
    """Give the survivor back what the merge changed; the fields that were changed since."""
    kept = []
    for name, after in merge.after.items():
        if encoded(getattr(this, name)) == after:
            setattr(this, name, decoded(this, name, merge.before[name]))
        else:
            kept.append(name)
    return kept


def decoded(record: Record, name: str, value: Any) -> Any:
    """A column's value, from the JSON that `merging.encoded` made of it."""
    mapper: Any = inspect(type(record))
    kind: type = mapper.columns[name].type.python_type
    if value is None or isinstance(value, (dict, list)) or kind in {str, int, bool}:
        return value
    if issubclass(kind, Enum):
        return kind(value)
    if issubclass(kind, datetime):
        return datetime.fromisoformat(value)
    if issubclass(kind, date):
        return date.fromisoformat(value)
    return Decimal(value) if issubclass(kind, Decimal) else UUID(value)


async def _demand_unique(session: AsyncSession, this: Lead, other: Lead) -> None:
    """Neither gets an email back at which somebody else is the same person by now."""
    await joining.demand_unique(session, this, but=other.id)
    await joining.demand_unique(session, other, but=this.id)
    if other.email is not None and (this.email, this.person_key) == (other.email, other.person_key):
        raise Conflict(f"lead {this.id} is the same person at {this.email} by now: change one of them first")


async def _place(session: AsyncSession, account: Account) -> None:
    """Back below its parent, unless that has come to belong to the account itself."""
    if account.parent_id is None:
        return
    with session.no_autoflush:
        if account.id in await accounts.line_above(session, account_id=account.parent_id):
            account.parent_id = None


async def _reopen_pair(session: AsyncSession, merge: Merge) -> None:
    row = DuplicatePair
    left, right = ordered(merge.survivor_id, merge.merged_id)
    pair = await session.scalar(select(row).where(row.left_id == left, row.right_id == right).with_for_update())
    if pair is not None:
        pair.status, pair.decided_at, pair.decided_by = PairStatus.OPEN, None, None
