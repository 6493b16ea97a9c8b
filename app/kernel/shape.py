"""Turns the Pydantic schema that a route declares into the JSON that PostgreSQL builds for it.

A read costs one statement and no Python object: `row_to_json` over a subselect whose columns are the
schema's fields. Decimals become strings and times RFC 3339 in UTC, as the schema would write them; a test
per route holds both against each other.
"""

import types
import typing
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Text, cast, func, inspect, literal_column, select
from sqlalchemy.dialects.postgresql import JSON

from app.kernel.db import Base
from app.kernel.statement import DIALECT

# Literals, not parameters: four for every time in a schema would go over the wire with each read.
_UTC, _WHOLE, _Z = literal_column("'UTC'", Text), literal_column("'.000000Z'", Text), literal_column("'Z'", Text)
_RFC3339 = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""", Text)


def _bare(annotation: Any) -> Any:
    """The annotation without `Annotated`, and `| None`."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(annotation) if part is not type(None)]
        return _bare(parts[0]) if len(parts) == 1 else annotation
    return annotation


def _written(column: ColumnElement[Any], annotation: Any) -> ColumnElement[Any]:
    kind = _bare(annotation)
    if kind is Decimal:
        return cast(column, Text)
    if kind is datetime:
        return func.replace(func.to_char(func.timezone(_UTC, column), _RFC3339), _WHOLE, _Z)
    return column


def fields(schema: type[BaseModel], model: type[Base], computed: Mapping[str, ColumnElement[Any]]) -> list[Any]:
    """The schema's fields as labelled columns: from `computed` by name, else the model's column of that name."""
    columns = inspect(model).columns
    return [
        _written(computed.get(name, columns.get(name)), field.annotation).label(name)  # type: ignore[arg-type]
        for name, field in schema.model_fields.items()
    ]


def json_of(
    schema: type[BaseModel], model: type[Base], computed: Mapping[str, ColumnElement[Any]] | None = None
) -> ColumnElement[Any]:
    """One row of `model` as the JSON object of `schema`."""
    inner = select(*fields(schema, model, computed or {})).correlate(model).lateral("r")
    return (
        select(func.row_to_json(literal_column("r"), type_=JSON)).select_from(inner).correlate(model).scalar_subquery()
    )


def body_of(
    schema: type[BaseModel], model: type[Base], computed: Mapping[str, ColumnElement[Any]] | None = None
) -> ColumnElement[str]:
    """`json_of` as text, written out as SQL once: to build it for each read, even to look it up, costs a millisecond.

    Its names are those of the tables: it does not stand in a statement that gives `model` another name.
    """
    # Inside its statement, so that what correlates with the table does.
    whole = select(cast(json_of(schema, model, computed), Text).label("body")).select_from(model)
    written = str(whole.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    column = written.removeprefix("SELECT ").removesuffix(f" AS body \nFROM {model.__tablename__}")
    return literal_column(column, Text).label("body")


def json_list_of(
    schema: type[BaseModel],
    model: type[Base],
    *,
    where: ColumnElement[bool],
    order_by: Any,
    parent: type[Base],
    computed: Mapping[str, ColumnElement[Any]] | None = None,
) -> ColumnElement[Any]:
    """The rows of a child table that belong to `parent`'s row, as the JSON array of `schema`."""
    rows = select(*fields(schema, model, computed or {})).where(where).order_by(order_by).correlate(parent).lateral("r")
    whole = func.coalesce(func.json_agg(literal_column("r"), type_=JSON), literal_column("'[]'::json"))
    return select(whole).select_from(rows).correlate(parent).scalar_subquery()
