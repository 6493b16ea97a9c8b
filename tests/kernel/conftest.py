"""Routes and requests that only the kernel's own tests need."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import unquote

import pytest
from fastapi import Depends, FastAPI, Response
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.http import ExpectedVersion, ReadTx, Tx, requires, router, settings_of
from app.kernel.settings import Settings
from app.main import create_app
from tests.conftest import Live

TABLES = """
CREATE TABLE wholes (id int PRIMARY KEY);
CREATE TABLE parts (
    name text NOT NULL,
    whole int CONSTRAINT parts_whole REFERENCES wholes DEFERRABLE INITIALLY DEFERRED
);
"""


def probe_routes() -> Any:
    """Small routes that write one row, slowly or in a way that fails at a chosen moment."""
    routes = router("/probe", "probe")
    guarded = [requires(Permission.STAFF_WRITE)]

    @routes.post("/parts", status_code=201, dependencies=guarded)
    async def write(tx: Tx, name: str, whole: int | None = None, seconds: float = 0) -> Response:
        await tx.execute(text("INSERT INTO parts (name, whole) VALUES (:n, :w)"), {"n": name, "w": whole})
        await tx.execute(text("SELECT pg_sleep(:s)"), {"s": seconds})
        return Response('{"written":true}', 201, {"ETag": '"v1"', "X-Other": "1"}, "application/json")

    @routes.post("/fails", status_code=201, dependencies=guarded)
    async def fails(tx: Tx, name: str) -> Response:
        await tx.execute(text("INSERT INTO parts (name) VALUES (:n)"), {"n": name})
        raise RuntimeError("on purpose")

    @routes.post("/unserialisable", status_code=201, response_model=int, dependencies=guarded)
    async def unserialisable(tx: Tx, name: str) -> Any:
        await tx.execute(text("INSERT INTO parts (name) VALUES (:n)"), {"n": name})
        return "not an integer"

    @routes.post("/moves", dependencies=guarded)
    async def moves(expected: ExpectedVersion, tx: Tx, name: str) -> Response:
        await tx.execute(text("INSERT INTO parts (name) VALUES (:n)"), {"n": name})
        return Response(f'{{"from":{expected}}}', 200, {}, "application/json")

    @routes.get("/sleep", dependencies=guarded)
    async def sleep(tx: ReadTx, config: Annotated[Settings, Depends(settings_of)], seconds: float) -> Response:
        await tx.execute(text("SELECT pg_sleep(:s)"), {"s": seconds})
        return Response(f'"{config.pool_size}"', 200, {}, "application/json")

    return routes


async def names(database: Database) -> list[str]:
    """What has been committed."""
    async with database.read() as connection:
        return list((await connection.execute(text("SELECT name FROM parts ORDER BY name"))).scalars())


async def sleeping(database: Database, count: int = 1) -> None:
    """Returns once so many requests are asleep in the database, their writes done."""
    asleep = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'active' AND query LIKE 'SELECT pg_sleep%'"
    )
    async with asyncio.timeout(10), database.read() as connection:
        while (await connection.execute(asleep)).scalar_one() < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


@pytest.fixture
async def probed(live: Live) -> Live:
    """`live` with the probe's routes and tables."""
    async with live.database.transaction() as session:
        for statement in filter(str.strip, TABLES.split(";")):
            await session.execute(text(statement))
    live.app.include_router(probe_routes())
    return live


Second = Callable[..., Any]


@pytest.fixture
def second(probed: Live, settings: Settings) -> Second:
    """Another process's application on the same database, with other settings."""

    @asynccontextmanager
    async def start(url: str | None = None, **changed: Any) -> AsyncIterator[Live]:
        own = settings.model_copy(update=changed)
        database = Database(own, url or probed.url)
        app = create_app(own, database)
        app.state.database = database
        app.include_router(probe_routes())
        transport, headers = ASGITransport(app, raise_app_exceptions=False), probed.client.headers
        try:
            async with AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
                yield Live(app, database, probed.url, client)
        finally:
            await database.dispose()

    return start


@dataclass
class Raw:
    """An answer to a request given as bytes."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def raw(
    app: FastAPI, method: str, target: bytes, *, headers: dict[bytes, bytes], body: bytes = b"", chunk: int = 65536
) -> Raw:
    """Send exactly these bytes, as a server would hand them over: httpx would repair or refuse them."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path, "query_string": query, "root_path": "", "state": {},
        "headers": [(b"host", b"test"), *headers.items()], "client": ("127.0.0.1", 1), "server": ("test", 80),
    }  # fmt: skip
    chunks = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for index, part in enumerate(chunks):
        queue.put_nowait({"type": "http.request", "body": part, "more_body": index < len(chunks) - 1})
    answer = Raw()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(scope, queue.get, send)
    return answer
