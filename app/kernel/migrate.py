"""Brings the schema to this release, and says which schema a release needs."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import OperationalError

from app.kernel.db import sync_url

_TRIES = 60
_PAUSE = 1.0
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def _config(url: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d_%%(slug)s")
    if url is not None:
        config.attributes["url"] = sync_url(url)
    return config


def head() -> str:
    """The schema version that this release needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise RuntimeError(f"no migrations under {_MIGRATIONS}")
    return found


def older() -> set[str]:
    """The versions before it."""
    return {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()} - {head()}


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up; two processes at once wait for each other.

    A migration that is not given a lock at once lets those pass who stand behind it, and begins again a second later.
    """
    for left in reversed(range(_TRIES)):
        try:
            command.upgrade(_config(url), revision)
        except OperationalError as error:
            if not left or not isinstance(error.orig, (LockNotAvailable, DeadlockDetected)):
                raise
            time.sleep(_PAUSE)
        else:
            return


def downgrade(url: str, revision: str) -> None:
    """Migrate down."""
    command.downgrade(_config(url), revision)
