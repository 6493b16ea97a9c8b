"""Several writes of one request as one statement: a round trip, however many tables and rows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from app.kernel import outbox
from app.kernel.bulk import insert_of, records, together, update_of
from app.kernel.db import Base
from app.kernel.statement import Statement

Row = Mapping[str, Any]


class _Part(NamedTuple):
    model: type[Base]
    columns: tuple[str, ...]
    updates: bool
    replaces: tuple[str, ...]

    def statement(self, parameter: str) -> UpdateBase:
        if self.updates:
            return update_of(self.model, self.columns, parameter)
        written = insert_of(self.model, self.columns, parameter)
        if not self.replaces:
            return written
        changed = {name: written.excluded[name] for name in self.replaces}
        key = [column.name for column in self.model.__table__.primary_key]
        return written.on_conflict_do_update(index_elements=key, set_=changed)


@cache
def _statement(parts: tuple[_Part, ...]) -> Statement:
    return Statement(together(part.statement(f"rows_{number}") for number, part in enumerate(parts)))


class Writes:
    """What is to be written, gathered where it is decided, and sent when all is.

    Rows of one table and purpose have the same columns. The models' defaults do not apply; an object that a session
    holds does not hear of it. None of the writes sees the others' rows, foreign keys are checked when all is written.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._rows: dict[_Part, list[Row]] = {}

    def insert(self, model: type[Base], rows: Iterable[Row], *, replaces: Sequence[str] = ()) -> None:
        """Insert rows; one with the key of a row that is there replaces the named columns of that."""
        self._add(model, rows, updates=False, replaces=tuple(replaces))

    def update(self, model: type[Base], rows: Iterable[Row]) -> None:
        """Set the other values of each row on the one with its id. Lock them before."""
        self._add(model, rows, updates=True, replaces=())

    def tell(self, subject: UUID, event: outbox.Event) -> None:
        """Record an event, as `outbox.record` does."""
        self.insert(outbox.OutboxEvent, [outbox.as_values(self._session, subject, event)])

    def _add(self, model: type[Base], rows: Iterable[Row], *, updates: bool, replaces: tuple[str, ...]) -> None:
        added = list(rows)
        if added:
            part = _Part(model, tuple(added[0]), updates, replaces)
            self._rows.setdefault(part, []).extend(added)

    async def send(self) -> None:
        """Write it all, in one statement."""
        if self._rows:
            given = {f"rows_{number}": records(rows) for number, rows in enumerate(self._rows.values())}
            await _statement(tuple(self._rows)).done(self._session, **given)
