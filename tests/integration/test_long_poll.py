"""Waiting for events: woken by a commit, without a connection while waiting, ended by a stop or a hang-up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvicorn
from httpx import AsyncClient
from sqlalchemy import Engine, event
from uuid_utils.compat import uuid7

from app.cli.serving import _Server
from app.integration import feed
from app.integration.feed import EventPage, News, Wanted
from app.integration.watcher import Watcher
from app.kernel import outbox
from app.kernel.db import Database
from tests.conftest import Live
from tests.integration.factories import CHANGED, JOINED, tell


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


@contextmanager
def statements(live: Live) -> Iterator[list[str]]:
    """What is sent to the database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    engines: list[Engine] = [live.database.engine.sync_engine, live.database.reader.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield sent
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_nobody_looks_when_nobody_waits(live: Live) -> None:
    async with waiting(live, 3):
        pass
    await until(lambda: watcher(live).waiting == 0)
    await asyncio.sleep(0.4)
    with statements(live) as sent:
        await asyncio.sleep(0.6)
    assert sent == []


@pytest.mark.parametrize("wanted", [{"subject": f"staff/{uuid7()}"}, {"type": "staff.updated"}])
async def test_what_concerns_nobody_is_read_once_for_all_who_wait(live: Live, wanted: dict[str, str]) -> None:
    async with waiting(live, 20, wait=2, **wanted) as tasks:
        with statements(live) as sent:
            async with live.database.transaction() as session:
                for _ in range(3):
                    tell(session)
            answers = [(await task).json() for task in tasks]
    assert answers == [{"data": [], "next_after": 3, "has_more": False}] * 20
    assert [each for each in sent if "row_to_json" in each] == [], "nobody who waits has read"
    assert len([each for each in sent if "outbox.subject_id" in each and "SELECT" in each]) == 1


async def test_who_wants_it_is_woken_and_others_wait_on(live: Live) -> None:
    mine, other = uuid7(), uuid7()
    async with (
        waiting(live, 1, subject=f"staff/{mine}") as (one,),
        waiting(live, 1, subject=f"staff/{mine}", type="staff.updated") as (both,),
        waiting(live, 1, type=["staff.updated", "order.held"]) as (kind,),
        waiting(live, 3, subject=f"staff/{other}", type="staff.created") as others,
    ):
        async with live.database.transaction() as session:
            tell(session, subject=mine)
        async with asyncio.timeout(5):
            assert [e["position"] for e in (await one).json()["data"]] == [1]
        assert not both.done()
        assert not kind.done()
        async with live.database.transaction() as session:
            tell(session, CHANGED, other)
            tell(session, CHANGED, mine)
        async with asyncio.timeout(5):
            assert [e["position"] for e in (await both).json()["data"]] == [3]
            assert [e["position"] for e in (await kind).json()["data"]] == [2, 3]
        assert not any(task.done() for task in others)


async def test_more_news_than_are_looked_at_at_once(live: Live) -> None:
    mine = uuid7()
    async with (
        waiting(live, 1, subject=f"staff/{mine}") as (task,),
        waiting(live, 1, wait=5, type="order.held") as rest,
    ):
        async with live.database.transaction() as session:
            session.add_all([outbox.as_row(session, uuid7(), JOINED) for _ in range(2100)])
            await session.flush()
            tell(session, subject=mine)
        async with asyncio.timeout(10):
            page = (await task).json()
        assert [e["position"] for e in page["data"]] == [2101]
        assert (await rest[0]).json()["next_after"] == 2101


async def test_many_who_are_woken_at_once_leave_connections_to_others(live: Live) -> None:
    used: list[int] = []
    async with waiting(live, 100, type="staff.created") as tasks:
        for engine in (live.database.engine.sync_engine, live.database.reader.sync_engine):
            event.listen(engine, "checkout", lambda *_: used.append(connections(live)))
        async with live.database.transaction() as session:
            tell(session)
        answers = await asyncio.gather(*tasks)
    assert [len(answer.json()["data"]) for answer in answers] == [1] * 100
    assert len(used) >= 100
    assert max(used) <= 4, "two who read, the look for all, and the writer"


async def test_who_starts_to_wait_during_a_look_is_not_moved_past_what_it_has_not_seen(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = uuid7()
    has_read, may_wait, looks, may_move = (asyncio.Event() for _ in range(4))
    read, news = feed.read, feed.news

    async def slow_read(database: Database, wanted: Wanted, *, after: int, limit: int) -> EventPage:
        page = await read(database, wanted, after=after, limit=limit)
        if wanted.subject is not None and not has_read.is_set():
            has_read.set()
            await may_wait.wait()
        return page

    async def slow_news(database: Database, *, after: int, head: int) -> News:
        found = await news(database, after=after, head=head)
        looks.set()
        await may_move.wait()
        return found

    monkeypatch.setattr(feed, "read", slow_read)
    monkeypatch.setattr(feed, "news", slow_news)
    early = asyncio.create_task(live.client.get("/v1/events", params={"wait": 10, "subject": f"staff/{mine}"}))
    async with asyncio.timeout(8):
        await has_read.wait()
        async with live.database.transaction() as session:
            tell(session, subject=mine)
        async with waiting(live, 1, type="order.held"):
            async with live.database.transaction() as session:
                tell(session)
            await looks.wait()
            may_wait.set()
            await until(lambda: watcher(live).waiting == 2)
            may_move.set()
            page = (await early).json()
    assert [each["position"] for each in page["data"]] == [1]


async def test_who_waits_misses_nothing_of_parallel_writers(live: Live) -> None:
    """Each follower keeps `next_after` and comes back: it finds what it wants once each and in order."""
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    known = [uuid7() for _ in range(6)]
    told: list[tuple[str, str]] = []

    async def write() -> None:
        for _ in range(25):
            async with live.database.transaction() as session:
                mine = [(chance.choice(known), chance.choice((JOINED, CHANGED))) for _ in range(3)]
                for subject, happened in mine:
                    tell(session, happened, subject)
                await session.flush()
                await asyncio.sleep(chance.random() / 20)
            told.extend((f"staff/{subject}", happened.type) for subject, happened in mine)

    async def follow(**wanted: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while after < 600:
            page = (await live.client.get("/v1/events", params={"after": after, "wait": 1, **wanted})).json()
            assert page["next_after"] >= after
            after = page["next_after"]
            found += page["data"]
        return found

    wants: list[dict[str, str]] = [{}, {"type": "staff.created"}, {"type": "staff.updated"}]
    wants += [{"subject": f"staff/{subject}"} for subject in known]
    wants += [{"subject": f"staff/{subject}", "type": "staff.updated"} for subject in known]
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(write())
        followers = [group.create_task(follow(**wanted)) for wanted in wants for _ in range(2)]
    for wanted, follower in zip([wanted for wanted in wants for _ in range(2)], followers, strict=True):
        events = follower.result()
        positions = [each["position"] for each in events]
        assert positions == sorted(set(positions))
        expected = [(s, t) for s, t in told if wanted.get("subject", s) == s and wanted.get("type", t) == t]
        assert sorted((each["subject"], each["type"]) for each in events) == sorted(expected), wanted


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
