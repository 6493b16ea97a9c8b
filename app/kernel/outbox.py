"""Events: written in the transaction that made them true, then numbered once for the feed.

A committed row gets its `position` from whoever holds the head row's lock (the feed, or the worker). The feed
serves positions only, so no later poll ever finds an earlier event, however long a writer stayed open.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Identity,
    Index,
    Select,
    Text,
    cast,
    func,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.kernel import clock
from app.kernel.auth import Principal
from app.kernel.db import Base, Database, Stored
from app.kernel.schema import Read
from app.kernel.shape import body_of

_BOOKKEEPING = {"version", "created_at", "updated_at"}
_UNNUMBERED = text("position IS NULL")


class OutboxEvent(Base):
    """An event as stored. `seq` is the order of writing, `position` the order in the feed."""

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(default=uuid7)
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    type: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    time: Mapped[datetime] = mapped_column(default=clock.now)
    actor_id: Mapped[UUID | None]
    actor: Mapped[str]
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)

    __table_args__ = (
        Index("ix_outbox_subject", "subject_type", "subject_id", "seq"),
        Index("ix_outbox_subject_position", "subject_type", "subject_id", "position"),
        Index("ix_outbox_type_position", "type", "position"),
        Index("ix_outbox_unnumbered", "seq", postgresql_where=_UNNUMBERED),
    )


class OutboxHead(Base):
    """One row: the last position given."""

    __tablename__ = "outbox_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]


Scalar = str | int | bool | None


class Change(Read):
    """One changed field. Personal fields are named without their values, so that a person can be erased."""

    field: str = Field(examples=["name"])
    old: Scalar = None
    new: Scalar = None


def _without_changes(schema: dict[str, Any], event: type[Any]) -> None:
    """Show changes only in the examples of what is all about them: what is new has none."""
    if not event.type.endswith(".updated"):
        schema["properties"]["changes"]["examples"] = [[]]


class Event(BaseModel):
    """Base of a domain's typed events; the fields are the payload."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_serialization_defaults_required=True,
        json_schema_extra=_without_changes,
    )

    type: ClassVar[str]
    subject_type: ClassVar[str]
    changes: tuple[Change, ...] = ()


_SOME_ID = "0198c1de-0000-7000-8000-000000000000"


class Envelope(Read):
    """A CloudEvents 1.0 envelope; `position` is the cursor of the feed, null for an instant after the commit."""

    specversion: Literal["1.0"]
    id: UUID
    source: str = Field(examples=["/v1"])
    type: str
    subject: str = Field(
        description="Kind and id of what it is about: the resource's path below /v1, where one with its id exists."
    )
    time: datetime
    datacontenttype: Literal["application/json"]
    position: int | None = Field(examples=[4711])
    actor: str = Field(description="Name of the API key that caused it.", examples=["order-desk"])
    actorid: UUID | None = Field(
        description="Id of that key; null when the service itself did it.", examples=[_SOME_ID]
    )
    requestid: str | None
    traceparent: str | None


def envelope(event: type[Event]) -> type[Envelope]:
    """The envelope's schema for one type of event."""
    subject = Envelope.model_fields["subject"]
    example = Field(description=subject.description, examples=[f"{event.subject_type}/{_SOME_ID}"])
    fields: dict[str, Any] = {"type": (Literal[event.type], ...), "subject": (str, example), "data": (event, ...)}
    return create_model(
        f"{event.__name__}Event",
        __base__=Envelope,
        __doc__=event.__doc__,
        **fields,
    )


class _Stored(Envelope):
    data: dict[str, Any]


@cache
def stored() -> Select[str, int | None, int]:
    """The read statement of events: body, position and seq."""
    row = OutboxEvent
    computed: dict[str, ColumnElement[Any]] = {
        "specversion": literal("1.0"),
        "source": literal("/v1"),
        "subject": row.subject_type + "/" + cast(row.subject_id, Text),
        "datacontenttype": literal("application/json"),
        "actorid": row.actor_id.expression,
        "requestid": row.request_id.expression,
    }
    return select(body_of(_Stored, row, computed), row.position, row.seq)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a transaction comes from; kept in `session.info["origin"]`."""

    principal: Principal | None
    name: str
    request_id: str | None = None
    traceparent: str | None = None


SYSTEM = Origin(None, "system")


def origin(session: AsyncSession) -> Origin:
    """Where the session's transaction comes from."""
    return session.info.get("origin", SYSTEM)  # type: ignore[no-any-return]


def record(session: AsyncSession, subject: Stored, event: Event) -> None:
    """Write an event into the transaction that makes it true."""
    session.add(as_row(session, subject.id, event))


def as_row(session: AsyncSession, subject: UUID, event: Event) -> OutboxEvent:
    """The event as a row, for those who write many at once."""
    return OutboxEvent(**as_values(session, subject, event))


def as_values(session: AsyncSession, subject: UUID, event: Event) -> dict[str, Any]:
    """The event's columns, for those who write many in one statement."""
    came = origin(session)
    return {
        "id": uuid7(),
        "type": event.type,
        "subject_type": event.subject_type,
        "subject_id": subject,
        "time": clock.now(),
        "actor_id": came.principal.key_id if came.principal else None,
        "actor": came.name,
        "request_id": came.request_id,
        "traceparent": came.traceparent,
        "data": event.model_dump(mode="json"),
    }


def _scalar(value: Any) -> Scalar:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else str(value)


def changes(row: Base, *, personal: Collection[str] = (), silent: Collection[str] = ()) -> tuple[Change, ...]:
    """What has been set on the row since it was read, before it is flushed; its bookkeeping is no news."""
    found = []
    for attribute in inspect(row).attrs:
        history = attribute.history
        if attribute.key in _BOOKKEEPING or attribute.key in silent or not history.has_changes():
            continue
        if attribute.key in personal:
            found.append(Change(field=attribute.key))
        else:
            old, new = (_scalar(values[0]) if values else None for values in (history.deleted, history.added))
            found.append(Change(field=attribute.key, old=old, new=new))
    return tuple(found)


def difference(old: Mapping[str, Any], new: Mapping[str, Any], *, personal: Collection[str] = ()) -> tuple[Change, ...]:
    """What `new` changes in `old`, for those who write many rows without loading objects."""
    return tuple(
        Change(field=name) if name in personal else Change(field=name, old=_scalar(old[name]), new=_scalar(value))
        for name, value in new.items()
        if old[name] != value
    )


_AT_ONCE = 1000


async def number_all(database: Database) -> None:
    """Give all committed events their positions, in transactions of its own."""
    full = True
    while full:
        async with database.transaction() as session:
            full = await number(session, limit=_AT_ONCE) == _AT_ONCE


async def number(session: AsyncSession, *, limit: int = _AT_ONCE) -> int:
    """Give committed events their positions, in the order of writing; returns how many got one.

    The head row's lock is taken in a statement of its own: the next one then sees everything committed so far.
    """
    head = (await session.execute(select(OutboxHead.position).with_for_update())).scalar_one()
    events = OutboxEvent
    pending = select(events.seq).where(events.position.is_(None)).order_by(events.seq).limit(limit).subquery()
    ranked = select(pending.c.seq, (func.row_number().over(order_by=pending.c.seq) + head).label("position")).subquery()
    numbered = await session.execute(
        update(events).where(events.seq == ranked.c.seq).values(position=ranked.c.position).returning(events.seq)
    )
    count = len(numbered.all())
    if count:
        await session.execute(update(OutboxHead).values(position=head + count))
    return count
