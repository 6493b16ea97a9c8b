"""Waiting for events without holding a database connection: one look for all who wait in this process.

Who waits has read everything up to a position. The look finds what has come behind it; who wants none of that moves
on past it and waits on, without a statement of its own.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.integration import feed
from app.integration.feed import EventPage, Wanted
from app.kernel.db import Database

_INTERVAL = 0.25
_PATIENCE = 5.0  # seconds a look may take: a connection that fell silent is given up, and the next look has another
_READS_AT_ONCE = 2  # the other connections are for those who do not wait


@dataclass(slots=True, eq=False)
class _Waiter:
    """Who waits for what, and the position up to which nothing of it has come."""

    wanted: Wanted
    position: int
    woken: asyncio.Future[bool]

    def wake(self, *, news: bool) -> None:
        if not self.woken.done():
            self.woken.set_result(news)


class Watcher:
    """Looks at the feed's last position four times a second, as long as somebody waits, and wakes who it is news to."""

    def __init__(self) -> None:
        self._waiting: set[_Waiter] = set()
        self._turns = asyncio.Semaphore(_READS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def stop(self) -> None:
        """Let everybody who waits answer now, and nobody wait any more: the service stops."""
        self._stopped = True
        for waiter in self._waiting:
            waiter.wake(news=False)

    async def follow(
        self, database: Database, wanted: Wanted, *, after: int, limit: int, seconds: float, gone: asyncio.Future[None]
    ) -> EventPage:
        """The events behind a position; when there are none, those that come within `seconds`.

        Empty when none came, when the service stops, or when the caller is `gone`. One event may wake many, who may
        come back together: the reads of those who wait take turns, so that they never need all connections.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        position = after
        while True:
            async with self._turns if seconds else contextlib.nullcontext():
                page = await feed.read(database, wanted, after=position, limit=limit)
            if page.rows:
                return page
            waiter = _Waiter(wanted, page.next_after, loop.create_future())
            if not await self._is_woken(waiter, database, deadline, gone):
                return EventPage((), waiter.position, page.has_more)
            position = waiter.position

    async def _is_woken(self, waiter: _Waiter, database: Database, deadline: float, gone: asyncio.Future[None]) -> bool:
        """Wait until something that the waiter wants has come; False when the wait is over before."""
        seconds = deadline - asyncio.get_running_loop().time()
        if self._stopped or seconds <= 0:
            return False
        self._waiting.add(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(database))
        try:
            await asyncio.wait((waiter.woken, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return waiter.woken.done() and waiter.woken.result()
        finally:
            self._waiting.remove(waiter)

    async def _watch(self, database: Database) -> None:
        while self._waiting:
            # Who waits is not told of an outage that may be over before the wait is.
            with contextlib.suppress(SQLAlchemyError, OSError):
                async with asyncio.timeout(_PATIENCE):
                    await self._look(database)
            await asyncio.sleep(_INTERVAL)

    async def _look(self, database: Database) -> None:
        """Wake those to whom it is news what has come, and move the others past it."""
        head = await feed.last_position(database)
        while behind := [each for each in self._waiting if each.position < head and not each.woken.done()]:
            # Who comes while this reads may stand before where it begins, and is not among those that it moves.
            news = await feed.news(database, after=min(each.position for each in behind), head=head)
            for waiter in behind:
                if news.holds(waiter.wanted, after=waiter.position):
                    waiter.wake(news=True)
                else:
                    waiter.position = max(waiter.position, news.up_to)
