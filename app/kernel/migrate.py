"""Brings the schema to this release, and says which schema a release needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.kernel.db import sync_url

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


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up; two processes at once wait for each other."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down."""
    command.downgrade(_config(url), revision)
