"""Who waits for a database connection gets it in the order of coming, whoever asks meanwhile."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.kernel.db import Database
from app.kernel.settings import Settings

Use = Callable[[Database], AbstractAsyncContextManager[Any]]
USES = pytest.mark.parametrize("use", [Database.transaction, Database.read])


@pytest.fixture
async def narrow(shared_url: str, settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.model_copy(update={"pool_size": 1, "pool_timeout": 2.0}), shared_url)
    yield database
    await database.dispose()


@USES
async def test_who_came_first_is_served_first(narrow: Database, use: Use) -> None:
    """The pool alone lets latecomers overtake, and sends whom they overtook to the end, until his patience ends."""
    chance = random.Random(7)  # noqa: S311 - a repeatable mixture, no secret
    ticket = itertools.count()
    served: list[int] = []

    async def caller() -> None:
        for _ in range(10):
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
            mine = next(ticket)
            async with use(narrow) as connection:
                await connection.execute(text("SELECT 1"))
                served.append(mine)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(caller())
    assert served == list(range(200))


@USES
async def test_who_gives_up_loses_no_turn_for_others(narrow: Database, use: Use) -> None:
    async with use(narrow) as holding:
        await holding.execute(text("SELECT 1"))
        with pytest.raises(PoolTimeout):
            async with use(narrow) as waiting:
                await waiting.execute(text("SELECT 1"))
        left = asyncio.create_task(use(narrow).__aenter__())
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.wait([left])
    async with use(narrow) as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
