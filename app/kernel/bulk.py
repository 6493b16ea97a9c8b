"""Bulk writes: rows are validated one by one, go to PostgreSQL as one parameter, and are answered in their order.

A route takes `Annotated[Rows[ThingCreate], BULK]`; in its body each row is either what the schema made of it or a
`Rejected`. The API description shows the schema alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeVar, get_args
from uuid import UUID

from pydantic import BaseModel, Field, GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema, to_json
from sqlalchemy import (
    BindParameter,
    Select,
    Table,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

from app.kernel.db import Base
from app.kernel.errors import FieldError, pointer_of
from app.kernel.schema import FieldProblem, Read
from app.kernel.text import field_error

MAX_ROWS = 1000
BULK = Field(min_length=1, max_length=MAX_ROWS)


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    INVALID = "invalid"


class RowResult(Read):
    """What became of one row of the body."""

    status: Outcome
    id: UUID | None = Field(
        description="The resource; null when the row was invalid.", examples=["0198c1de-0000-7000-8000-000000000000"]
    )
    errors: list[FieldProblem] = Field(default=[], description="The wrong places of an invalid row.", examples=[[]])


class BulkResult(Read):
    """One result for every row of the body, in the same order. Invalid rows cost no others."""

    data: list[RowResult]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that its schema refused; pointers are relative to the row."""

    errors: tuple[FieldError, ...]

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> "Rejected":
        """One wrong field."""
        return cls((FieldError(pointer, code, detail),))


class _OneByOne:
    """Validates a row by itself; the JSON schema stays that of the row."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_attempt, handler(get_args(source)[0]))


def _attempt(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError as error:
        return Rejected(tuple(field_error(pointer_of(e["loc"]), e) for e in error.errors()))


Row = TypeVar("Row", bound=BaseModel)
Rows = list[Annotated[Row | Rejected, _OneByOne()]]


Done: TypeAlias = tuple[Outcome, UUID] | Rejected


def accepted(rows: Sequence[Row | Rejected]) -> dict[int, Row]:
    """The rows that their schema accepted, by position in the body."""
    return {index: row for index, row in enumerate(rows) if not isinstance(row, Rejected)}


def result(done: Iterable[tuple[Outcome, UUID] | Rejected], *, under: str = "") -> BulkResult:
    """The answer, from what became of each row in order; `under` points to the array in the body."""
    data = []
    for index, each in enumerate(done):
        if isinstance(each, Rejected):
            at = f"{under}/{index}"
            errors = [FieldProblem(pointer=f"{at}{e.pointer}", code=e.code, detail=e.detail) for e in each.errors]
            data.append(RowResult(status=Outcome.INVALID, id=None, errors=errors))
        else:
            data.append(RowResult(status=each[0], id=each[1], errors=[]))
    return BulkResult(data=data)


def records(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as the parameter of a statement that was built once (`insert_of`, `update_of`): a JSON array.

    What is None is left out: it is NULL all the same, and most columns of most rows are.
    """
    return to_json([{name: value for name, value in row.items() if value is not None} for row in rows]).decode()


def recordset(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    """The rows as a table named `sent` with these columns: one parameter, however many rows."""
    return _sent(bindparam("sent", records(rows), type_=Text, unique=True), columns)


def insert_all(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> Insert:
    """Insert rows of the same columns in their order; the model's Python-side defaults do not apply."""
    table = _table(model)
    return _insert(table, recordset(rows, {name: table.c[name].type for name in rows[0]}))


def insert_of(model: type[Base], columns: Iterable[str], parameter: str) -> Insert:
    """`insert_all` of the `records` given when it is executed: a hot path builds its statements once."""
    table = _table(model)
    sent = bindparam(parameter, type_=Text)
    return _insert(table, _sent(sent, {name: table.c[name].type for name in columns}))


def update_all(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> Update:
    """Set the other values of each row on the one with its id. Lock them before."""
    table = _table(model)
    return _update(table, recordset(rows, {name: table.c[name].type for name in rows[0]}))


def update_of(model: type[Base], columns: Iterable[str], parameter: str) -> Update:
    """`update_all` of the `records` given when it is executed."""
    table = _table(model)
    sent = bindparam(parameter, type_=Text)
    return _update(table, _sent(sent, {name: table.c[name].type for name in columns}))


def together(statements: Iterable[UpdateBase]) -> Select[int]:
    """Several writes as one statement: none sees the others' rows, foreign keys are checked when all is written."""
    parts = (statement.cte(f"part_{number}") for number, statement in enumerate(statements))
    return select(literal(1)).add_cte(*parts)


def _table(model: type[Base]) -> Table:
    return model.__table__  # type: ignore[return-value]


def _sent(rows: BindParameter[Any], columns: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    typed = [column(name, kind) for name, kind in columns.items()]
    return func.jsonb_to_recordset(cast(rows, JSONB)).table_valued(*typed, name="sent").render_derived(with_types=True)


def _insert(table: Table, sent: TableValuedAlias) -> Insert:
    return insert(table).from_select(list(sent.c.keys()), select(*sent.c), include_defaults=False)


def _update(table: Table, sent: TableValuedAlias) -> Update:
    return update(table).values({c.name: c for c in sent.c if c.name != "id"}).where(table.c.id == sent.c.id)
