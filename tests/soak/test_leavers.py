"""Clients that leave in the middle of a POST: it is done whole or not at all, and its retry with the same key tells."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import PATIENCE
from tests.soak.sockets import POOL, Answer, Line, Served

_LOCK = "LOCK TABLE staff IN ACCESS EXCLUSIVE MODE"
_WAITING = """
    SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
                   WHERE NOT granted AND datname = current_database())
"""
Database = psycopg.AsyncConnection[tuple[bool]]


@pytest.fixture
async def database(plain: Served) -> AsyncIterator[Database]:
    async with await psycopg.AsyncConnection.connect(plain.database, autocommit=True) as found:
        yield found


async def _until(database: Database, query: str, *values: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await _is_true(database, query, *values):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)


async def _is_true(database: Database, query: str, *values: str) -> bool:
    row = await (await database.execute(query, values)).fetchone()
    return row is not None and row[0]


async def _leaves_within_the_body(line: Line, request: bytes, database: Database, rudely: bool) -> None:
    await line.send(request[: -random.randint(1, 100)])  # noqa: S311 - no secret
    await asyncio.sleep(0.005)
    line.leave(rudely=rudely)


async def _leaves_while_it_waits_for_a_lock(line: Line, request: bytes, database: Database, rudely: bool) -> None:
    async with database.transaction():
        await database.execute(_LOCK)
        await line.send(request)
        await _until(database, _WAITING)
        line.leave(rudely=rudely)
        await asyncio.sleep(0.005)


async def _leaves_after_the_commit(line: Line, request: bytes, database: Database, rudely: bool) -> None:
    line.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await line.send(request)
    email = json.loads(request[request.index(b"{") :])["email"]
    await _until(database, "SELECT EXISTS (SELECT FROM staff WHERE email = %s)", email)
    line.leave(rudely=rudely)


async def _leaves_at_some_time(line: Line, request: bytes, database: Database, rudely: bool) -> None:
    await line.send(request)
    await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - no secret
    line.leave(rudely=rudely)


Leave = Callable[[Line, bytes, Database, bool], Awaitable[None]]
_WAYS: list[tuple[Leave, set[bool]]] = [
    (_leaves_within_the_body, {False}),
    (_leaves_while_it_waits_for_a_lock, {True}),
    (_leaves_after_the_commit, {True}),
    (_leaves_at_some_time, {True, False}),
]


async def _retried(served: Served, request: bytes) -> Answer:
    """The answer to the request when it is sent again."""
    async with served.line() as line:
        await line.send(request)
        return await line.answer()


async def _pool_is_whole(served: Served) -> None:
    """No connection is in use any more, and as many requests as there are connections are served at once."""
    families = text_string_to_metric_families((await served.client.get("/metrics")).text)
    used = {s.labels["engine"]: s.value for f in families for s in f.samples if s.name == "db_connections_in_use"}
    assert used["transaction"] == 0
    answers = await asyncio.gather(*(_retried(served, served.post("/v1/staff", served.staff())) for _ in range(POOL)))
    assert [answer.status for answer in answers] == [201] * POOL


@pytest.mark.parametrize("times", [pytest.param(5, id="short"), pytest.param(100, id="long", marks=pytest.mark.soak)])
async def test_who_leaves_learns_from_the_retry_what_was_done(times: int, plain: Served, database: Database) -> None:
    for leave, may_be_done in _WAYS:
        done = 0
        for turn in range(times):
            body = plain.staff()
            request = plain.post("/v1/staff", body, f"Idempotency-Key: {uuid4()}")
            async with plain.line() as line:
                await leave(line, request, database, turn % 2 == 0)
            answer = await _retried(plain, request)
            assert answer.status == 201, answer
            was_done = answer.headers.get("idempotency-replayed") == "true"
            assert was_done in may_be_done
            done += was_done
            email = json.loads(body)["email"]
            assert json.loads(answer.body)["email"] == email
            assert await _is_true(database, "SELECT count(*) = 1 FROM staff WHERE email = %s", email)
            assert await _is_true(
                database,
                "SELECT count(*) = 1 FROM outbox WHERE subject_id = %s::uuid",
                json.loads(answer.body)["id"],
            )
        print(f"{times} clients {leave.__name__.strip('_').replace('_', ' ')}: done {done}, retried all")  # noqa: T201 - README quotes it
        await _pool_is_whole(plain)
    assert plain.faults() == []
