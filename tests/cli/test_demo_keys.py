"""The demo's keys: the file and the database agree, or new keys are made."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from app.demo import keys
from app.kernel.auth import ROLES, ApiKey, Role, look_up
from app.kernel.errors import Unauthenticated
from tests.conftest import BoundDatabase


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    before = os.umask(0)
    yield tmp_path / "demo-keys"
    os.umask(before)


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def others(file: Path) -> list[Path]:
    return [each for each in file.parent.iterdir() if each != file]


def hurt(file: Path, damage: str) -> None:
    if damage == "lost":
        file.unlink()
    elif damage == "opened":
        file.chmod(0o644)
    else:
        file.write_bytes(file.read_bytes()[:100] if damage == "cut short" else b"\xff\0")


async def test_they_are_made_once_and_only_their_owner_reads_them(database: BoundDatabase, file: Path) -> None:
    made = await keys.ensure(database, file)
    assert list(made) == list(Role)
    assert mode(file) == 0o600
    assert keys._read(file) == made
    hurt(file, "opened")
    assert await keys.ensure(database, file) == made
    assert mode(file) == 0o600
    assert others(file) == []
    for role, token in made.items():
        principal = await look_up(database.connection, token)
        assert principal.scopes == set(ROLES[role])


@pytest.mark.parametrize("damage", ["lost", "cut short", "rubbish"])
async def test_without_the_file_the_old_keys_end(database: BoundDatabase, file: Path, damage: str) -> None:
    old = await keys.ensure(database, file)
    hurt(file, damage)
    new = await keys.ensure(database, file)
    assert not set(old.values()) & set(new.values())
    for token in old.values():
        with pytest.raises(Unauthenticated):
            await look_up(database.connection, token)
    assert await keys.ensure(database, file) == new


async def test_a_new_database_gets_new_keys(database: BoundDatabase, file: Path) -> None:
    old = await keys.ensure(database, file)
    await database.connection.execute(delete(ApiKey))
    new = await keys.ensure(database, file)
    assert not set(old.values()) & set(new.values())
    found = await database.connection.execute(select(func.count()).select_from(ApiKey))
    assert found.scalar_one() == len(Role)


async def test_a_release_that_changes_what_a_role_may_do_makes_new_ones(database: BoundDatabase, file: Path) -> None:
    old = await keys.ensure(database, file)
    await database.connection.execute(update(ApiKey).where(ApiKey.name == "demo-sales").values(scopes=["leads:read"]))
    assert await keys.ensure(database, file) != old
