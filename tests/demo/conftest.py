"""A database with Northwind in it, loaded once for all tests that only read it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from app.demo.loader import Summary, load
from app.kernel.db import Database
from app.kernel.settings import Settings
from tests.conftest import Server


@dataclass(frozen=True)
class Loaded:
    """What was loaded, where, and what was told meanwhile."""

    database: Database
    url: str
    summary: Summary
    told: list[tuple[str, int, int]]


@pytest.fixture(scope="session")
async def northwind_loaded(server: Server, settings: Settings) -> AsyncIterator[Loaded]:
    name = server.clone()
    url = server.database(name)
    database = Database(settings, url)
    told: list[tuple[str, int, int]] = []
    summary = await load(database, settings, lambda label, done, total: told.append((label, done, total)))
    yield Loaded(database, url, summary, told)
    await database.dispose()
    server.execute("DROP DATABASE {} WITH (FORCE)", name)
