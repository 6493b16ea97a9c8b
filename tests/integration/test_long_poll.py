"""Waiting for events: woken by a commit, without a connection while waiting, ended by a stop or a hang-up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from httpx import AsyncClient
from sqlalchemy import Engine, event

from app.cli.serving import _Server
from app.integration.watcher import Watcher
from tests.conftest import Live
from tests.integration.factories import CHANGED, tell


def watcher(live: Live) -> Watcher:
    return live.app.state.watcher  # type: ignore[no-any-return]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)


def connections(live: Live) -> int:
    return sum(e.pool.checkedout() for e in (live.database.engine, live.database.reader))  # type: ignore[attr-defined]


@asynccontextmanager
async def waiting(live: Live, count: int, **params: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Requests that wait."""
    before = watcher(live).waiting
    query = {"wait": 10, **params}
    tasks = [asyncio.create_task(live.client.get("/v1/events", params=query)) for _ in range(count)]
    await until(lambda: watcher(live).waiting == before + count)
    yield tasks
    for task in tasks:
        task.cancel()


async def test_a_commit_wakes_all_who_wait_within_a_second(live: Live) -> None:
    async with waiting(live, 5) as tasks:
        async with live.database.transaction() as session:
            subject = tell(session)
        async with asyncio.timeout(1):
            answers = await asyncio.gather(*tasks)
    assert [[e["subject"] for e in a.json()["data"]] for a in answers] == [[f"staff/{subject}"]] * 5
    assert watcher(live).waiting == 0


async def test_an_event_that_is_there_is_answered_at_once(live: Live) -> None:
    async with live.database.transaction() as session:
        tell(session)
    async with asyncio.timeout(5):
        assert len((await live.client.get("/v1/events", params={"wait": 30})).json()["data"]) == 1


async def test_who_waits_in_vain_gets_an_empty_page(live: Live) -> None:
    started = time.monotonic()
    answer = await live.client.get("/v1/events", params={"wait": 1})
    assert answer.json() == {"data": [], "next_after": 0, "has_more": False}
    assert 1 <= time.monotonic() - started < 10


async def test_events_that_are_filtered_out_do_not_end_the_wait(live: Live) -> None:
    async with waiting(live, 1, type="staff.updated") as (task,):
        async with live.database.transaction() as session:
            tell(session)
        await asyncio.sleep(0.6)
        assert not task.done()
        async with live.database.transaction() as session:
            tell(session, CHANGED)
        async with asyncio.timeout(5):
            page = (await task).json()
    assert ([e["type"] for e in page["data"]], page["next_after"]) == (["staff.updated"], 2)


async def test_fifty_who_wait_hold_no_connection(live: Live) -> None:
    async with waiting(live, 50):
        used = []
        for _ in range(60):
            used.append(connections(live))
            await asyncio.sleep(0.01)
        assert max(used) <= 1, "only the one look for all"
        assert used.count(0) > 40
        assert (await live.client.get("/v1/staff")).status_code == 200


async def test_nobody_looks_when_nobody_waits(live: Live) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    async with waiting(live, 3):
        pass
    await until(lambda: watcher(live).waiting == 0)
    await asyncio.sleep(0.4)
    engines: list[Engine] = [live.database.engine.sync_engine, live.database.reader.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    await asyncio.sleep(0.6)
    assert statements == []


async def test_a_wait_ends_before_the_time_limit_of_requests(live: Live) -> None:
    live.app.state.settings = live.app.state.settings.model_copy(update={"request_timeout": 0.4})
    async with asyncio.timeout(5):
        assert (await live.client.get("/v1/events", params={"wait": 30})).status_code == 200


@asynccontextmanager
async def serving(live: Live) -> AsyncIterator[tuple[_Server, asyncio.Task[None], AsyncClient]]:
    """The application behind a real server."""
    config = uvicorn.Config(
        live.app, port=0, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=20
    )
    server = _Server(config, lambda: None, watcher(live).stop)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=live.client.headers, timeout=30) as client:
            yield server, task, client
    finally:
        server.should_exit = True
        await task


async def test_stopping_the_service_answers_all_who_wait(live: Live) -> None:
    async with serving(live) as (server, stopped, client):
        polls = [asyncio.create_task(client.get("/v1/events", params={"wait": 30})) for _ in range(5)]
        await until(lambda: watcher(live).waiting == 5)
        started = time.monotonic()
        server.should_exit = True
        answers = await asyncio.gather(*polls)
        await stopped
        assert time.monotonic() - started < 10, (
            "long before the 30 s that they asked for, and the 20 s that a stop allows"
        )
    assert [answer.json()["data"] for answer in answers] == [[]] * 5


async def test_who_hangs_up_waits_no_longer(live: Live) -> None:
    async with serving(live) as (_, _, client):
        poll = asyncio.create_task(client.get("/v1/events", params={"wait": 30}))
        await until(lambda: watcher(live).waiting == 1)
        poll.cancel()
        await until(lambda: watcher(live).waiting == 0)
        assert connections(live) <= 1
