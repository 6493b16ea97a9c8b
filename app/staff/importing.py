"""Many members of staff at once, as they come from other systems: added when they are new, else changed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import bulk
from app.kernel.bulk import BulkResult, Outcome, Rejected
from app.kernel.db import alone
from app.kernel.errors import Invalid
from app.kernel.upsert import Book, Name, also_updated, one_by_one
from app.kernel.writes import Writes
from app.staff.events import StaffCreated, StaffUpdated
from app.staff.models import StaffMember
from app.staff.repository import staff
from app.staff.schemas import StaffRow
from app.staff.service import PERSONAL

_NOT_SET = {"id", "reports_to_id"}


async def upsert_staff(session: AsyncSession, *, rows: Sequence[StaffRow | Rejected]) -> BulkResult:
    """Add the members who are new and change the others; fields that a row leaves out keep their value.

    A row is about the member with its id, or with its email address. One such batch waits for another.

    Raises:
        Invalid: somebody would report to themselves, directly or through others.

    """
    await alone(session, "staff.upsert")
    good = list(bulk.accepted(rows).values())
    stored = await staff.lock_many(session, {row.id for row in good if row.id}, {row.email for row in good})
    names: dict[Name, UUID] = {("id", str(row["id"])): row["id"] for row in stored}
    book = Book(StaffMember, stored, names | {("email", row["email"]): row["id"] for row in stored})
    writes = Writes(session)
    done = one_by_one(rows, lambda row: _take(book, writes, row))
    book.write(writes)
    await writes.send()
    managers = {
        each[1]: row.reports_to_id
        for row, each in zip(rows, done, strict=True)
        if not isinstance(row, Rejected) and not isinstance(each, Rejected) and "reports_to_id" in row.model_fields_set
    }
    moved = await link_managers(session, managers=managers)
    return bulk.result(also_updated(done, moved), under="/staff")


def _take(book: Book, writes: Writes, row: StaffRow) -> tuple[Outcome, UUID]:
    if row.id is not None and ("id", str(row.id)) not in book.names:
        raise Invalid.at("/id", "unknown", "no member of staff has this id; leave it out for a new one")
    names: dict[Name, str] = {("id", str(row.id)): "id"} if row.id is not None else {}
    names["email", row.email] = "email"
    member_id = book.find(names)
    values = row.model_dump(exclude_unset=True, exclude=_NOT_SET)
    after = (book.rows[member_id] if member_id is not None else row.model_dump()) | values
    if after["active_to"] is not None and after["active_to"] < after["active_from"]:
        raise Invalid.at("/active_to", "period", "lies before active_from")
    if member_id is None:
        member_id, outcome = book.create(row.model_dump(exclude=_NOT_SET)), Outcome.CREATED
        writes.tell(member_id, StaffCreated())
    elif changes := book.change(member_id, values, personal=PERSONAL):
        writes.tell(member_id, StaffUpdated(changes=changes))
        outcome = Outcome.UPDATED
    else:
        outcome = Outcome.UNCHANGED
    book.name(member_id, names)
    return outcome, member_id


async def link_managers(session: AsyncSession, *, managers: Mapping[UUID, UUID | None]) -> frozenset[UUID]:
    """Let members report to others; returns those for whom this is news.

    Raises:
        Invalid: somebody would report to themselves, directly or through others.

    """
    if not managers:
        return frozenset()
    await staff.lock_reporting_lines(session)
    book = Book(StaffMember, await staff.lock_many(session, managers), {})
    writes = Writes(session)
    changed = set()
    for member_id, manager_id in managers.items():
        if changes := book.change(member_id, {"reports_to_id": manager_id}):
            writes.tell(member_id, StaffUpdated(changes=changes))
            changed.add(member_id)
    book.write(writes)
    await writes.send()
    if changed and await staff.circles(session, changed):
        raise Invalid.at("/reports_to_id", "cycle", "would make the reporting line a circle")
    return frozenset(changed)
