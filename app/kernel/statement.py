"""Statements that are built once and sent as the driver takes them.

SQLAlchemy builds, caches and sends a statement at five times the cost of what asyncpg needs to send it. That matters on
a hot route, and only there: a `Statement` is written like any other, with a `bindparam` for whatever changes.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias
from weakref import WeakSet

import asyncpg
from sqlalchemy import ClauseElement, ColumnElement, CompoundSelect, Dialect, Select, func
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler

Reader: TypeAlias = AsyncConnection | AsyncSession
Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Processor: TypeAlias = Callable[[Any], Any] | None

DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_NUMERIC = 1700  # the type by its number, which only the numbers among SQLAlchemy's types ask for


def driver_of(reader: Reader) -> Driver:
    """The driver's connection under a session of `Database.transaction` or a connection of `Database.read`."""
    connection = reader.bind if isinstance(reader, AsyncSession) else reader
    return connection.sync_connection.connection.driver_connection  # type: ignore[union-attr, return-value]


class Statement:
    """A statement, compiled when it is first sent. Its rows have the statement's columns as attributes, typed."""

    def __init__(self, statement: ClauseElement | Callable[[], ClauseElement]) -> None:
        self._statement = statement
        _known.add(self)

    def prepare(self) -> None:
        """Compile it before it is sent."""
        _ = self.text, self._parameters, self._row

    @cached_property
    def _compiled(self) -> SQLCompiler:
        statement = self._statement() if callable(self._statement) else self._statement
        compiled: Any = statement.compile(dialect=DIALECT)
        if compiled.post_compile_params:
            raise TypeError("`in_` makes another statement for each number of values: say `any_` of an array, or `or_`")
        return compiled  # type: ignore[no-any-return]

    @cached_property
    def text(self) -> str:
        """The SQL as it is sent."""
        return self._compiled.string

    @cached_property
    def _parameters(self) -> Sequence[tuple[str, Any, Processor]]:
        """Name, value unless given, and how it is written, by position."""
        values, binds = self._compiled.params, self._compiled.binds
        kinds = ((name, binds[name].type.dialect_impl(DIALECT)) for name in self._compiled.positiontup or ())
        return [(name, values[name], kind.bind_processor(DIALECT)) for name, kind in kinds]

    @cached_property
    def _row(self) -> tuple[Callable[[Any], Any], Sequence[tuple[int, Callable[[Any], Any]]]]:
        """How a row is made, and the columns that the driver leaves as text."""
        columns = self._compiled._result_columns  # noqa: SLF001 - the only place that knows their types
        kinds = (column.type.dialect_impl(DIALECT) for column in columns)
        processors = (kind.result_processor(DIALECT, _NUMERIC) for kind in kinds)
        row: Any = namedtuple("Row", [column.keyname for column in columns])  # type: ignore[misc]  # noqa: PYI024
        return row._make, [(index, read) for index, read in enumerate(processors) if read is not None]

    def _arguments(self, given: dict[str, Any]) -> list[Any]:
        found = []
        for name, value, write in self._parameters:
            value = given.get(name, value)  # noqa: PLW2901 - the one in its place
            found.append(value if write is None or value is None else write(value))
        return found

    async def all(self, reader: Reader, /, **given: Any) -> list[Any]:
        """The rows. What the session's objects have to say is written before."""
        await _flushed(reader)
        records = await driver_of(reader).fetch(self.text, *self._arguments(given))
        make, processors = self._row
        if not processors:
            return [make(record) for record in records]
        rows = []
        for record in records:
            row = list(record)
            for index, read in processors:
                row[index] = read(row[index])
            rows.append(make(row))
        return rows

    async def first(self, reader: Reader, /, **given: Any) -> Any | None:
        """The first row, or None."""
        rows = await self.all(reader, **given)
        return rows[0] if rows else None

    async def done(self, reader: Reader, /, **given: Any) -> None:
        """Send what answers nothing."""
        await _flushed(reader)
        await driver_of(reader).fetch(self.text, *self._arguments(given))


_known: WeakSet[Statement] = WeakSet()


def among(of: Any, rows: Select[Any] | CompoundSelect[Any]) -> ColumnElement[bool]:
    """`of IN (rows)`, but the rows are always looked for first, whatever a young table's statistics say."""
    return of == func.any(func.array(rows.scalar_subquery()))  # type: ignore[no-any-return]


def prepare() -> None:
    """Compile all statements that stand ready, for which the first requests would wait."""
    for statement in list(_known):
        statement.prepare()


async def _flushed(reader: Reader) -> None:
    if isinstance(reader, AsyncSession) and (reader.new or reader.dirty or reader.deleted):
        await reader.flush()
