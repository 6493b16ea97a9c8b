"""The service in process, on a database of its own, and one history after the other in it.

It runs on a loop of its own, since the machine that drives it is synchronous. Every request is a real transaction on a
connection of its own; the history's time is its own too, so that nothing depends on the day on which it is run.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import uvloop
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from app.kernel import auth, clock, outbox
from app.kernel.auth import Permission
from app.kernel.db import Base, Database
from app.kernel.settings import Settings
from app.main import create_app
from tests import invariants
from tests.conftest import Server
from tests.orders.factories import Shop, ok
from tests.soak.histories import people
from tests.soak.histories.seen import Resource, Seen, look
from tests.soak.histories.sending import How, Operation, Sent, check, send
from tests.soak.histories.story import Story

Result = TypeVar("Result")

MORNING = datetime.fromisoformat("2026-03-10T06:00:00+00:00")
_MASTER = {"api_keys", "staff", "products", "price_lists", "prices", "exchange_rates", "outbox_head"}
_MOVING = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in _MASTER]
_CLEAN = "; ".join(
    [
        *(f"DELETE FROM {name}" for name in _MOVING),  # noqa: S608 - rolling files over with TRUNCATE takes 30 times as long
        "INSERT INTO accounts TABLE kept_accounts",
        "INSERT INTO outbox OVERRIDING SYSTEM VALUE TABLE kept_outbox",
        "UPDATE outbox_head SET position = (SELECT max(position) FROM kept_outbox)",
    ]
)


class World:
    """What all histories share: the application, its database, the shop's master data, and what was seen in all."""

    def __init__(self, runner: asyncio.Runner, database: Database, settings: Settings) -> None:
        self._runner = runner
        self.database = database
        app = create_app(settings, database)
        app.state.database = database
        self.client = AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://test")
        self.answers: Counter[tuple[str, int]] = Counter()
        self.histories = 0
        self.products: Sequence[Resource] = ()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the world's loop."""
        return self._runner.run(coroutine)

    async def open(self) -> None:
        """The shop's master data, kept to be brought back before each history."""
        async with self.database.transaction() as session:
            _, token = auth.issue(session, name="everything", scopes=tuple(Permission))
        self.client.headers["Authorization"] = f"Bearer {token}"
        with clock.at(MORNING):
            shop = await Shop.open(self.client)
            limited = {**_ACCOUNT, "delivery_address": shop.account["delivery_address"]}
            for more in ({"credit_limit": "150.00"}, {"currency": "EUR"}):
                ok(await self.client.post("/v1/accounts", json={**limited, **more}))
            ok(await self.client.put("/v1/exchange-rates/EUR/2026-01-01", json={"rate": "1.0842"}))
            prices = {"code": "EUR", "name": "EUR", "currency": "EUR", "is_default": True, "valid_from": "2020-01-01"}
            euro = ok(await self.client.post("/v1/price-lists", json=prices))
            self.products = [
                await shop.product("CHAI", price="10.00"),
                await shop.product("TOFU", price="7.35", production_days=3),
                await shop.product("KONBU", price="2.50", production_days=10),
            ]
            rows = [{"sku": each["sku"], "unit_price": "3.33", "valid_from": "2020-01-01"} for each in self.products]
            ok(await self.client.post(f"/v1/price-lists/{euro['id']}/prices/bulk", json={"prices": rows}))
        await outbox.number_all(self.database)
        async with self.database.transaction() as session:
            await session.execute(text("CREATE TABLE kept_accounts AS TABLE accounts"))
            await session.execute(text("CREATE TABLE kept_outbox AS TABLE outbox"))

    async def close(self) -> None:
        await self.client.aclose()
        await self.database.dispose()

    def told(self) -> str:
        """One line of what was done in all histories."""
        by_status = Counter[int]()
        for (_, status), times in self.answers.items():
            by_status[status] += times
        shares = ", ".join(f"{status}: {times}" for status, times in sorted(by_status.items()))
        return f"{self.histories} histories, {sum(by_status.values())} answers ({shares})"


_ACCOUNT = {"name": "Ana Trujillo Emparedados", "type": "end_customer", "currency": "USD"}


@contextmanager
def opened(server: Server, settings: Settings) -> Iterator[World]:
    """A world on a database of its own."""
    name = server.clone()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        world = World(runner, runner.run(_database(settings, server.database(name))), settings)
        try:
            world.run(world.open())
            yield world
        finally:
            world.run(world.close())
            server.execute("DROP DATABASE {} WITH (FORCE)", name)


async def _database(settings: Settings, url: str) -> Database:
    return Database(settings, url)


async def _after(seconds: float, request: Coroutine[Any, Any, Result]) -> Result:
    await asyncio.sleep(seconds)
    return await request


class History:
    """One history: steps of one or several operations at once, each followed by everything that has to hold.

    A failure tells the steps that led to it, as calls of this class: a race may need them several times.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps = ["history = History(world)"]
        self._requests = 0
        self._reads: list[tuple[int, Any]] = []
        world.histories += 1
        self._now = MORNING
        self.seen, self.story = world.run(self._begin())

    def _do(self, step: str, what: Coroutine[Any, Any, None]) -> None:
        self._steps.append(f"history.{step}")
        try:
            self._world.run(what)
        except Exception as error:
            error.add_note("\n".join(self._steps))
            raise

    async def _begin(self) -> tuple[Seen, Story]:
        async with self._world.database.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(_CLEAN)
            last = (await connection.execute(text("SELECT max(seq) FROM kept_outbox"))).scalar_one()
            seen = await look(connection, now=self._now, products=self._world.products)
        return seen, Story(seen, last=last)

    def night(self) -> None:
        """A business day passes: what did not come is late."""
        self._now = (self._now + timedelta(days=1)).replace(hour=MORNING.hour, minute=0, second=0)
        self._do("night()", self._look())

    def step(self, *operations: tuple[Operation, How], apart: int) -> None:
        """Send the operations so many milliseconds apart, and check what has to hold when all are answered."""
        shown = "".join(f"{operation!r}, " for operation in operations)
        self._do(f"step({shown}apart={apart})", self._step(operations, apart / 1000))

    async def _step(self, operations: Sequence[tuple[Operation, How]], apart: float) -> None:
        coming = []
        for place, (operation, how) in enumerate(operations):
            self._requests += 1
            self._now += timedelta(minutes=1)
            name, seen = f"h{self._world.histories}-{self._requests}", self.seen
            request = send(self._world.client, operation, how, seen=seen.at(self._now), request_id=name, at=self._now)
            coming.append(_after(place * apart, request))
        sent = [each for each in await asyncio.gather(*coming) if each is not None]
        await self._check(sent)

    async def _check(self, sent: Sequence[Sent]) -> None:
        self._world.answers.update(
            (type(each.operation).__name__, a.status_code) for each in sent for a in each.answers
        )
        before = self.seen
        await self._look()
        async with self._world.database.read() as reader:
            by_request = await self.story.read_on(reader)
            self.story.check_silence(before)
            for each in sent:
                check(each, by_request.pop(each.request_id, []))
            assert not by_request, f"nobody asked for {by_request}"
            short = {invariants.PROMISES} if self.story.reference.short(self.seen.today) else set()
            await invariants.check(reader, today=self.seen.today, leaving_out={invariants.NUMBERED, *short})
            await self.story.check_supply(reader)
        for each in sent:
            if each.call.path == "/v1/events" and each.successes:
                self._reads.append((each.call.params["after"], each.successes[0].json()))
            if len(sent) == 1 and each.successes:
                each.operation.agrees(each.successes[0].json(), self.story)

    async def _look(self) -> None:
        async with self._world.database.read() as reader:
            self.seen = await look(reader, now=self._now, products=self._world.products)
        self.story.seen = self.seen

    def end(self) -> None:
        """What holds of a history as a whole."""
        self._do("end()", self._end())

    async def _end(self) -> None:
        page = await self._world.client.get("/v1/events", params={"after": self.seen.start, "limit": 1000})
        self._reads.append((self.seen.start, page.json()))
        async with self._world.database.read() as reader:
            own = text("SELECT id, position FROM outbox WHERE position > :start ORDER BY position")
            self.story.check_feed(self._reads, (await reader.execute(own, {"start": self.seen.start})).all())
            await self.story.check_changes(reader)
            await invariants.check(reader, today=self.seen.today, leaving_out={invariants.PROMISES})
            await people.check(reader, self._world.client)
