"""The feed under writers that commit when they like: nothing missed, nothing twice, nothing late."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from httpx import AsyncClient

from tests.conftest import GivenUp, Live
from tests.integration.factories import tell


async def poll(client: AsyncClient, after: int, **params: Any) -> dict[str, Any]:
    response = await client.get("/v1/events", params={"after": after, **params})
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


def subjects(page: dict[str, Any]) -> list[str]:
    return [event["subject"] for event in page["data"]]


async def test_the_earlier_of_two_transactions_commits_last(live: Live) -> None:
    async with live.database.transaction() as early:
        first = tell(early)
        await early.flush()
        async with live.database.transaction() as late:
            second = tell(late)
        seen = await poll(live.client, 0)
        assert subjects(seen) == [f"staff/{second}"]
    then = await poll(live.client, seen["next_after"])
    assert subjects(then) == [f"staff/{first}"]
    assert then["data"][0]["position"] > seen["data"][0]["position"]
    assert subjects(await poll(live.client, 0)) == [f"staff/{second}", f"staff/{first}"]


async def test_a_writer_that_stays_open_does_not_stall_the_feed(live: Live) -> None:
    async with live.database.transaction() as writer:
        open_ = tell(writer)
        await writer.flush()
        after = 0
        for _ in range(20):
            async with live.database.transaction() as other:
                told = tell(other)
            page = await poll(live.client, after)
            assert subjects(page) == [f"staff/{told}"]
            after = page["next_after"]
        assert await poll(live.client, after) == {"data": [], "next_after": after, "has_more": False}
    assert subjects(await poll(live.client, after)) == [f"staff/{open_}"]


async def test_what_was_rolled_back_leaves_no_gap(live: Live) -> None:
    with suppress(GivenUp):
        async with live.database.transaction() as session:
            tell(session)
            await session.flush()
            raise GivenUp
    async with live.database.transaction() as session:
        tell(session)
    assert [event["position"] for event in (await poll(live.client, 0))["data"]] == [1]


async def test_a_thousand_events_of_parallel_writers_come_once_each_and_in_order(live: Live) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    told: list[str] = []

    async def write() -> None:
        for _ in range(25):
            async with live.database.transaction() as session:
                mine = [tell(session) for _ in range(5)]
                await session.flush()
                await asyncio.sleep(chance.random() / 100)
            told.extend(f"staff/{subject}" for subject in mine)

    async def follow(limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while len(found) < 1000:
            page = await poll(live.client, after, limit=limit)
            assert page["next_after"] >= after
            after = page["next_after"]
            found += page["data"]
        return found

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        followers = [group.create_task(follow(limit)) for limit in (7, 100)]
        for _ in range(8):
            group.create_task(write())
    for follower in followers:
        events = follower.result()
        assert [event["position"] for event in events] == list(range(1, 1001))
        assert sorted(subjects({"data": events})) == sorted(told)
    assert await poll(live.client, 1000) == {"data": [], "next_after": 1000, "has_more": False}
