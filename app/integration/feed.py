"""The feed: committed events by position.

A position, once it can be read, has every earlier one beside it: they are given under one lock and committed in
order. So one statement that reads the last position and a page below it has seen everything up to there, and a
reader may go on after it even when all of it was filtered out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, Text, func, literal, select, true, tuple_, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from app.kernel import outbox
from app.kernel.db import Database
from app.kernel.errors import Invalid
from app.kernel.outbox import OutboxEvent, OutboxHead

_LAST = 2**63 - 1
_NEWS_AT_ONCE = 1000
_About = tuple[str | None, tuple[str, UUID] | None]
_UNNUMBERED: ColumnElement[bool] = select(OutboxEvent.seq).where(OutboxEvent.position.is_(None)).exists()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of these types (None: all), about this subject (None: any)."""

    types: frozenset[str] | None
    subject: tuple[str, UUID] | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events' JSON in order, the position that has been looked at, and whether more is there already."""

    rows: Sequence[str]
    next_after: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class News:
    """What the events behind a position are about, and the position up to which that is known.

    `latest` is the last position of each type, subject, pair of both, and (None, None) of all.
    """

    up_to: int
    latest: Mapping[_About, int]

    def holds(self, wanted: Wanted, *, after: int) -> bool:
        """Whether one of the events behind `after` is wanted."""
        types = (None,) if wanted.types is None else wanted.types
        return any(self.latest.get((kind, wanted.subject), 0) > after for kind in types)


def _wanted(wanted: Wanted, after: int, limit: int) -> Select[str, int | None, int]:
    row = OutboxEvent
    # What is wanted is the beginning of the order, and so of the index. (With `type = …` or `subject_id = …` the
    # planner would rather read all events by position, to the end when the wanted ones are rare.)
    if wanted.subject is not None:
        place = tuple_(row.subject_type, row.subject_id, row.position)
        found = outbox.stored().where(place > tuple_(*wanted.subject, after), place <= tuple_(*wanted.subject, _LAST))
        if wanted.types is not None:
            found = found.where(row.type.in_(sorted(wanted.types)))
        return found.order_by(row.subject_type, row.subject_id, row.position).limit(limit)
    found = outbox.stored().order_by(row.position).limit(limit)
    if wanted.types is None:
        return found.where(row.position > after)
    # The first positions of each type: as cheap for a rare type as for a common one.
    other = aliased(row)
    types = func.unnest(literal(sorted(wanted.types), ARRAY(Text))).table_valued("type").render_derived(name="wanted")
    key, own_type = tuple_(other.type, other.position), types.c.type
    of_type = select(other.position).where(key > tuple_(own_type, after), key <= tuple_(own_type, _LAST))
    own = of_type.order_by(other.type, other.position).limit(limit).correlate(types).lateral("own")
    first = select(own.c.position).select_from(types.join(own, true())).order_by(own.c.position).limit(limit)
    positions = first.subquery("first")
    return found.join(positions, positions.c.position == row.position)


def statement(wanted: Wanted, *, after: int, limit: int) -> Select[int, bool, str | None, int | None]:
    """The last position, whether events wait for theirs, and `limit` events: all as of one instant."""
    found = _wanted(wanted, after, limit).subquery("event")
    head = select(OutboxHead.position.label("head"), _UNNUMBERED.label("unnumbered"), found.c.body, found.c.position)
    return head.select_from(OutboxHead).outerjoin(found, true()).order_by(found.c.position)


async def read(database: Database, wanted: Wanted, *, after: int, limit: int) -> EventPage:
    """The events behind a position. Everything committed before the call has its position by then.

    Raises:
        Invalid: there is no such position yet; `after` comes from another database, or from before a restore.

    """
    page = await _read(database, wanted, after, limit)
    if page.has_more and len(page.rows) < limit:
        await outbox.number_all(database)
        page = await _read(database, wanted, after, limit)
    return page


async def _read(database: Database, wanted: Wanted, after: int, limit: int) -> EventPage:
    async with database.read() as connection:
        found = (await connection.execute(statement(wanted, after=after, limit=limit + 1))).all()
    head, unnumbered = found[0].head, found[0].unnumbered
    if after > head:
        raise Invalid.at("after", "unknown_position", f"no event has this position yet, the last one is {head}")
    rows = [row for row in found if row.position is not None]
    shown, more = rows[:limit], len(rows) > limit
    return EventPage([row.body for row in shown], shown[-1].position if more else head, more or unnumbered)


async def last_position(database: Database) -> int:
    """The last position, after what waited for one has been given it."""
    latest = select(OutboxHead.position, _UNNUMBERED.label("unnumbered"))
    async with database.read() as connection:
        head, unnumbered = (await connection.execute(latest)).one()
    if not unnumbered:
        return head
    await outbox.number_all(database)
    async with database.read() as connection:
        return (await connection.execute(select(OutboxHead.position))).scalar_one()


def statement_of_news(*, after: int) -> Select[int, str, str, UUID]:
    """What the next events are about."""
    row = OutboxEvent
    position = type_coerce(row.position, BigInteger)  # never null where it is more than another
    about = select(position, row.type, row.subject_type, row.subject_id)
    return about.where(row.position > after).order_by(row.position).limit(_NEWS_AT_ONCE)


async def news(database: Database, *, after: int, head: int) -> News:
    """What has come between a position and `head`, but for what is too much at once."""
    async with database.read() as connection:
        rows = (await connection.execute(statement_of_news(after=after))).all()
    latest: dict[_About, int] = {}
    for position, kind, subject_type, subject_id in rows:
        subject = (subject_type, subject_id)
        for about in ((kind, subject), (kind, None), (None, subject), (None, None)):
            latest[about] = position
    read = latest.get((None, None), after)
    return News(read if len(rows) == _NEWS_AT_ONCE else max(read, head), latest)
