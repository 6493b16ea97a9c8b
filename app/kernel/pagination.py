"""Keyset pages: the cursor holds the last row's sort value and id, so depth costs nothing and no row is skipped."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import operators

from app.kernel.errors import Invalid

_BIGGEST = 2**63


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    model_config = ConfigDict(frozen=True)

    data: list[Item]
    next_cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """A way to sort a list: by one never-null column, ties broken by id, `-` in front for descending.

    `of` names the list and its filters: a cursor of another is refused. `lead` (`column = value`, …) and `ranges` (of
    the sort's own column) are filters that bound the order (`leading.py`).
    """

    name: str
    column: InstrumentedAttribute[Any]
    identity: InstrumentedAttribute[UUID]
    descending: bool
    of: str
    lead: tuple[Any, ...] = ()
    ranges: tuple[Any, ...] = ()

    @classmethod
    def named(cls, name: str, columns: Mapping[str, InstrumentedAttribute[Any]], *, of: str) -> "Sort":
        column = columns[name.removeprefix("-")]
        return cls(name, column, column.class_.id, name.startswith("-"), of)

    @property
    def _origin(self) -> str:
        return hashlib.blake2s(f"{self.name} {self.of}".encode(), digest_size=8).hexdigest()

    def apply(self, statement: Select[Any], after: Sequence[Any], rows: Any) -> Select[Any]:
        """The statement for the rows behind a position (see `position`), at most so many."""
        value = tuple(each.right for each in self.lead)
        keys = (*(each.left for each in self.lead), self.column.expression)
        if self.column.expression.unique or self.column.expression.primary_key:
            after = after[:1]  # a tie-break that nobody needs, and that the index does not have
        else:
            keys = (*keys, self.identity.expression)

        def bound(operator: Any, *values: Any) -> ColumnElement[bool]:
            return operator(tuple_(*keys[: len(values)]), tuple_(*values))  # type: ignore[no-any-return]

        # One bound at either end: of two, PostgreSQL might start to read at the farther one.
        up, down = (operators.gt, operators.ge), (operators.lt, operators.le)
        onwards, backwards = (down, up) if self.descending else (up, down)
        start = [bound(each.operator, *value, each.right) for each in self.ranges if each.operator in onwards]
        end = [bound(each.operator, *value, each.right) for each in self.ranges if each.operator in backwards]
        if after:
            start = [bound(onwards[0], *value, *after)]
        if value:
            start, end = start or [bound(onwards[1], *value)], end or [bound(backwards[1], *value)]
        order = (key.desc() if self.descending else key.asc() for key in keys)
        return statement.where(*start, *end).order_by(*order).limit(rows)

    def encode(self, value: Any, identity: UUID) -> str:
        """The cursor behind the row with this sort value and id."""
        key = value if isinstance(value, (int, str)) else str(value)
        # Escaped, a long name would outgrow the limit.
        raw = json.dumps([self._origin, key, str(identity)], ensure_ascii=False)
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    def position(self, cursor: str | None) -> tuple[Any, ...]:
        """The sort value and the id that the cursor holds; nothing without one.

        Raises:
            Invalid: it is none of this list, sort and filters.

        """
        if cursor is None:
            return ()
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            origin, value, identity = json.loads(raw)
            if origin != self._origin:
                raise ValueError  # noqa: TRY301 - the same answer as for garbage
            return _typed(value, self.column.type.python_type), UUID(identity)
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise Invalid.at(
                "cursor", "cursor", "is no cursor of this list with these filters and this sort: start again without it"
            ) from None


def _typed(value: Any, kind: type) -> Any:
    if kind is int:
        if type(value) is int and -_BIGGEST <= value < _BIGGEST:
            return value
        raise ValueError
    if not isinstance(value, str) or "\0" in value or len(value) > 1000:  # noqa: PLR2004
        raise ValueError
    value.encode()  # a lone surrogate is no text
    if kind is UUID:
        return UUID(value)
    if kind is datetime:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)  # out of range here, not in the driver
    if kind is date:
        return date.fromisoformat(value)
    if kind is Decimal:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > 40:  # noqa: PLR2004
            raise ValueError
        return number
    return value
