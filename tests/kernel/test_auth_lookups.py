"""How often keys are looked up: once for all requests of five seconds, whoever leaves and whatever fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event, text

from app.kernel import auth
from app.kernel.auth import Permission, Principal
from app.kernel.db import Database
from tests.conftest import Live
from tests.kernel.conftest import Second

CROWD = 50


@contextmanager
def lookups(database: Database) -> Iterator[list[str]]:
    """The statements that look a key up."""
    sent: list[str] = []

    def note(record: Any) -> None:
        if record.query.startswith("SELECT api_keys."):
            sent.append(record.query)

    def listen(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.driver_connection.add_query_logger(note)

    event.listen(database.reader.sync_engine, "checkout", listen)
    yield sent
    event.remove(database.reader.sync_engine, "checkout", listen)


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """While the block runs every look-up waits."""
    async with database.transaction() as session:
        await session.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        yield


async def waiting(database: Database, count: int) -> None:
    """Returns once so many look-ups wait."""
    stuck = text(
        "SELECT count(*) FROM pg_stat_activity"
        r" WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM api_keys%'"
    )
    async with asyncio.timeout(10), database.read() as connection:
        while (await connection.execute(stuck)).scalar_one() < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def ask(client: AsyncClient, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return (await client.get("/v1/staff", headers=headers)).status_code


async def crowd(client: AsyncClient, token: str | None = None) -> set[int]:
    return set(await asyncio.gather(*(ask(client, token) for _ in range(CROWD))))


async def test_requests_at_once_share_one_look_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live.database.transaction() as session:
        _, other = auth.issue(session, name="other", scopes=[Permission.STAFF_READ])
    with lookups(live.database) as sent:
        assert (await crowd(live.client), len(sent)) == ({200}, 1)
        assert (await crowd(live.client), len(sent)) == ({200}, 1)
        assert (await crowd(live.client, other), len(sent)) == ({200}, 2)
        now = time.monotonic()
        monkeypatch.setattr("app.kernel.auth.time.monotonic", lambda: now + 5.0)
        assert (await crowd(live.client), len(sent)) == ({200}, 3)


async def test_an_unknown_key_is_refused_to_all_and_not_remembered(live: Live) -> None:
    with lookups(live.database) as sent:
        assert (await crowd(live.client, "bw_unknown"), len(sent)) == ({401}, 1)
        assert (await crowd(live.client, "bw_unknown"), len(sent)) == ({401}, 2)


async def test_a_look_up_that_fails_is_tried_again_by_the_next(probed: Live, second: Second) -> None:
    async with second(lock_timeout=0.3) as other:
        with lookups(other.database) as sent:
            async with held(probed.database):
                assert (await crowd(other.client), len(sent)) == ({503}, 1)
            assert (await crowd(other.client), len(sent)) == ({200}, 2)


async def test_who_leaves_takes_the_answer_from_nobody(live: Live) -> None:
    with lookups(live.database) as sent:
        async with held(live.database):
            first = asyncio.create_task(ask(live.client))
            await waiting(live.database, 1)
            others = asyncio.create_task(crowd(live.client))
            await asyncio.sleep(0.5)  # they join
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        assert (await others, len(sent)) == ({200}, 1)
        assert (await ask(live.client), len(sent)) == (200, 1)


async def test_nobody_waits_for_an_answer_that_would_be_too_old(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a look-up finds was true when it began: one that has taken five seconds may have missed a revocation."""
    monkeypatch.setattr(auth, "_CACHE_SECONDS", 0.2)
    with lookups(live.database) as sent:
        async with held(live.database):
            first = asyncio.create_task(ask(live.client))
            await waiting(live.database, 1)
            await asyncio.sleep(0.2)
            late = asyncio.create_task(ask(live.client))
            await waiting(live.database, 2)
        assert (await first, await late, len(sent)) == (200, 200, 2)


async def test_what_is_found(live: Live) -> None:
    token = live.client.headers["authorization"].removeprefix("Bearer ")
    async with live.database.read() as connection:
        found = await auth.look_up(connection, token)
    assert found == Principal(found.key_id, "everything", frozenset(Permission), None)
