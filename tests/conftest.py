"""The service under test, on a real PostgreSQL whose schema the migrations built.

`client` calls the application inside one outer transaction that is rolled back after the test. What needs real
commits (races, crashes, the feed) uses `live`: an application on a database of its own.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import close_all_sessions
from uuid_utils.compat import uuid7

from app.kernel import auth, migrate
from app.kernel.auth import Permission
from app.kernel.db import Database, session_on, sync_url
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.logs import configure_logging
from app.kernel.settings import Settings
from app.kernel.statement import driver_of
from app.main import create_app

_TEMPLATE = "bellwether_template"
_UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Tests talk to this machine only; a connection to anywhere else is a mistake that must not go unseen."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if host not in {"localhost", "::1"} and not host.startswith("127."):
            raise PermissionError(f"a test tried to reach {host}")


sys.addaudithook(_stay_here)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on which tests make databases."""

    url: str

    def execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(
            sync_url(self.url).set(drivername="postgresql").render_as_string(False), autocommit=True
        ) as c:
            c.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    def database(self, name: str) -> str:
        return sync_url(self.url).set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def clone(self) -> str:
        """A new database with the schema in it."""
        name = f"test_{uuid7().hex}"
        self.execute("CREATE DATABASE {} TEMPLATE {}", name, self.template)
        return name

    @property
    def template(self) -> str:
        return f"{_TEMPLATE}_{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    url, embedded = os.environ.get("BELLWETHER_TEST_DATABASE_URL"), None
    if url is None:
        embedded = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=_UNSAFE_BUT_FAST)
        url = embedded.start()
    found = Server(url)
    found.execute("DROP DATABASE IF EXISTS {}", found.template)
    found.execute("CREATE DATABASE {}", found.template)
    migrate.upgrade(found.database(found.template))
    yield found
    found.execute("DROP DATABASE {}", found.template)
    if embedded is not None:
        embedded.stop()
        shutil.rmtree(embedded.home)


@pytest.fixture(scope="session")
def shared_url(server: Server) -> Iterator[str]:
    """The database of all tests that are rolled back."""
    name = server.clone()
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


class GivenUp(Exception):  # noqa: N818 - control flow
    """Raised to roll a transaction back."""


class BoundDatabase(Database):
    """The application's database, all on one connection whose outer transaction the test rolls back."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        mode = {"join_transaction_mode": "create_savepoint"}  # `tx` is at work on the same connection
        async with driver_of(self.connection).transaction(), session_on(self.connection, **mode) as session:
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        yield self.connection

    async def dispose(self) -> None:
        close_all_sessions()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=Path(tmp_path_factory.mktemp("data")),
        worker_in_process=False,
        log_level="WARNING",
        log_format="console",
    )


@pytest.fixture(scope="session", autouse=True)
def _logging(settings: Settings) -> None:
    configure_logging(settings)


@pytest.fixture(scope="session")
async def shared(shared_url: str, settings: Settings) -> AsyncIterator[Database]:
    found = Database(settings, shared_url)
    yield found
    await found.dispose()


@pytest.fixture
async def database(shared: Database) -> AsyncIterator[BoundDatabase]:
    async with shared.engine.connect() as connection:
        outer = driver_of(connection).transaction()
        await outer.start()
        yield BoundDatabase(connection)
        await outer.rollback()


@pytest.fixture
async def tx(database: BoundDatabase) -> AsyncIterator[AsyncSession]:
    """A session inside the test's outer transaction, for factories and services."""
    async with database.transaction() as session:
        yield session


@pytest.fixture(scope="session")
def shared_app(settings: Settings) -> FastAPI:
    return create_app(settings)


async def _client(app: FastAPI, *scopes: Permission) -> AsyncClient:
    async with app.state.database.transaction() as session:
        _, token = auth.issue(session, name="-".join(scopes) or "everything", scopes=scopes or tuple(Permission))
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://test", headers={"Authorization": f"Bearer {token}"})


ClientWith = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
async def client_with(shared_app: FastAPI, database: BoundDatabase) -> AsyncIterator[ClientWith]:
    """Makes a client whose key has just these scopes."""
    shared_app.state.database = database
    opened: list[AsyncClient] = []

    async def make(*scopes: Permission) -> AsyncClient:
        opened.append(await _client(shared_app, *scopes))
        return opened[-1]

    yield make
    for each in opened:
        await each.aclose()


@pytest.fixture
async def client(client_with: ClientWith) -> AsyncClient:
    """A client that may do everything."""
    return await client_with()


@dataclass(frozen=True)
class Live:
    """An application on a database of its own, with real commits."""

    app: FastAPI
    database: Database
    url: str
    client: AsyncClient


@pytest.fixture
async def live(server: Server, settings: Settings) -> AsyncIterator[Live]:
    name = server.clone()
    url = server.database(name)
    database = Database(settings, url)
    app = create_app(settings, database)
    app.state.database = database
    client = await _client(app)
    yield Live(app, database, url, client)
    await client.aclose()
    await database.dispose()
    server.execute("DROP DATABASE {} WITH (FORCE)", name)
