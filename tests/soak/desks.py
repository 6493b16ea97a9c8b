"""Who works against the service under load: order desks, production, and readers of the event feed.

Each order belongs to one desk, and each request is repeated until it is answered: so a desk knows how its orders stand.
"""

import asyncio
import random
from dataclasses import dataclass, field

from tests.orders.factories import Shop
from tests.soak.wire import Client, Json
from tests.supply.goods import day

SKUS = ("CHAI", "TOFU", "KONBU")
ALLOWED = {
    "create": {201},
    "confirm": {200, 409},  # not every line can be promised
    "cancel": {200},
    "ship": {201, 409},  # stock is short, or promised to others before
    "deliver": {200},
    "receipts": {200},
    "read events": {200},
    "read order": {200},
    "read shipments": {200},
}
"""What may be answered to each act. No 5xx, for nobody; no 412 either, since nobody shares an order."""


@dataclass
class Known:
    """An order as its desk knows it: the last answer that showed it, and the shipment that has left since."""

    body: Json
    shipments: list[Json] = field(default_factory=list)

    def standing(self) -> Json:
        """How the order has to be shown now, but for what others change in it and what the shipment set the time of."""
        shown = {**self.body, "lines": [dict(line) for line in self.body["lines"]]}
        for shipment in self.shipments:
            delivered = shipment["delivered_at"] is not None
            left = {line["line_no"]: line["quantity"] for line in shipment["lines"]}
            for line in shown["lines"]:
                line["shipped_quantity"] = left.get(line["line_no"], "0")
                line["delivered_quantity"] = line["shipped_quantity"] if delivered else "0"
            all_of_it = all(line["shipped_quantity"] == line["quantity"] for line in shown["lines"])
            shown["open_to_ship"] = not all_of_it
            shown["status"] = "completed" if all_of_it and delivered else "confirmed"
            whole = "delivered" if delivered else "shipped"
            shown["shipment_state"] = whole if all_of_it else "partial"
        return lasting(shown, shipped=bool(self.shipments))


_OTHERS = ("check_is_current",)  # also follows changes to the account and the products
_BY_SHIPMENT = ("version", "updated_at", "status_at", "completed_at", "due_on")


def lasting(order: Json, *, shipped: bool) -> Json:
    """What of an order stays until its desk changes it."""
    left_out = (*_OTHERS, *_BY_SHIPMENT) if shipped else _OTHERS
    return {name: value for name, value in order.items() if name not in left_out}


class Desk:
    """Takes orders for the three products and confirms them; cancels some, has some shipped and delivered."""

    def __init__(self, client: Client, shop: Shop, accounts: list[str], chance: random.Random) -> None:
        self._client = client
        self._shop = shop
        self._accounts = accounts
        self._chance = chance
        self.orders: dict[str, Known] = {}

    async def work(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self._serve_a_customer()

    async def _serve_a_customer(self) -> None:
        draft = self._shop.draft(*self._lines(), account_id=self._chance.choice(self._accounts))
        made = await self._client.post("create", "/v1/orders", draft)
        if made.status != 201:
            return
        order = self.orders[made.body["id"]] = Known(made.body)
        agreed = {"accept_dates": True, "agreed_by": "Ms Anders"}
        if await self._change("confirm", order, agreed) != 200:
            await self._change("cancel", order, {"reason": "cannot be had"})
            return
        then = self._chance.random()
        if then < 0.2:
            await self._change("cancel", order, {"reason": "wanted sooner"})
        elif then < 0.5:
            await self._ship(order)

    def _lines(self) -> list[Json]:
        lines: list[Json] = []
        for sku in self._chance.sample(SKUS, 3):  # in any order: locks are taken in one all the same
            lines.append({"sku": sku, "quantity": str(self._chance.randint(1, 4))})
            if self._chance.random() < 0.5:
                lines[-1]["requested_on"] = str(day(self._chance.randint(0, 5)))
        return lines

    async def _change(self, act: str, order: Known, body: Json) -> int:
        path = f"/v1/orders/{order.body['id']}/{act}"
        answer = await self._client.post(act, path, body, version=order.body["version"])
        if answer.status == 200:
            order.body = answer.body
        return answer.status

    async def _ship(self, order: Known) -> None:
        """All of it, or one piece of the first line."""
        path = f"/v1/orders/{order.body['id']}/shipments"
        body = {} if self._chance.random() < 0.7 else {"lines": [{"line_no": 1, "quantity": "1"}]}
        left = await self._client.post("ship", path, body)
        if left.status != 201:
            return
        order.shipments = [left.body]
        if self._chance.random() < 0.5:
            reached = await self._client.post("deliver", f"{path}/{left.body['id']}/delivery", {})
            if reached.status == 200:
                order.shipments = [reached.body]


class Production:
    """Tells receipts: new ones, some for today in place of planned ones, and that expected goods have come.

    It makes less than the desks sell meanwhile: most of the time they compete for the last pieces of something.
    """

    def __init__(self, client: Client, chance: random.Random, desks: int) -> None:
        self._client = client
        self._chance = chance
        self._most = desks
        self._expected: list[Json] = []
        self._number = 0

    async def work(self, over: asyncio.Event) -> None:
        while not over.is_set():
            news = [self._new(sku) for sku in self._chance.sample(SKUS, 3)]
            while len(self._expected) > 3 * self._chance.randint(1, 4):
                news.append({**self._expected.pop(0), "status": "received"})
            self._expected += news[:3]
            told = await self._client.post("receipts", "/v1/receipts/bulk", {"receipts": news})
            assert {row["status"] for row in told.body["data"]} <= {"created", "updated"}, told.raw

    def _new(self, sku: str) -> Json:
        self._number += 1
        due = 0 if self._chance.random() < 0.5 else self._chance.randint(1, 8)
        receipt: Json = {
            "source": "mrp", "external_id": f"WO-{self._number}", "sku": sku, "due_on": str(day(due)),
            "quantity": str(self._chance.randint(1, self._most)), "status": "confirmed",
        }  # fmt: skip
        # What comes later than today comes on top: the planned receipt that it would replace may be due before it.
        return {**receipt, "replaces": []} if due else receipt


class Reader:
    """Follows the feed by its cursor, from the first event on, until `over` and nothing is left."""

    def __init__(self, client: Client, *, limit: int, wait: int) -> None:
        self._client = client
        self._limit = limit
        self._wait = wait
        self.after = 0
        self.seen: list[tuple[int, str]] = []

    async def work(self, over: asyncio.Event) -> None:
        while True:
            ended = over.is_set()
            path = f"/v1/events?after={self.after}&limit={self._limit}&wait={0 if ended else self._wait}"
            answer = await self._client.get("read events", path)
            assert answer.status == 200, answer.raw
            page = answer.body
            self.seen += [(event["position"], event["id"]) for event in page["data"]]
            assert page["next_after"] >= self.after, page["next_after"]
            self.after = page["next_after"]
            if ended and not page["has_more"]:
                return
            if not self._wait:
                await asyncio.sleep(0.01)
