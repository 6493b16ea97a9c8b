"""A service on a database of its own, a department whose callers use it, and what must hold whatever befell it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from httpx import AsyncClient

from app.kernel import auth, jobs, outbox
from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.settings import Settings
from tests import invariants
from tests.orders.factories import Shop
from tests.service import Service, service
from tests.soak.callers import SKUS, Caller, Department, refused
from tests.soak.servers import PATIENCE, OwnPostgres

REQUEST_TIMEOUT = 2
BOUND = REQUEST_TIMEOUT + 5.0
"""How long the slowest answer may take: the request's own limit, and what a busy machine may add."""
LIMITS = {
    "pool_size": "4",
    "pool_timeout": "0.7",
    "statement_timeout": "1.5",
    "lock_timeout": "1",
    "request_timeout": str(REQUEST_TIMEOUT),
    "shutdown_timeout": "1",
}


@dataclass
class Ground:
    """A database, a service on it, and its department."""

    settings: Settings
    postgres: OwnPostgres
    served: Service
    department: Department

    def caller(self) -> Caller:
        """Somebody who is not of the department."""
        return Caller(self.department.client, patience=BOUND)

    async def ready(self, *, wanted: bool) -> float:
        """Wait until `/readyz` says so; returns for how long."""
        probe, started = self.caller(), time.monotonic()
        while refused(await probe.once("GET", "/readyz")) == wanted:
            assert time.monotonic() - started < PATIENCE
            await asyncio.sleep(0.02)
        return time.monotonic() - started

    async def all_holds(self) -> None:
        """What was acknowledged is there, once; nothing is half done; the same process serves."""
        assert self.served.process is not None
        assert self.served.process.poll() is None
        with self.postgres.connection() as connection:
            self.department.holds(connection)
        database = Database(self.settings, self.postgres.url)
        await outbox.number_all(database)
        async with database.read() as reader:
            await invariants.check(reader, today=date.today())  # noqa: DTZ011 - the service's days are this machine's
        await database.dispose()

    async def jobs_are_done(self) -> None:
        """The worker in the service has found back to its queue."""
        async with jobs.queue(self.postgres.url, jobs.JOBS).open_async() as queue:
            job = await queue.configure_task("forget_failed_jobs").defer_async(timestamp=0)
        done = "SELECT NOT EXISTS (SELECT FROM procrastinate_jobs WHERE id = %s)"
        await asyncio.to_thread(self.postgres.until, done, job)


async def key(settings: Settings, url: str) -> str:
    """An API key that may do everything."""
    database = Database(settings, url)
    async with database.transaction() as session:
        _, token = auth.issue(session, name="everything", scopes=tuple(Permission))
    await database.dispose()
    return token


@asynccontextmanager
async def serving(settings: Settings, postgres: OwnPostgres, folder: Path) -> AsyncIterator[Ground]:
    """A service on the database, and a shop with plenty of three products."""
    headers = {"Authorization": f"Bearer {await key(settings, postgres.url)}"}
    with service(postgres.url, folder, **LIMITS) as served:
        async with AsyncClient(base_url=served.url, headers=headers, timeout=None) as client:  # noqa: S113 - callers measure
            shop = await Shop.open(client)
            for sku in SKUS:
                await shop.product(sku, stock="1000000")
            yield Ground(settings, postgres, served, Department(shop, client, patience=BOUND))
