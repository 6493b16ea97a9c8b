"""Order desks that confirm orders for the same three products at once, and a service that is killed while they do.

Everybody is served; nothing that was acknowledged is lost, nothing is done twice, the feed tells each event once.
"""

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from app.kernel import auth
from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.settings import Settings
from tests import invariants
from tests.orders.factories import Shop, ok
from tests.service import Service, service
from tests.soak.desks import ALLOWED, SKUS, Desk, Production, Reader, lasting
from tests.soak.servers import own_postgres
from tests.soak.wire import Client, Exchange, Journal
from tests.supply.goods import TODAY


@dataclass(frozen=True)
class Plan:
    """How much of it: desks at once, kills, at most so many successes before each and after the last, and seconds.

    The service is killed at the instant of a success: what was answered has to be committed, while the other desks'
    requests are anywhere.
    """

    desks: int
    kills: int = 0
    successes: int = 1
    seconds: float = 0.0


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(desks=8, kills=1, successes=60), id="short"),
        pytest.param(Plan(desks=64, seconds=30.0), id="raced", marks=pytest.mark.soak),
        pytest.param(Plan(desks=64, kills=10, successes=200), id="killed", marks=pytest.mark.soak),
    ],
)
async def test_orders(plan: Plan, settings: Settings, tmp_path: Path) -> None:
    # Durable: the database keeps what it acknowledged, as in production.
    with own_postgres(tmp_path / "postgres", fsync="on", full_page_writes="on") as postgres:
        database = Database(settings, postgres.url)
        try:
            async with database.transaction() as session:
                _, token = auth.issue(session, name="desk", scopes=tuple(Permission))
            with service(postgres.url, tmp_path) as served:
                load = await _Load.opened(plan, served, token, database)
                try:
                    await load.run()
                    await load.check()
                finally:
                    load.close()
                assert served.stop() == 0, served.log.read_text()[-2000:]
            assert "Traceback" not in served.log.read_text()
        finally:
            await database.dispose()
        (deadlocks,) = postgres.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert deadlocks == (0,)


class _Load:
    """The clients of one run, what they wrote down, and what must be true of it."""

    def __init__(self, plan: Plan, served: Service, token: str, database: Database, shop: Shop) -> None:
        self.plan, self.served, self.token, self.database, self.shop = plan, served, token, database, shop
        self.journal = Journal()
        self.chance = random.Random(7)  # noqa: S311 - a repeatable mixture, no secret
        self.clients: list[Client] = []
        self.desks: list[Desk] = []
        self.readers = [
            Reader(self._client(), limit=1000, wait=5),
            Reader(self._client(), limit=500, wait=0),
            Reader(self._client(), limit=50, wait=0),
        ]
        self.seconds = 0.0

    @classmethod
    async def opened(cls, plan: Plan, served: Service, token: str, database: Database) -> "_Load":
        """Three products, of which one can be made, and eight customers."""
        headers = {"Authorization": f"Bearer {token}"}
        async with AsyncClient(base_url=served.url, headers=headers, timeout=30) as client:
            shop = await Shop.open(client)
            for sku, days in zip(SKUS, (None, 3, None), strict=True):
                await shop.product(sku, stock="50", production_days=days)
            load = cls(plan, served, token, database, shop)
            same = {name: shop.account[name] for name in ("name", "type", "currency", "delivery_address")}
            more = [ok(await client.post("/v1/accounts", json=same)) for _ in range(7)]
        accounts = [account["id"] for account in (shop.account, *more)]
        for _ in range(plan.desks):
            own = random.Random(load.chance.random())  # noqa: S311 - a repeatable mixture, no secret
            load.desks.append(Desk(load._client(), shop, accounts, own))
        return load

    def _client(self) -> Client:
        self.clients.append(Client(self.served.port, self.token, self.journal))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()

    async def run(self) -> None:
        """Everybody works; the service is killed as often as planned, then left in peace until the time is over."""
        loop = asyncio.get_running_loop()
        over, written = asyncio.Event(), asyncio.Event()
        started = loop.time()
        async with asyncio.TaskGroup() as everybody:
            for reader in self.readers:
                everybody.create_task(reader.work(written))
            everybody.create_task(self._inspect(over))
            async with asyncio.TaskGroup() as writers:
                for desk in self.desks:
                    writers.create_task(desk.work(over))
                writers.create_task(Production(self._client(), self.chance, self.plan.desks).work(over))
                for _ in range(self.plan.kills):
                    await self.journal.successes(self.chance.randint(1, self.plan.successes), then=self.served.kill)
                    await asyncio.to_thread(self.served.start)
                await asyncio.sleep(self.plan.seconds)
                await self.journal.successes(self.plan.successes, then=over.set)
            self.seconds = loop.time() - started
            written.set()

    async def _inspect(self, over: asyncio.Event) -> None:
        """All but the numbering of the last events holds at every instant, not only in the end."""
        while not over.is_set():
            async with self.database.read() as connection:
                await invariants.check(connection, today=TODAY, leaving_out={invariants.NUMBERED})
            await asyncio.sleep(1)

    async def check(self) -> None:
        exchanges = list(self.journal.exchanges)
        print(_report(self.plan, exchanges, self.journal, self.seconds))  # noqa: T201 - the README quotes it
        _only_allowed(exchanges)
        assert self.plan.kills or not any(each.lost for each in exchanges)
        async with self.database.read() as connection:
            await invariants.check(connection, today=TODAY)
            events = await connection.execute(text("SELECT position, CAST(id AS text) FROM outbox ORDER BY position"))
            told = [tuple(row) for row in events]
            for reader in self.readers:
                assert reader.seen == told
            kept = await connection.execute(text("SELECT * FROM idempotency_records"))
            _every_success_is_kept(exchanges, kept.mappings().all())
            orders = await connection.execute(text("SELECT CAST(id AS text) FROM orders"))
            known = [identity for desk in self.desks for identity in desk.orders]
            assert sorted(orders.scalars()) == sorted(known)
        async with asyncio.TaskGroup() as group:
            for desk in self.desks:
                group.create_task(self._stand_as_known(desk))

    async def _stand_as_known(self, desk: Desk) -> None:
        """Each order is what its desk was told, and so are its shipments."""
        client = self._client()
        for identity, known in desk.orders.items():
            shown = await client.get("read order", f"/v1/orders/{identity}")
            assert shown.status == 200
            assert lasting(shown.body, shipped=bool(known.shipments)) == known.standing()
            shipments = await client.get("read shipments", f"/v1/orders/{identity}/shipments")
            assert shipments.body["data"] == known.shipments


def _only_allowed(exchanges: Sequence[Exchange]) -> None:
    others = [each for each in exchanges if each.answer.status not in ALLOWED[each.act]]
    assert not others, [(each.act, each.answer.status, each.answer.raw[:500]) for each in others[:5]]
    assert not any(b"deadlock" in each.answer.raw for each in exchanges if each.answer.status == 409)


def _every_success_is_kept(exchanges: Sequence[Exchange], kept: Sequence[Any]) -> None:
    """Each key's answer is there as it was given, and no other; a replay tells of what an earlier try has done."""
    stored = {row["key"]: row for row in kept}
    for each in exchanges:
        if each.written:
            row = stored.pop(each.key, None)
            assert row is not None, f"lost: {each}"
            given = (f"POST {each.path}", each.answer.status, each.answer.raw)
            assert (row["operation"], row["status"], row["body"]) == given
            assert each.replayed == (row["created_at"] < each.sent_at), each
            assert each.lost or not each.replayed, each
    assert not stored, f"done and never answered: {stored}"


def _report(plan: Plan, exchanges: Sequence[Exchange], journal: Journal, seconds: float) -> str:
    lost = [each for each in exchanges if each.lost]
    head = (
        f"{plan.desks} desks, {seconds:.1f} s, {plan.kills} kills: {len(exchanges)} requests,"
        f" {len(exchanges) / seconds:.0f}/s; {len(lost)} lost and asked again,"
        f" {sum(each.replayed for each in lost)} of them had been done, {journal.in_progress} in progress"
    )
    lines = ["", head]
    for act in ALLOWED:
        mine = [each for each in exchanges if each.act == act]
        if len(mine) < 2:
            continue
        cuts = statistics.quantiles((each.seconds * 1000 for each in mine), n=100)
        longest = max(each.seconds for each in mine)
        statuses = ", ".join(f"{n} x {status}" for status, n in Counter(e.answer.status for e in mine).items())
        lines.append(
            f"  {act}: {len(mine) / seconds:.0f}/s; p50 {cuts[49]:.0f}, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f} ms,"
            f" longest {longest:.2f} s; {statuses}"
        )
    return "\n".join(lines)
