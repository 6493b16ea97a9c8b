"""Who calls: API keys with scopes. Only a key's SHA-256 is stored; the key itself is shown once, when created."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from sqlalchemy import Text, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, Database, Identified
from app.kernel.errors import Forbidden, Unauthenticated
from app.kernel.statement import Statement

_CACHE_SECONDS = 5.0


class Permission(StrEnum):
    """What a key may do; a key's scopes are a set of these."""

    STAFF_READ = "staff:read"
    STAFF_WRITE = "staff:write"
    PRODUCTS_READ = "products:read"
    PRODUCTS_WRITE = "products:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    LEADS_READ = "leads:read"
    LEADS_CAPTURE = "leads:capture"
    LEADS_WRITE = "leads:write"
    LEADS_ASSIGN = "leads:assign"
    OPPORTUNITIES_READ = "opportunities:read"
    OPPORTUNITIES_WRITE = "opportunities:write"
    MEETINGS_READ = "meetings:read"
    MEETINGS_WRITE = "meetings:write"
    WORKLIST_READ = "worklist:read"
    DUPLICATES_READ = "duplicates:read"
    DUPLICATES_MERGE = "duplicates:merge"
    FUNNEL_READ = "funnel:read"
    SUPPLY_READ = "supply:read"
    SUPPLY_WRITE = "supply:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_OVERRIDE = "orders:override"
    SHIPMENTS_WRITE = "shipments:write"
    EVENTS_READ = "events:read"
    METRICS_READ = "metrics:read"


class Role(StrEnum):
    """The service's consumers, each a set of permissions to choose for a key."""

    MARKETING = "marketing"
    SALES = "sales"
    ORDER_ADMINISTRATION = "order_administration"
    PRODUCTION = "production"
    DISPATCH = "dispatch"


_P = Permission
ROLES = {
    Role.MARKETING: (_P.LEADS_READ, _P.LEADS_CAPTURE, _P.PRODUCTS_READ, _P.FUNNEL_READ, _P.EVENTS_READ),
    Role.SALES: (
        *(_P.STAFF_READ, _P.STAFF_WRITE, _P.PRODUCTS_READ, _P.PRODUCTS_WRITE, _P.ACCOUNTS_READ, _P.ACCOUNTS_WRITE),
        *(_P.LEADS_READ, _P.LEADS_CAPTURE, _P.LEADS_WRITE, _P.LEADS_ASSIGN),
        *(_P.OPPORTUNITIES_READ, _P.OPPORTUNITIES_WRITE, _P.MEETINGS_READ, _P.MEETINGS_WRITE, _P.WORKLIST_READ),
        *(_P.DUPLICATES_READ, _P.DUPLICATES_MERGE, _P.FUNNEL_READ),
        *(_P.SUPPLY_READ, _P.ORDERS_READ, _P.ORDERS_OVERRIDE, _P.EVENTS_READ),
    ),
    Role.ORDER_ADMINISTRATION: (
        *(_P.STAFF_READ, _P.PRODUCTS_READ, _P.ACCOUNTS_READ, _P.ACCOUNTS_WRITE, _P.LEADS_READ),
        *(_P.OPPORTUNITIES_READ, _P.SUPPLY_READ, _P.ORDERS_READ, _P.ORDERS_WRITE, _P.EVENTS_READ),
    ),
    Role.PRODUCTION: (_P.PRODUCTS_READ, _P.SUPPLY_READ, _P.SUPPLY_WRITE, _P.ORDERS_READ, _P.EVENTS_READ),
    Role.DISPATCH: (
        *(_P.PRODUCTS_READ, _P.ACCOUNTS_READ, _P.SUPPLY_READ, _P.ORDERS_READ, _P.SHIPMENTS_WRITE, _P.EVENTS_READ),
    ),
}


class ApiKey(Identified, Base):
    """An API key: its name, the hash of its secret, what it may do and until when."""

    __tablename__ = "api_keys"

    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request."""

    key_id: UUID
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None

    def demand(self, permission: Permission) -> None:
        """Raises Forbidden unless the key holds the permission."""
        if permission not in self.scopes:
            raise Forbidden(f"this key needs the scope {permission}")


def digest(token: str) -> str:
    """The stored form of a key. It has 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue(
    session: AsyncSession, *, name: str, scopes: Sequence[Permission], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Add a key; the second value is the key itself, which nobody can read again."""
    token = f"bw_{secrets.token_urlsafe(32)}"
    key = ApiKey(name=name, digest=digest(token), scopes=sorted(scopes), expires_at=expires_at)
    session.add(key)
    return key, token


_KEY = Statement(
    select(ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.expires_at, ApiKey.revoked_at).where(
        ApiKey.digest == bindparam("digest")
    )
)


async def look_up(connection: AsyncConnection, token: str) -> Principal:
    """The caller.

    Raises:
        Unauthenticated: the key is unknown or revoked. Expiry is for `check_expiry`, at every request.

    """
    row = await _KEY.first(connection, digest=digest(token))
    if row is None or row.revoked_at is not None:
        raise Unauthenticated("this API key is unknown or has been revoked")
    return Principal(row.id, row.name, frozenset(row.scopes), row.expires_at)


class Authenticator:
    """Finds the caller of a token; remembers it for five seconds, which is how long a revocation may take.

    Requests with a token that is being looked up wait for that look-up, and if it fails, fail as it does: a failure is
    not remembered.
    """

    def __init__(self) -> None:
        self._asked: dict[str, tuple[float, asyncio.Task[Principal]]] = {}

    async def caller(self, database: Database, token: str) -> Principal:
        """The caller. Raises what `look_up` raises."""
        hashed, now = digest(token), time.monotonic()
        until, asked = self._asked.get(hashed, (now, None))
        if asked is None or until <= now:
            if len(self._asked) > 10_000:  # noqa: PLR2004 - far more keys than one installation has
                self._asked.clear()
            asked = asyncio.create_task(_look_up(database, token))
            self._asked[hashed] = (now + _CACHE_SECONDS, asked)  # from here: what is read now may be old when it comes
            asked.add_done_callback(partial(self._forget_failure, hashed))
        return asked.result() if asked.done() else await asyncio.shield(asked)  # shielded: one who leaves leaves alone

    def _forget_failure(self, hashed: str, asked: asyncio.Task[Principal]) -> None:
        failed = asked.cancelled() or asked.exception() is not None
        if failed and self._asked.get(hashed, (0, None))[1] is asked:
            del self._asked[hashed]


async def _look_up(database: Database, token: str) -> Principal:
    async with database.read() as connection:
        return await look_up(connection, token)


def check_expiry(principal: Principal) -> None:
    """Raises Unauthenticated when the key's time is over."""
    if principal.expires_at is not None and principal.expires_at <= clock.now():
        raise Unauthenticated("this API key has expired")
