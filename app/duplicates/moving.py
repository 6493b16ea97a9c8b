"""Moving what refers to one record to another, and back: each link in one statement, each row noted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates.links import LINKS, LOCKED_BEFORE, OF_CUSTOMER, Link
from app.duplicates.rules import Kind
from app.kernel import clock
from app.kernel.db import Base
from app.kernel.errors import StartOver
from app.kernel.statement import DIALECT

# Names of tables and columns are those of `links`, never anybody's input.


def _table(link: Link) -> Table:
    return Base.metadata.tables[link.table]


def _key(link: Link) -> str:
    names = [column.name for column in _table(link).primary_key]
    return "jsonb_build_object(" + ", ".join(f"'{name}', t.{name}" for name in names) + ")"


def _renewed(link: Link) -> str:
    renews = link.renews and "version" in _table(link).columns
    return ", version = version + 1, updated_at = CAST(:now AS timestamptz)" if renews else ""


def _noted(changed: str, *, removed: bool = False) -> str:
    columns, values = ("removed", "done.row") if removed else ("after", "CAST(:after AS uuid)")
    return (
        f"WITH done AS ({changed}) INSERT INTO merge_rows (id, merge_id, link, key, before, {columns})"  # noqa: S608
        " SELECT gen_random_uuid(), CAST(:merge AS uuid), CAST(:link AS text), done.key, CAST(:before AS uuid),"
        f" {values} FROM done"
    )


@cache
def _moving(link: Link) -> TextClause:
    staying = f" AND NOT ({link.stays})" if link.stays else ""
    return text(
        _noted(
            f"UPDATE {link.table} AS t SET {link.column} = :survivor{_renewed(link)}"  # noqa: S608
            f" WHERE t.{link.column} = :before{staying} RETURNING {_key(link)} AS key"
        )
    )


@cache
def _removing(link: Link) -> TextClause:
    there = f"EXISTS (SELECT FROM {link.table} AS o WHERE o.{link.column} = :survivor AND {link.same})"
    removed = (
        f"DELETE FROM {link.table} AS t WHERE t.{link.column} = :before AND {there}"  # noqa: S608
        f" RETURNING {_key(link)} AS key, to_jsonb(t) AS row"
    )
    return text(_noted(removed, removed=True))


@cache
def _handing_over(link: Link) -> TextClause:
    """For the rows that were moved to a lead: what became of the lead, where they do not say."""
    handed = (
        f"UPDATE {link.table} AS t SET {link.column} = :after{_renewed(link)} FROM merge_rows AS m"  # noqa: S608
        f" WHERE m.merge_id = :merge AND m.link = :moved AND m.removed IS NULL"
        f" AND t.id = CAST(m.key->>'id' AS uuid) AND t.{link.column} IS NULL RETURNING {_key(link)} AS key"
    )
    return text(_noted(handed))


@cache
def _giving_back(link: Link) -> TextClause:
    own = " AND ".join(
        f"t.{column.name} = CAST(m.key->>'{column.name}' AS {column.type.compile(DIALECT)})"
        for column in _table(link).primary_key
    )
    return text(
        f"UPDATE {link.table} AS t SET {link.column} = m.before{_renewed(link)} FROM merge_rows AS m"  # noqa: S608
        f" WHERE m.merge_id = :merge AND m.link = :link AND m.removed IS NULL AND {own} AND t.{link.column} = m.after"
    )


@cache
def _restoring(link: Link) -> TextClause:
    names = [column.name for column in _table(link).columns]
    columns, values = (", ".join(f'{before}"{name}"' for name in names) for before in ("", "r."))
    return text(
        f"INSERT INTO {link.table} ({columns}) SELECT {values} FROM merge_rows AS m,"  # noqa: S608
        f" LATERAL jsonb_populate_record(CAST(NULL AS {link.table}), m.removed) AS r"
        " WHERE m.merge_id = :merge AND m.link = :link AND m.removed IS NOT NULL ON CONFLICT DO NOTHING"
    )


async def lock_before(session: AsyncSession, kind: Kind, record: UUID) -> Mapping[str, Sequence[UUID]]:
    """Lock what others lock before the record, in the order in which they do; the ids that were locked, by link."""
    return {name: await _locked(session, name, record) for name in LOCKED_BEFORE[kind]}


async def demand_no_others(
    session: AsyncSession, kind: Kind, locked: Mapping[str, Sequence[UUID]], record: UUID
) -> None:
    """Raises StartOver when something that has to be locked before the record has come since."""
    for name in LOCKED_BEFORE[kind]:
        table, column = name.split(".")
        own = text(f"SELECT id FROM {table} WHERE {column} = :record")  # noqa: S608
        found = await session.scalars(own, {"record": record})
        if not set(locked[name]).issuperset(found):
            raise StartOver


async def _locked(session: AsyncSession, name: str, record: UUID) -> Sequence[UUID]:
    table, column = name.split(".")
    own = f"SELECT id FROM {table} WHERE {column} = :record ORDER BY id FOR NO KEY UPDATE"  # noqa: S608
    return list(await session.scalars(text(own), {"record": record}))


async def move(
    session: AsyncSession, *, kind: Kind, merge: UUID, merged: UUID, survivor: UUID, contact: UUID | None = None
) -> None:
    """Let all that names the merged record name the survivor; `contact` is the one that a surviving lead has become."""
    given = {"merge": merge, "before": merged, "survivor": survivor, "after": survivor, "now": clock.now()}
    for link in LINKS[kind]:
        given["link"] = link.name
        if link.same is not None:
            await _execute(session, _removing(link), given | {"contact": contact})
        await _execute(session, _moving(link), given)


async def hand_over(session: AsyncSession, *, merge: UUID, account: UUID, contact: UUID) -> None:
    """Let what was moved to a lead that has become a customer be the customer's as well."""
    for link in OF_CUSTOMER:
        after = contact if link.column == "contact_id" else account
        given = {"merge": merge, "link": link.name, "moved": f"{link.table}.lead_id", "before": None, "after": after}
        await _execute(session, _handing_over(link), given | {"now": clock.now()})


async def give_back(session: AsyncSession, *, kind: Kind, merge: UUID) -> None:
    """Let all that a merge moved name what it named before, unless it names something else by now."""
    for link in _backwards(kind):
        given = {"merge": merge, "link": link.name, "now": clock.now()}
        await _execute(session, _giving_back(link), given)
        if link.same is not None:
            await _execute(session, _restoring(link), given)


def _backwards(kind: Kind) -> Iterator[Link]:
    if kind is Kind.LEADS:
        yield from OF_CUSTOMER
    yield from reversed(LINKS[kind])


async def _execute(session: AsyncSession, statement: TextClause, given: Mapping[str, Any]) -> None:
    names = statement._bindparams  # noqa: SLF001 - a text that does not ask for a value must not be given it
    await session.execute(statement, {name: value for name, value in given.items() if name in names})


async def take_in(session: AsyncSession, *, kind: Kind, since: Any) -> int:
    """Let what has come to name a record after it was merged, name the survivor; for merges since an instant.

    Whoever began before the merge to write something for the record, and without locking it, may have ended after it.
    """
    moved = 0
    for link in LINKS[kind]:
        staying = f" AND NOT ({link.stays.replace(':survivor', 'g.survivor_id')})" if link.stays else ""
        same = (
            f" AND NOT EXISTS (SELECT FROM {link.table} AS o WHERE o.{link.column} = g.survivor_id AND {link.same})"
            if link.same
            else ""
        )
        late = text(
            f"UPDATE {link.table} AS t SET {link.column} = g.survivor_id{_renewed(link)} FROM ("  # noqa: S608
            f"SELECT r.id, r.merged_into_id AS survivor_id FROM {kind} AS r JOIN merges AS m ON m.merged_id = r.id"
            " WHERE m.created_at >= CAST(:since AS timestamptz) AND m.undone_at IS NULL"
            " AND r.merged_into_id IS NOT NULL"
            f") AS g WHERE t.{link.column} = g.id{staying}{same} RETURNING 1"
        )
        given = {"since": since, "now": clock.now(), "contact": None}
        names = late._bindparams  # noqa: SLF001
        result = await session.execute(late, {name: value for name, value in given.items() if name in names})
        moved += len(result.all())
    return moved
