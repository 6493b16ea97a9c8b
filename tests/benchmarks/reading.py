"""What a request makes PostgreSQL read, by EXPLAIN of the very statements that it sent, on their connection."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from psycopg import sql
from sqlalchemy import event

from app.kernel import auth
from app.kernel.auth import Permission
from app.kernel.db import Database, conninfo
from app.kernel.settings import Settings
from app.kernel.statement import driver_of
from app.main import create_app

LIMIT, DEPTH = 100, 1000
_MORE = LIMIT + 1  # what a list asks the database for
_EXECUTED = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {}({})"
_EXPLAINED = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
_CUSTOM_PLANS = 5  # so often PostgreSQL plans for the values before it thinks of a plan for any


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement, and the values of its parameters."""

    text: str
    values: tuple[Any, ...]


@dataclass
class Cost:
    """What a page costs: statements, buffers, and what the plans read without answering it."""

    statements: int = 0
    buffers: int = 0
    notes: set[str] = field(default_factory=set)

    def add(self, plan: dict[str, Any]) -> None:
        self.statements += 1
        self.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        for node in nodes(plan):
            rows, removed = node["Actual Rows"] * node["Actual Loops"], node.get("Rows Removed by Filter", 0)
            removed = max(removed, node.get("Rows Removed by Index Recheck", 0)) * node["Actual Loops"]
            if node["Node Type"] in {"Seq Scan", "Sort", "Incremental Sort"} and rows + removed > 2 * LIMIT:
                self.notes.add(f"{node['Node Type']} of {rows + removed:,.0f}")
            elif removed > 2 * LIMIT:
                self.notes.add(f"{removed:,.0f} removed")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


class Reader:
    """Asks the application, with one connection to its database, and has its statements explained."""

    def __init__(self, app: FastAPI, database: Database, client: AsyncClient) -> None:
        self.app = app
        self._database = database
        self._client = client
        self._sent: list[Sent] = []
        event.listen(database.reader.sync_engine, "before_cursor_execute", self._note)
        event.listen(database.reader.sync_engine, "connect", self._listen)

    async def ask(self, path: str, parameters: dict[str, Any], *, limit: int | None = LIMIT) -> tuple[Any, list[Sent]]:
        """The answer, and the statements that it took; who asks is known already."""
        self._sent.clear()
        response = await self._client.get(path, params=({} if limit is None else {"limit": limit}) | parameters)
        assert response.is_success or _is_refusal(response), (path, parameters, response.text)
        await asyncio.sleep(0)  # the driver tells its loggers a moment later
        return response.json(), [each for each in self._sent if "FROM api_keys" not in each.text]

    async def cost(self, sent: list[Sent]) -> Cost:
        """What it costs in a process that has asked before; the plan for these values or the one for any."""
        found = Cost()
        for statement in sent:
            plans = await self._plans(statement)
            found.add(max(plans, key=lambda plan: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]))
        return found

    async def _explained(self, statement: Sent) -> dict[str, Any]:
        async with self._database.read() as connection:
            (answer,) = await driver_of(connection).fetchval(f"{_EXPLAINED} {statement.text}", *statement.values)
            await asyncio.sleep(0)
        return answer  # type: ignore[no-any-return]

    async def _plans(self, statement: Sent) -> list[dict[str, Any]]:
        async with self._database.read() as connection:
            driver = driver_of(connection)
            named = "SELECT name FROM pg_prepared_statements WHERE statement = $1 ORDER BY prepare_time DESC LIMIT 1"
            name = await driver.fetchval(named, statement.text)
            values = sql.SQL(", ").join(sql.Literal(value) for value in statement.values)
            explain = sql.SQL(_EXECUTED).format(sql.Identifier(name), values).as_string(None)
            if not statement.values:
                explain = explain.replace("()", "")
            answers = [await driver.fetchval(explain)]
            for _ in range(_CUSTOM_PLANS):
                await driver.fetchval(explain.replace("ANALYZE, BUFFERS, TIMING OFF, ", ""))
            answers.append(await driver.fetchval(explain))
            await asyncio.sleep(0)
        return [answer[0]["Plan"] for answer in answers]

    async def milliseconds(self, statement: Sent) -> float:
        """How long PostgreSQL takes for it."""
        return float((await self._explained(statement))["Execution Time"])

    async def plan(self, statement: Sent) -> dict[str, Any]:
        """How it is read where nothing but the indexes decides: in a table of few rows, which are sorted in no time."""
        async with self._database.read() as connection:
            driver = driver_of(connection)
            for way in ("seqscan", "bitmapscan", "sort"):
                await driver.execute(f"SET enable_{way} = off")
            (answer,) = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {statement.text}", *statement.values)
            await driver.execute("RESET ALL")
            await asyncio.sleep(0)
        return answer["Plan"]  # type: ignore[no-any-return]

    def deep(self, statements: list[Sent], answer: dict[str, Any]) -> dict[str, Any] | None:
        """The parameters of page 1,000, or of the last full page of a shorter list; None when there is but one.

        The row before it is found once by its place, and stands in a cursor like the first page's.
        """
        if not answer.get("has_more"):
            return None
        (sent,) = [each for each in statements if _MORE in each.values]
        key, identity = _columns(sent)
        counted = (
            f"SELECT key, identity FROM (SELECT {key} AS key, {identity} AS identity, row_number() OVER () AS place,"  # noqa: S608
            f" count(*) OVER () AS length FROM ({sent.text}) AS page) AS counted WHERE place = length - {LIMIT}"
        )
        values = [LIMIT * DEPTH if value == _MORE else value for value in sent.values]
        with psycopg.connect(conninfo(self._database.url), cursor_factory=psycopg.RawCursor) as connection:
            row = connection.execute(counted, values).fetchone()
        assert row is not None
        if "next_after" in answer:
            return {"after": row[0]}
        origin, _, _ = json.loads(base64.urlsafe_b64decode(answer["next_cursor"] + "=="))
        cursor = json.dumps([origin, row[0] if isinstance(row[0], int) else str(row[0]), str(row[1])])
        return {"cursor": base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")}

    def _note(self, _connection: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: bool) -> None:
        self._sent.append(Sent(text, tuple(values)))

    def _listen(self, connection: Any, _record: Any) -> None:
        connection.driver_connection.add_query_logger(self._note_of_driver)

    def _note_of_driver(self, record: Any) -> None:
        if all(record.query != each.text for each in self._sent):  # it tells of some that SQLAlchemy has told of
            self._sent.append(Sent(record.query, tuple(record.args or ())))


def _is_refusal(response: Response) -> bool:
    """Words that are too common."""
    return response.status_code == httpx.codes.UNPROCESSABLE_ENTITY and "too_common" in response.text


def _columns(sent: Sent) -> tuple[str, str]:
    """The columns of a page's statement that its cursor holds."""
    if "outbox_head" in sent.text:
        return "position", "position"
    if "outbox" in sent.text:
        return "seq", "id"
    return ("key", "identity") if " AS identity" in sent.text else ("sku", "product_id")


@asynccontextmanager
async def reader(url: str, folder: Path) -> AsyncIterator[Reader]:
    """A reader over the application as it is, but for its patience."""
    settings = Settings(
        data_dir=folder, database_url=url, worker_in_process=False, pool_size=1, statement_timeout=300,
        request_timeout=900, log_level="ERROR",
    )  # fmt: skip
    database = Database(settings, url)
    app = create_app(settings, database)
    app.state.database = database
    async with database.transaction() as session:
        _, token = auth.issue(session, name="reader", scopes=tuple(Permission))
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with AsyncClient(transport=ASGITransport(app), base_url="http://lists", headers=headers) as client:
            yield Reader(app, database, client)
    finally:
        await database.dispose()
