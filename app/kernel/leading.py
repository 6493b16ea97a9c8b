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

from sqlalchemy import BinaryExpression, Column, ColumnElement, Table, UniqueConstraint
from sqlalchemy.sql import operators, visitors

from app.kernel.pagination import Sort

_RANGES = {operators.ge, operators.gt, operators.le, operators.lt}


def led(sort: Sort, conditions: Sequence[ColumnElement[bool]]) -> tuple[Sort, Sequence[ColumnElement[bool]]]:
    """The sort with the filters that bound its order, and the other filters.

    No filter leads where another could be what finds few rows: PostgreSQL chooses between them.
    """
    table: Table = sort.column.class_.__table__
    ranges = tuple(each for each in conditions if _is_range(each, sort.column.key))
    others = [each for each in conditions if not _is_range(each, sort.column.key)]
    orders = _orders(table)
    leads = [each for each in others if (_equated(each), sort.column.key) in orders]
    rest = [each for each in others if not any(each is lead for lead in leads)]
    if len(leads) != 1 or any(_finds(table, each, _equated(leads[0])) for each in rest):
        return replace(sort, ranges=ranges), others
    return replace(sort, lead=tuple(leads), ranges=ranges), rest


@cache
def _orders(table: Table) -> frozenset[tuple[str, str]]:
    """The columns that lead an index, each with the one that it is sorted by below, up to the id."""
    whole = [index for index in table.indexes if index.dialect_options["postgresql"]["where"] is None]
    named = [[getattr(each, "name", "") for each in index.expressions] for index in whole]
    return frozenset((names[0], names[1]) for names in named if names[2:] == ["id"])


def _finds(table: Table, condition: Any, lead: str) -> bool:
    """Whether an index finds the rows of the condition, alone or, when it is of equality, behind the lead."""
    alone, behind = _sought(table, lead)
    is_equal = getattr(condition, "operator", None) is operators.eq
    return bool(_columns(condition) & (alone | behind if is_equal else alone))


@cache
def _sought(table: Table, lead: str) -> tuple[frozenset[str], frozenset[str]]:
    """The columns that begin an index, and those that stand behind the lead in one."""
    unique = [list(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint)]
    indexed = [[*map(_columns, each)] for each in (*unique, *(index.expressions for index in table.indexes))]
    alone = {"id"}.union(*(columns[0] for columns in indexed)) - {lead}
    behind = set[str]().union(*(columns[1] for columns in indexed if columns[0] == {lead} and len(columns) > 1))
    return frozenset(alone), frozenset(behind)


def _columns(condition: Any) -> set[str]:
    return {str(each.name) for each in visitors.iterate(condition) if isinstance(each, Column)}


def _equated(condition: Any) -> str:
    """The name of the column that has to equal something."""
    equal = isinstance(condition, BinaryExpression) and condition.operator is operators.eq
    return getattr(condition.left, "name", "") if equal else ""


def _is_range(condition: Any, name: str) -> bool:
    ranged = isinstance(condition, BinaryExpression) and condition.operator in _RANGES
    return ranged and getattr(condition.left, "name", None) == name
