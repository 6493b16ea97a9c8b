"""Base of every repository: rows to change as objects, rows to show as JSON that PostgreSQL built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.engine import Result
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.kernel import words
from app.kernel.db import Base
from app.kernel.errors import NotFound, PreconditionFailed
from app.kernel.leading import led
from app.kernel.pagination import Sort
from app.kernel.schema import Query, Read
from app.kernel.shape import body_of
from app.kernel.statement import Reader, Statement

Model = TypeVar("Model", bound=Base)


@dataclass(frozen=True, slots=True)
class Document:
    """One resource as it is answered: its JSON and the version that makes its ETag."""

    body: str
    version: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page: the rows' JSON in order, and the cursor behind the last when more follow."""

    rows: Sequence[str]
    next_cursor: str | None


class Repository(Generic[Model]):
    """What a domain's repository inherits; it declares the model, the schema it shows and the sorts it allows."""

    model: type[Model]
    schema: ClassVar[type[Read]]
    noun: ClassVar[str]
    sorts: ClassVar[Mapping[str, InstrumentedAttribute[Any]]] = {}
    searched: ClassVar[ColumnElement[Any] | None] = None
    """What the filter `words` looks in, if the list has it."""

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        """The schema's fields that are no columns of the model, by name."""
        return {}

    def conditions(self, query: Any) -> list[ColumnElement[bool]]:  # noqa: ARG002 - each list has its own filters
        """The filters of a list as conditions."""
        return []

    @cached_property
    def _shown(self) -> Select[Any]:
        """The read statement. Which rows a caller may see belongs here, never behind the loading."""
        model: Any = self.model
        return select(body_of(self.schema, model, self.computed), model.version)

    @cached_property
    def _one(self) -> Statement:
        model: Any = self.model
        return Statement(self._shown.where(model.id == bindparam("id")))

    async def show(self, reader: Reader, identity: UUID, *where: ColumnElement[bool]) -> Document:
        """The resource as it is answered.

        Raises:
            NotFound: there is none with this id.

        """
        model: Any = self.model
        one = Statement(self._shown.where(model.id == bindparam("id"), *where)) if where else self._one
        row = await one.first(reader, id=identity)
        if row is None:
            raise self.missing(identity)
        return Document(row.body, row.version)

    async def page(
        self, reader: Reader, query: Query, *where: ColumnElement[bool], within: UUID | None = None
    ) -> Listing:
        """One page of the list that `query` (its filters, `sort`, `limit`, `cursor`) asks for, where `where` holds.

        `within` is the resource that the list belongs to, so that a cursor is no other's.
        """
        sort = Sort.named(query.sort, self.sorts, of=f"{self.noun} {within} {query.filters()}")  # type: ignore[attr-defined]
        statement = self._shown.add_columns(sort.column.label("key"), sort.identity.label("identity"))
        sort, conditions = led(sort, [*where, *self.conditions(query), *await self._worded(reader, query)])
        statement = sort.apply(statement.where(*conditions), query.cursor, query.limit)
        rows = (await reader.execute(statement)).all()
        shown, more = rows[: query.limit], len(rows) > query.limit
        return Listing([row.body for row in shown], sort.encode(shown[-1].key, shown[-1].identity) if more else None)

    async def _worded(self, reader: Reader, query: Any) -> list[ColumnElement[bool]]:
        if self.searched is None or query.words is None:
            return []
        model: Any = self.model
        return [await words.found(reader, model.id, self.searched, query.words)]

    async def part(self, reader: Reader, identity: UUID, listing: Listing) -> Listing:
        """A page of what belongs to the resource, when there is one: an empty page of nothing is none.

        Raises:
            NotFound: there is none with this id.

        """
        if not listing.rows:
            model: Any = self.model
            if (await reader.execute(select(model.id).where(model.id == identity))).first() is None:
                raise self.missing(identity)
        return listing

    async def get(self, session: AsyncSession, identity: UUID) -> Model:
        """The row as an object, to read.

        Raises:
            NotFound: there is none with this id.

        """
        found = await session.get(self.model, identity)
        if found is None:
            raise self.missing(identity)
        return found

    async def lock(self, session: AsyncSession, identity: UUID, *, expected: int | None = None) -> Model:
        """The row as an object, locked until the transaction ends.

        Raises:
            NotFound: there is none with this id.
            PreconditionFailed: `expected`, the version in If-Match, is no longer the latest.

        """
        model: Any = self.model
        statement = select(model).where(model.id == identity).with_for_update(key_share=True)
        result: Result[Any] = await session.execute(statement.execution_options(populate_existing=True))
        found: Any = result.scalar_one_or_none()
        if found is None:
            raise self.missing(identity)
        if expected is not None and found.version != expected:
            raise PreconditionFailed(f"version {expected} was read, version {found.version} is the latest: read again")
        return found  # type: ignore[no-any-return]

    def missing(self, identity: UUID) -> NotFound:
        return NotFound(f"no {self.noun} {identity}")
