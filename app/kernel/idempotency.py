"""`Idempotency-Key`: the first answer is stored in the transaction that did the work, and replayed to every retry.

The key is claimed before anything else happens: a twin in parallel waits on the claim's unique index until the
first one has committed (then it replays) or rolled back (then it does the work itself).
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, and_, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base
from app.kernel.errors import InProgress, Invalid, StartOver
from app.kernel.statement import Statement

MAX_KEY_LENGTH = 255
_PATIENCE = 2.0
_KEPT_HEADERS = ("content-type", "etag", "location")


class IdempotencyRecord(Base):
    """A claimed key, and once its request has committed the answer."""

    __tablename__ = "idempotency_records"

    owner: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)


_TABLE = IdempotencyRecord.__table__
_OWN = and_(*(_TABLE.c[name] == bindparam(name) for name in ("owner", "operation", "key")))
_CLAIM = Statement(
    insert(IdempotencyRecord)
    .values({name: bindparam(name) for name in ("owner", "operation", "key", "fingerprint", "created_at")})
    .on_conflict_do_nothing()
    .returning(_TABLE.c.fingerprint)
)
_FIND = Statement(select(_TABLE.c.fingerprint, _TABLE.c.status, _TABLE.c.headers, _TABLE.c.body).where(_OWN))
_STORE = Statement(
    update(IdempotencyRecord)
    .where(_OWN)
    .values(status=bindparam("answered"), headers=bindparam("headers"), body=bindparam("body"))
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Replay(Exception):  # noqa: N818 - control flow: the work has been done before
    """The request was answered before; this is its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this transaction holds."""

    owner: UUID
    operation: str
    key: str

    async def store(self, session: AsyncSession, answer: Answer) -> None:
        """Keep the answer, in the transaction that did the work."""
        kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT_HEADERS}
        own = {"owner": self.owner, "operation": self.operation, "key": self.key}
        await _STORE.done(session, **own, answered=answer.status, headers=kept, body=answer.body)


async def claim(session: AsyncSession, *, owner: UUID, operation: str, key: str, body: bytes) -> Claim:
    """Claim the key for this transaction.

    Raises:
        Replay: the same request was answered before.
        Invalid: the key was used with another body, or is longer than 255 characters.
        InProgress: the same request is still running after two seconds.

    """
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise Invalid.at("Idempotency-Key", "length", f"must have 1 to {MAX_KEY_LENGTH} printable characters")
    fingerprint = hashlib.sha256(body).hexdigest()
    own = {"owner": owner, "operation": operation, "key": key}
    try:
        async with asyncio.timeout(_PATIENCE):
            claimed = await _CLAIM.first(session, **own, fingerprint=fingerprint, created_at=clock.now())
    except TimeoutError:
        raise InProgress(
            "the same request is still running: try again in a moment", headers={"Retry-After": "1"}
        ) from None
    if claimed is not None:
        return Claim(owner, operation, key)
    found = await _FIND.first(session, **own)
    if found is None:  # its time was over in between
        raise StartOver
    if found.fingerprint != fingerprint:
        raise Invalid.at("Idempotency-Key", "reused", "was used before with another body: use a new key")
    raise Replay(Answer(found.status, found.headers, found.body))


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete answers stored before an instant, the oldest first, up to a limit; returns how many."""
    record = IdempotencyRecord
    key = tuple_(record.owner, record.operation, record.key)
    oldest = select(record.owner, record.operation, record.key).where(record.created_at < before)
    result = await session.execute(delete(record).where(key.in_(oldest.order_by(record.created_at).limit(limit))))
    return result.rowcount if isinstance(result, CursorResult) else 0
