"""Base of every repository: rows to change as objects, rows to show as JSON that PostgreSQL built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select
from sqlalchemy.engine import Result
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.kernel import words
from app.kernel.db import Base
from app.kernel.errors import Moved, NotFound, PreconditionFailed
from app.kernel.leading import led
from app.kernel.pagination import Sort
from app.kernel.schema import Query, Read
from app.kernel.shape import body_of
from app.kernel.statement import Reader, Statement

Model = TypeVar("Model", bound=Base)


@dataclass(frozen=True, slots=True)
class Document:
    """One resource as it is answered: its JSON and the version that makes its ETag.

    `location` is its path when it was asked for by the id of another that was merged into it.
    """

    body: str
    version: int
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page: the rows' JSON in order, and the cursor behind the last when more follow."""

    rows: Sequence[str]
    next_cursor: str | None


_POSITION = ("page_key", "page_identity")


class _Asked:
    """A query whose filters are parameters of their names, but for flags: what those say is said in SQL."""

    def __init__(self, flags: Mapping[str, bool | None]) -> None:
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name not in self._flags:
            return None
        flag = self._flags[name]
        return bindparam(name) if flag is None else flag


def demand_version(latest: int, expected: int | None) -> None:
    """Raises PreconditionFailed when `expected`, the version in If-Match, is not the latest; None expects nothing."""
    if expected is not None and latest != expected:
        raise PreconditionFailed(f"version {expected} was read, version {latest} is the latest: read again")


class Repository(Generic[Model]):
    """What a domain's repository inherits; it declares the model, the schema it shows and the sorts it allows."""

    model: type[Model]
    schema: ClassVar[type[Read]]
    noun: ClassVar[str]
    sorts: ClassVar[Mapping[str, InstrumentedAttribute[Any]]] = {}
    searched: ClassVar[ColumnElement[Any] | None] = None
    """What the filter `words` looks in, if the list has it."""

    def __init__(self) -> None:
        model: Any = self.model
        self._one = Statement(lambda: self._shown.where(model.id == bindparam("id")))

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        """The schema's fields that are no columns of the model, by name."""
        return {}

    def conditions(self, query: Any) -> list[ColumnElement[bool]]:  # noqa: ARG002 - each list has its own filters
        """The filters of a list as conditions.

        They are built once for the filters that are set. So only whether one is set may be asked here, and what a flag
        says; any other value is a parameter, to be put into a condition as it is.
        """
        return []

    @cached_property
    def _shown(self) -> Select[Any]:
        """The read statement. Which rows a caller may see belongs here, never behind the loading."""
        model: Any = self.model
        shown = select(body_of(self.schema, model, self.computed), model.version)
        return shown.where(model.merged_into_id.is_(None)) if self._merges else shown

    @cached_property
    def _merges(self) -> bool:
        """Whether rows may be merged into others of their table: what was merged is not shown, and not changed."""
        return hasattr(self.model, "merged_into_id")

    @cached_property
    def _survivor(self) -> Statement:
        model: Any = self.model
        found = select(model.merged_into_id).where(model.id == bindparam("id"), model.merged_into_id.is_not(None))
        return Statement(found)

    async def survivor(self, reader: Reader, identity: UUID) -> UUID | None:
        """The resource that the one with this id was merged into, if it was."""
        found = await self._survivor.first(reader, id=identity) if self._merges else None
        return found.merged_into_id if found else None

    def path(self, identity: UUID) -> str:
        """The resource's path."""
        return f"/v1/{self.model.__tablename__}/{identity}"

    async def show(self, reader: Reader, identity: UUID, *where: ColumnElement[bool]) -> Document:
        """The resource as it is answered; of one that was merged, the one that it was merged into.

        Raises:
            NotFound: there is none with this id.

        """
        model: Any = self.model
        one = Statement(self._shown.where(model.id == bindparam("id"), *where)) if where else self._one
        row = await one.first(reader, id=identity)
        if row is not None:
            return Document(row.body, row.version)
        survivor = await self.survivor(reader, identity)
        row = await one.first(reader, id=survivor) if survivor else None
        if row is None or survivor is None:
            raise self.missing(identity)
        return Document(row.body, row.version, self.path(survivor))

    async def page(
        self, reader: Reader, query: Query, *where: ColumnElement[bool], within: UUID | None = None
    ) -> Listing:
        """One page of the list that `query` (its filters, `sort`, `limit`, `cursor`) asks for, where `where` holds.

        `within` is the resource that the list belongs to, so that a cursor is no other's.
        """
        sort = Sort.named(query.sort, self.sorts, of=f"{self.noun} {within} {query.filters()}")  # type: ignore[attr-defined]
        position = sort.position(query.cursor)
        if where or getattr(query, "words", None) is not None:
            worded = await self._worded(reader, query)
            statement = self._listing(sort, [*where, *self.conditions(query), *worded], deeper=bool(position))
        else:
            flags = tuple((name, value if isinstance(value, bool) else None) for name, value in query.asked().items())
            statement = self._plain_listing(query.sort, flags, deeper=bool(position))  # type: ignore[attr-defined]
        given = dict(zip(_POSITION, position, strict=False))
        rows = await statement.all(reader, **query.asked(), **given, page_rows=query.limit + 1)
        shown, more = rows[: query.limit], len(rows) > query.limit
        return Listing([row.body for row in shown], sort.encode(shown[-1].key, shown[-1].identity) if more else None)

    @lru_cache(maxsize=1000)  # noqa: B019 - there is one repository of each kind, for good
    def _plain_listing(self, sort: str, flags: Sequence[tuple[str, bool | None]], *, deeper: bool) -> Statement:
        """The statement of pages that are asked for by the same filters, whatever their values, and flags."""
        return self._listing(Sort.named(sort, self.sorts, of=""), self.conditions(_Asked(dict(flags))), deeper=deeper)

    def _listing(self, sort: Sort, conditions: Sequence[ColumnElement[bool]], *, deeper: bool) -> Statement:
        statement = self._shown.add_columns(sort.column.label("key"), sort.identity.label("identity"))
        kinds = (sort.column.type, sort.identity.type)
        after = [bindparam(name, type_=kind) for name, kind in zip(_POSITION, kinds, strict=True)] if deeper else []
        sort, rest = led(sort, conditions)
        return Statement(sort.apply(statement.where(*rest), after, bindparam("page_rows", type_=Integer)))

    async def _worded(self, reader: Reader, query: Any) -> list[ColumnElement[bool]]:
        if self.searched is None or query.words is None:
            return []
        model: Any = self.model
        return [await words.found(reader, model.id, self.searched, query.words)]

    async def part(self, reader: Reader, identity: UUID, listing: Listing) -> Listing:
        """A page of what belongs to the resource, when there is one: an empty page of nothing is none.

        Raises:
            NotFound: there is none with this id.
            Moved: it was merged into another.

        """
        if not listing.rows:
            model: Any = self.model
            if (await reader.execute(select(model.id).where(model.id == identity))).first() is None:
                raise self.missing(identity)
            if survivor := await self.survivor(reader, identity):
                raise self.moved(identity, survivor)
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
            Moved: it was merged into another.
            PreconditionFailed: `expected`, the version in If-Match, is no longer the latest.

        """
        model: Any = self.model
        statement = select(model).where(model.id == identity).with_for_update(key_share=True)
        result: Result[Any] = await session.execute(statement.execution_options(populate_existing=True))
        found: Any = result.scalar_one_or_none()
        if found is None:
            raise self.missing(identity)
        if self._merges and found.merged_into_id is not None:
            raise self.moved(identity, found.merged_into_id)
        demand_version(found.version, expected)
        return found  # type: ignore[no-any-return]

    def missing(self, identity: UUID) -> NotFound:
        return NotFound(f"no {self.noun} {identity}")

    def moved(self, identity: UUID, survivor: UUID) -> Moved:
        return Moved(self.noun, identity, survivor, self.path(survivor).rpartition("/")[0])
