"""Callers as they should be: every POST has an Idempotency-Key, and what was refused for now is sent again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from httpx import AsyncClient, Response

from tests.orders.factories import Shop

SKUS = ("CHAI", "TOFU", "KONBU")
_PATIENCE = 120.0  # seconds for what the callers do together
_PAUSE = 0.1  # shorter than `Retry-After` asks for, so that a short run meets the outage often


def refused(response: Response) -> bool:
    """Whether it is a refusal for now; one that is not told as it should be fails the test."""
    if response.status_code < 400:
        return False
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert problem["request_id"] == response.headers["x-request-id"]
    twin = problem["type"] == "urn:bellwether:problem:idempotency-in-progress"
    assert response.status_code == 503 or twin, response.text
    assert int(response.headers["retry-after"]) >= 1
    return True


@dataclass
class Seen:
    """What callers were answered, and how long the longest answer took."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    refused_but_done: int = 0

    def add(self, response: Response, seconds: float) -> None:
        replayed = " replayed" if "idempotency-replayed" in response.headers else ""
        self.answers[f"{response.status_code}{replayed}"] += 1
        self.slowest = max(self.slowest, seconds)

    def __str__(self) -> str:
        told = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        return f"{told}; {self.refused_but_done} refused but done; slowest {self.slowest:.2f} s"


class Caller:
    """Sends requests; none may take longer than `patience` seconds, none may be answered with a fault."""

    def __init__(self, client: AsyncClient, *, patience: float, seen: Seen | None = None) -> None:
        self.client = client
        self.patience = patience
        self.seen = seen or Seen()

    async def once(self, method: str, path: str, **options: Any) -> Response:
        """One request, answered in time."""
        started = time.monotonic()
        async with asyncio.timeout(self.patience):
            response = await self.client.request(method, path, **options)
        self.seen.add(response, time.monotonic() - started)
        return response

    async def until_done(self, method: str, path: str, *, version: int | None = None, **options: Any) -> Any:
        """The body of the success that it ends with, however often it is refused for now before."""
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        if version is not None:
            headers["If-Match"] = f'"v{version}"'
        tried = 0
        while refused(response := await self.once(method, path, headers=headers, **options)):
            tried += 1
            await asyncio.sleep(_PAUSE)
        if tried and "idempotency-replayed" in response.headers:
            self.seen.refused_but_done += 1
        return response.json()


@dataclass
class Department:
    """A shop whose callers push leads, take orders and confirm them, and hear of it in the feed of events."""

    shop: Shop
    client: AsyncClient
    patience: float
    seen: Seen = field(default_factory=Seen)
    leads: dict[str, str] = field(default_factory=dict)
    """The leads that were acknowledged: their ids by their names."""
    orders: dict[str, str] = field(default_factory=dict)
    """The orders whose confirmation was acknowledged."""
    heard: list[str] = field(default_factory=list)
    """The orders whose confirmation the feed told."""

    def caller(self) -> Caller:
        return Caller(self.client, patience=self.patience, seen=self.seen)

    async def lead(self) -> None:
        """Push a lead."""
        name = str(uuid4())
        body = {"source": "web", "external_id": name, "person_name": "Anna Berg", "email": f"{name}@example.com"}
        captured = await self.caller().until_done("POST", "/v1/leads", json=body)
        self.leads[name] = captured["lead"]["id"]

    async def draft(self) -> Any:
        """Take an order of all three products."""
        lines = [{"sku": sku, "quantity": "1"} for sku in SKUS]
        body = self.shop.draft(*lines, po_number=str(uuid4()))
        return await self.caller().until_done("POST", "/v1/orders", json=body)

    async def confirm(self, order: dict[str, Any]) -> None:
        """Confirm it, and read it again."""
        path = f"/v1/orders/{order['id']}"
        confirmed = await self.caller().until_done("POST", f"{path}/confirm", version=order["version"], json={})
        assert confirmed["status"] == "confirmed"
        self.orders[order["po_number"]] = order["id"]
        assert await self.caller().until_done("GET", path) == confirmed

    async def round(self) -> None:
        """A lead, an order, its confirmation."""
        await self.lead()
        await self.confirm(await self.draft())

    async def listen(self) -> None:
        """Follow the feed, waiting for what comes, until cancelled."""
        caller, after = self.caller(), 0
        while True:
            params = {"after": after, "wait": 1, "type": "order.confirmed"}
            page = await caller.until_done("GET", "/v1/events", params=params)
            self.heard += [each["subject"].removeprefix("orders/") for each in page["data"]]
            after = page["next_after"]

    @asynccontextmanager
    async def at_work(self, callers: int) -> AsyncIterator[None]:
        """So many callers, one round after the other beside the block, and one who listens.

        At the end each finishes the round it is in, and the feed has told of every one, once.
        """
        over = asyncio.Event()
        self.heard.clear()

        async def call() -> None:
            while not over.is_set():
                await self.round()

        async with asyncio.TaskGroup() as group:
            listener = group.create_task(self.listen())
            tasks = [group.create_task(call()) for _ in range(callers)]
            yield
            over.set()
            await asyncio.gather(*tasks)
            async with asyncio.timeout(self.patience):
                while len(self.heard) < len(self.orders):  # noqa: ASYNC110 - it is a count, not an event
                    await asyncio.sleep(0.02)
            listener.cancel()
        assert sorted(self.heard) == sorted(self.orders.values())

    async def rounds(self, more: int) -> None:
        """Wait until so many more rounds are done."""
        wanted = len(self.orders) + more
        async with asyncio.timeout(_PATIENCE):
            while len(self.orders) < wanted:  # noqa: ASYNC110 - it is a count, not an event
                await asyncio.sleep(0.02)

    async def refusals(self, number: int) -> None:
        """Wait until so many requests were refused for now."""
        async with asyncio.timeout(_PATIENCE):
            while self.seen.answers["503"] < number:  # noqa: ASYNC110 - it is a count, not an event
                await asyncio.sleep(0.02)

    def holds(self, connection: psycopg.Connection[Any]) -> None:
        """Everything that was acknowledged is there, and nothing was done twice."""
        leads = connection.execute("SELECT external_id, CAST(lead_id AS text) FROM lead_touches").fetchall()
        confirmed = "SELECT po_number, CAST(id AS text) FROM orders WHERE po_number <> '' AND status = 'confirmed'"
        orders = connection.execute(confirmed).fetchall()
        for found, acknowledged in ((leads, self.leads), (orders, self.orders)):
            assert len(dict(found)) == len(found)
            assert dict(found) == acknowledged
