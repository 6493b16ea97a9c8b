"""Events of every type, written without the services that would tell them."""

import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel import outbox
from app.kernel.outbox import Event
from app.staff.events import StaffCreated, StaffUpdated

JOINED, CHANGED = StaffCreated(), StaffUpdated(changes=(outbox.Change(field="role", old="a", new="b"),))


def tell(session: AsyncSession, event: Event = JOINED, subject: UUID | None = None) -> UUID:
    """Record an event; its subject need not exist."""
    subject = subject or uuid7()
    session.add(outbox.as_row(session, subject, event))
    return subject


_PLAIN: dict[Any, Any] = {
    str: "text",
    int: 7,
    bool: True,
    Decimal: Decimal("12.5"),
    date: date(2026, 2, 3),
    datetime: datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
}


def _value(annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _value(arguments[0])
    if origin in (list, tuple):
        return [_value(arguments[0])] * 2
    if origin is typing.Annotated:
        return _value(arguments[0])
    if annotation is UUID:
        return uuid7()
    if issubclass(annotation, StrEnum):
        return next(iter(annotation))
    return specimen(annotation) if issubclass(annotation, BaseModel) else _PLAIN[annotation]


Model = typing.TypeVar("Model", bound=BaseModel)


def specimen(model: type[Model]) -> Model:
    """An instance with every field filled."""
    fields = model.model_fields.items()
    return model.model_validate(
        {name: field.examples[0] if field.examples else _value(field.annotation) for name, field in fields}
    )
