"""Databases with Northwind in them: it is loaded once and copied."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from uuid_utils.compat import uuid7

from app.demo.loader import Summary, load
from app.kernel.db import Database
from app.kernel.settings import Settings
from tests.conftest import Server


@dataclass(frozen=True)
class Loaded:
    """What was loaded, where, and what was told meanwhile."""

    database: Database
    summary: Summary
    told: list[tuple[str, int, int]]


@pytest.fixture(scope="session")
async def _original(server: Server, settings: Settings) -> AsyncIterator[tuple[str, Loaded]]:
    name = server.clone()
    database = Database(settings, server.database(name))
    told: list[tuple[str, int, int]] = []
    summary = await load(database, settings, lambda label, done, total: told.append((label, done, total)))
    await database.dispose()  # nobody may be connected to what is copied
    yield name, Loaded(database, summary, told)
    server.execute("DROP DATABASE {}", name)


async def _copy(server: Server, settings: Settings, original: tuple[str, Loaded]) -> AsyncIterator[Loaded]:
    name = f"test_{uuid7().hex}"
    server.execute("CREATE DATABASE {} TEMPLATE {}", name, original[0])
    database = Database(settings, server.database(name))
    yield Loaded(database, original[1].summary, original[1].told)
    await database.dispose()
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
async def northwind_loaded(server: Server, settings: Settings, _original: tuple[str, Loaded]) -> AsyncIterator[Loaded]:
    """To be read only: all tests share it."""
    async for each in _copy(server, settings, _original):
        yield each


@pytest.fixture
async def northwind_to_change(
    server: Server, settings: Settings, _original: tuple[str, Loaded]
) -> AsyncIterator[Loaded]:
    async for each in _copy(server, settings, _original):
        yield each
