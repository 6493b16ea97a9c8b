"""API keys, as the command line makes, shows and revokes them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.ground import CannotStart
from app.kernel import auth, clock
from app.kernel.auth import ApiKey, Permission
from app.kernel.db import Database


async def _active(session: AsyncSession, name_or_id: str) -> Sequence[ApiKey]:
    try:
        wanted = ApiKey.id == UUID(name_or_id)
    except ValueError:
        wanted = ApiKey.name == name_or_id
    return (await session.scalars(select(ApiKey).where(wanted, ApiKey.revoked_at.is_(None)))).all()


async def create(
    database: Database, name: str, scopes: Sequence[Permission], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """Issue a key; the second value is the key itself."""
    if not scopes:
        raise CannotStart("say what the key may do: --scope leads:capture (again for each), or --role marketing")
    if expires_at is not None and expires_at <= clock.now():
        raise CannotStart(f"a key that expires {expires_at:%Y-%m-%d} could never be used: give a later day")
    async with database.transaction() as session:
        if await _active(session, name):
            raise CannotStart(f"there is a key named {name}: choose another name, or revoke it first")
        return auth.issue(session, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)


async def listed(database: Database) -> Sequence[ApiKey]:
    """All keys, the oldest first."""
    async with database.transaction() as session:
        return (await session.scalars(select(ApiKey).order_by(ApiKey.id))).all()


async def revoke(database: Database, name_or_id: str) -> Sequence[ApiKey]:
    """Revoke what has this name or id; running services notice within five seconds."""
    async with database.transaction() as session:
        keys = await _active(session, name_or_id)
        if not keys:
            raise CannotStart(f"no key that could be revoked is named {name_or_id}: see `bellwether token list`")
        for key in keys:
            key.revoked_at = clock.now()
        return keys
