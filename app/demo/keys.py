"""The demo's API keys, one for each consumer, kept in a file that only its owner can read.

Keys in the database can never be shown again, so the file is what makes later starts show the same ones. When file and
database do not agree (either was lost, or a release changed what a role may do), new keys take the old ones' place.
"""

import os
import re
import tempfile
from pathlib import Path

from sqlalchemy import select

from app.kernel import auth, clock
from app.kernel.auth import ROLES, ApiKey, Role
from app.kernel.db import Database

_LINE = re.compile(r"^([A-Z_]+)_KEY=(bw_[A-Za-z0-9_-]+)$", re.MULTILINE)


def assignments(keys: dict[Role, str]) -> str:
    """The keys as a shell takes them: `MARKETING_KEY=bw_…`, one a line."""
    return "".join(f"{role.upper()}_KEY={token}\n" for role, token in keys.items())


async def ensure(database: Database, file: Path) -> dict[Role, str]:
    """The five keys; made, and written to the file, unless the file's are the database's."""
    kept = _read(file)
    wanted = {auth.digest(token): role for role, token in kept.items()}
    names = [_name(role) for role in Role]
    async with database.transaction() as session:
        active = select(ApiKey).where(ApiKey.name.in_(names), ApiKey.revoked_at.is_(None))
        found = (await session.scalars(active)).all()
        if {(key.digest, key.name, frozenset(key.scopes)) for key in found} == {
            (digest, _name(role), frozenset(ROLES[role])) for digest, role in wanted.items()
        } and len(wanted) == len(Role):
            return kept
        for key in found:
            key.revoked_at = clock.now()
        made = {role: auth.issue(session, name=_name(role), scopes=ROLES[role])[1] for role in Role}
    # Killed just here, the next start finds keys that the file does not have, and makes new ones.
    _write(file, assignments(made))
    return made


def _name(role: Role) -> str:
    return f"demo-{role.replace('_', '-')}"


def _read(file: Path) -> dict[Role, str]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    file.chmod(0o600)
    found = dict(_LINE.findall(text))
    return {role: found[role.upper()] for role in Role if role.upper() in found}


def _write(file: Path, text: str) -> None:
    """Replace the file in one step; what is written is nobody else's to read at any time."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
