"""Waiting for events without holding a database connection: one look for all who wait in this process."""

import asyncio
import contextlib

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.integration import feed
from app.integration.feed import EventPage, Wanted
from app.kernel.db import Database

_INTERVAL = 0.25
_log = structlog.get_logger()


class Watcher:
    """Looks at the feed's last position four times a second, as long as somebody waits, and wakes who it is news to."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[bool], int] = {}
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
            if not waiter.done():
                waiter.set_result(False)

    async def follow(
        self, database: Database, wanted: Wanted, *, after: int, limit: int, seconds: float, gone: asyncio.Future[None]
    ) -> EventPage:
        """The events behind a position; when there are none, those that come within `seconds`.

        Empty when none came, when the service stops, or when the caller is `gone`.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        page = await feed.read(database, wanted, after=after, limit=limit)
        while not page.rows and await self._grows(database, page.next_after, deadline, gone):
            page = await feed.read(database, wanted, after=page.next_after, limit=limit)
        return page

    async def _grows(self, database: Database, position: int, deadline: float, gone: asyncio.Future[None]) -> bool:
        """Wait until the last position is another one than `position`; False when the wait is over."""
        loop = asyncio.get_running_loop()
        seconds = deadline - loop.time()
        if self._stopped or seconds <= 0:
            return False
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting[waiter] = position
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(database))
        try:
            await asyncio.wait((waiter, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return waiter.done() and waiter.result()
        finally:
            del self._waiting[waiter]

    async def _watch(self, database: Database) -> None:
        while self._waiting:
            # Who waits is not told of an outage that may be over before the wait is.
            with contextlib.suppress(SQLAlchemyError, OSError):
                self._wake(await feed.last_position(database))
            await asyncio.sleep(_INTERVAL)

    def _wake(self, head: int) -> None:
        for waiter, position in self._waiting.items():
            if head > position and not waiter.done():
                waiter.set_result(True)
