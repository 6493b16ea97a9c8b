"""Lets a list's filter lead the index that answers it.

Of `status = 'new'` in the order of age PostgreSQL guesses that such rows are spread evenly over all ages. So it may
read the table by age instead of the index on status and age: to its end, when the new rows are the youngest. Where an
index begins with the column that is filtered and goes on with the one that is sorted by, the filter is therefore said
as the beginning of the order. No other index has the rows in that order, and a page costs the same at any depth.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import BinaryExpression, ColumnElement, Table
from sqlalchemy.sql import operators

from app.kernel.pagination import Sort

_RANGES = {operators.ge, operators.gt, operators.le, operators.lt}


def led(sort: Sort, conditions: Sequence[ColumnElement[bool]]) -> tuple[Sort, Sequence[ColumnElement[bool]]]:
    """The sort with the filters that bound its order, and the other filters."""
    table: Table = sort.column.class_.__table__
    ranges = tuple(each for each in conditions if _is_range(each, sort.column.key))
    others = [each for each in conditions if not _is_range(each, sort.column.key)]
    if len(others) == 1 and (_equated(others[0]), sort.column.key) in _led(table):
        return replace(sort, lead=tuple(others), ranges=ranges), ()
    return replace(sort, ranges=ranges), others


@cache
def _led(table: Table) -> frozenset[tuple[str, str]]:
    """The columns that lead an index, each with the one that it is sorted by below, up to the id."""
    whole = [index for index in table.indexes if index.dialect_options["postgresql"]["where"] is None]
    named = [[getattr(each, "name", "") for each in index.expressions] for index in whole]
    return frozenset((names[0], names[1]) for names in named if names[2:] == ["id"])


def _equated(condition: Any) -> str:
    """The name of the column that has to equal something."""
    equal = isinstance(condition, BinaryExpression) and condition.operator is operators.eq
    return getattr(condition.left, "name", "") if equal else ""


def _is_range(condition: Any, name: str) -> bool:
    ranged = isinstance(condition, BinaryExpression) and condition.operator in _RANGES
    return ranged and getattr(condition.left, "name", None) == name
