"""Moving what refers to one record to another, and back: each link in one statement, each row noted."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Alias,
    ColumnElement,
    DateTime,
    Delete,
    Select,
    Table,
    Text,
    Update,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates.links import LINKS, LOCKED_BEFORE, OF_CUSTOMER, Link
from app.duplicates.models import Merge, MergeRow
from app.duplicates.rules import Kind
from app.kernel import clock
from app.kernel.db import Base
from app.kernel.errors import StartOver
from app.kernel.statement import Statement

# Every statement is about the rows `t` of a link's table; `o` are others of the same table.
_MERGED, _SURVIVOR, _GIVEN, _MERGE = (bindparam(name, type_=Uuid) for name in ("merged", "survivor", "given", "merge_"))
_LINK, _OF_LINK = bindparam("link_", type_=Text), bindparam("of_link", type_=Text)
_NOW, _SINCE = (bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "since"))
_NOTED = MergeRow.__table__.alias("m")


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _rows(link: Link) -> tuple[Alias, Alias]:
    return _table(link.table).alias("t"), _table(link.table).alias("o")  # type: ignore[return-value]


def _set(link: Link, rows: Alias, value: ColumnElement[Any]) -> dict[Any, Any]:
    """The values of rows that name another record: a resource gets a new version by it."""
    values = {rows.c[link.column]: value}
    if link.renews and "version" in rows.c:
        values |= {rows.c.version: rows.c.version + 1, rows.c.updated_at: _NOW}
    return values


def _key(rows: Alias) -> ColumnElement[Any]:
    named = (part for each in rows.primary_key for part in (literal(each.name, Text), each))
    return func.jsonb_build_object(*named).label("key")


def _stays(link: Link, other: Alias, survivor: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row keeps naming the merged record, whose id answers with the survivor."""
    return exists().where(other.c[link.column] == survivor) if link.single else false()


def _same(link: Link, rows: Alias, other: Alias, survivor: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the survivor has the same row already."""
    return false() if link.same is None else exists().where(other.c[link.column] == survivor, link.same(rows, other))


def _noting(changed: Update | Delete, before: ColumnElement[Any], **noted: Any) -> Statement:
    """Change rows, and note each."""
    done = changed.cte("done")
    columns = {"id": func.gen_random_uuid(), "merge_id": _MERGE, "link": _LINK, "key": done.c.key, "before": before}
    columns |= {name: getattr(done.c, value) if isinstance(value, str) else value for name, value in noted.items()}
    return Statement(insert(MergeRow).from_select([*columns], select(*columns.values()), include_defaults=False))


@cache
def _moving(link: Link) -> Statement:
    rows, other = _rows(link)
    named = (rows.c[link.column] == _MERGED, ~_stays(link, other, _SURVIVOR))
    moved = update(rows).values(_set(link, rows, _SURVIVOR)).where(*named).returning(_key(rows))
    return _noting(moved, _MERGED, after=_SURVIVOR)


@cache
def _removing(link: Link) -> Statement:
    rows, other = _rows(link)
    removed = delete(rows).where(rows.c[link.column] == _MERGED, _same(link, rows, other, _SURVIVOR))
    row = func.to_jsonb(literal_column("t")).label("row")
    return _noting(removed.returning(_key(rows), row), _MERGED, removed="row")


@cache
def _handing_over(link: Link) -> Statement:
    """For the rows that were moved to a lead: what became of the lead, where they do not say."""
    (rows, _), noted = _rows(link), _NOTED.c
    own = (noted.merge_id == _MERGE, noted.link == _OF_LINK, noted.removed.is_(None), *_noted_as(rows))
    handed = update(rows).values(_set(link, rows, _GIVEN)).where(*own, rows.c[link.column].is_(None))
    return _noting(handed.returning(_key(rows)), cast(null(), Uuid), after=_GIVEN)


def _noted_as(rows: Alias) -> Iterator[ColumnElement[bool]]:
    """The rows are those of the notes."""
    return (each == cast(_NOTED.c.key[each.name].astext, each.type) for each in rows.primary_key)


@cache
def _giving_back(link: Link) -> Statement:
    (rows, _), noted = _rows(link), _NOTED.c
    own = (noted.merge_id == _MERGE, noted.link == _LINK, noted.removed.is_(None), *_noted_as(rows))
    given = update(rows).values(_set(link, rows, noted.before)).where(*own, rows.c[link.column] == noted.after)
    return Statement(given)


@cache
def _restoring(link: Link) -> Statement:
    table, noted = _table(link.table), _NOTED.c
    columns = [column(each.name, each.type) for each in table.columns]
    whole = func.jsonb_to_record(noted.removed).table_valued(*columns, name="r").render_derived(with_types=True)
    removed = select(*whole.c).select_from(_NOTED).join(whole, true())
    removed = removed.where(noted.merge_id == _MERGE, noted.link == _LINK, noted.removed.is_not(None))
    restored = insert(table).from_select([*table.c.keys()], removed, include_defaults=False)
    return Statement(restored.on_conflict_do_nothing())


@cache
def _taking_in(link: Link, kind: Kind) -> Statement:
    rows, other = _rows(link)
    record, merge = _table(kind).alias("record"), Merge.__table__.alias("merge")
    merged = select(record.c.id, record.c.merged_into_id.label("survivor_id"))
    merged = merged.join(merge, merge.c.merged_id == record.c.id).where(
        merge.c.created_at >= _SINCE, merge.c.undone_at.is_(None), record.c.merged_into_id.is_not(None)
    )
    gone = merged.subquery("gone")
    late = update(rows).values(_set(link, rows, gone.c.survivor_id)).where(rows.c[link.column] == gone.c.id)
    late = late.where(~_stays(link, other, gone.c.survivor_id), ~_same(link, rows, other, gone.c.survivor_id))
    return Statement(late.returning(gone.c.survivor_id))


def _naming(name: str, record: UUID) -> Select[Any]:
    table, _, link = name.partition(".")
    rows = _table(table)
    return select(rows.c.id).where(rows.c[link] == record)


async def lock_before(session: AsyncSession, kind: Kind, record: UUID) -> Mapping[str, Sequence[UUID]]:
    """Lock what others lock before the record, in the order in which they do; the ids that were locked, by link."""
    locked = {}
    for name in LOCKED_BEFORE[kind]:
        rows = _naming(name, record)
        in_order = rows.order_by(*rows.selected_columns).with_for_update(key_share=True)
        locked[name] = (await session.scalars(in_order)).all()
    return locked


async def demand_no_others(
    session: AsyncSession, kind: Kind, locked: Mapping[str, Sequence[UUID]], record: UUID
) -> None:
    """Raises StartOver when something that has to be locked before the record has come since."""
    for name in LOCKED_BEFORE[kind]:
        if not set(locked[name]).issuperset(await session.scalars(_naming(name, record))):
            raise StartOver


async def move(
    session: AsyncSession, *, kind: Kind, merge: UUID, merged: UUID, survivor: UUID, contact: UUID | None = None
) -> None:
    """Let all that names the merged record name the survivor; `contact` is the one that a surviving lead has become."""
    given = {"merge_": merge, "merged": merged, "survivor": survivor, "contact": contact, "now": clock.now()}
    for link in LINKS[kind]:
        if link.same is not None:
            await _removing(link).done(session, **given, link_=link.name)
        await _moving(link).done(session, **given, link_=link.name)


async def hand_over(session: AsyncSession, *, merge: UUID, account: UUID, contact: UUID) -> None:
    """Let what was moved to a lead that has become a customer be the customer's as well."""
    for link in OF_CUSTOMER:
        given = contact if link.column == "contact_id" else account
        moved = {"link_": link.name, "of_link": f"{link.table}.lead_id"}
        await _handing_over(link).done(session, merge_=merge, **moved, given=given, now=clock.now())


async def give_back(session: AsyncSession, *, kind: Kind, merge: UUID) -> None:
    """Let all that a merge moved name what it named before, unless it names something else by now."""
    for link in _backwards(kind):
        given = {"merge_": merge, "link_": link.name, "now": clock.now()}
        await _giving_back(link).done(session, **given)
        if link.same is not None:
            await _restoring(link).done(session, **given)


def _backwards(kind: Kind) -> Iterator[Link]:
    if kind is Kind.LEADS:
        yield from OF_CUSTOMER
    yield from reversed(LINKS[kind])


async def take_in(session: AsyncSession, *, kind: Kind, since: datetime) -> int:
    """Let what has come to name a record after it was merged, name the survivor; for merges since an instant.

    Whoever began before the merge to write something for the record, and without locking it, may have ended after it.
    """
    given = {"since": since, "now": clock.now(), "contact": None}
    return sum([len(await _taking_in(link, kind).all(session, **given)) for link in LINKS[kind]])
