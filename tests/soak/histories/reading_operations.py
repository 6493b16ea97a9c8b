"""What others read meanwhile; what they read while nothing else happens has to agree with the story."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.soak.histories.order_operations import OfOrder
from tests.soak.histories.seen import BACK, Seen, newest
from tests.soak.histories.sending import Call, Operation
from tests.soak.histories.story import Story


@dataclass(frozen=True)
class ReadFeed(Operation):
    """Some integration reads on from an earlier position."""

    back: int
    limit: int

    def call(self, seen: Seen) -> Call:
        after = max(seen.position - self.back, seen.start)
        return Call(method="GET", path="/v1/events", params={"after": after, "limit": self.limit})


@dataclass(frozen=True)
class ReadHistory(Operation):
    """What happened to one lead or order, newest first or oldest first."""

    kind: str
    thing: int
    newest_first: bool

    def call(self, seen: Seen) -> Call | None:
        thing = newest(getattr(seen, self.kind), self.thing)
        params = {"sort": "-time" if self.newest_first else "time", "limit": 5}
        if thing is None:
            return None
        return Call(method="GET", path=f"/v1/{self.kind}/{thing['id']}/history", params=params)

    def agrees(self, body: Any, story: Story) -> None:
        ids = [str(each["id"]) for each in story.about(*body["data"][0]["subject"].split("/"))]
        expected = ids[::-1] if self.newest_first else ids
        assert [each["id"] for each in body["data"]] == expected[:5]
        assert body["has_more"] == (len(ids) > 5)


@dataclass(frozen=True)
class ReadAvailability(Operation):
    product: int
    on: int

    def call(self, seen: Seen) -> Call:
        params = {"sku": seen.products[self.product]["sku"], "on": seen.day(self.on)}
        return Call(method="GET", path="/v1/availability", params=params)

    def agrees(self, body: Any, story: Story) -> None:
        shelf, today = story.reference.of(body["sku"]), story.seen.today
        assert Decimal(body["on_hand"]) == shelf.on_hand
        assert Decimal(body["available"]) == shelf.available(date.fromisoformat(body["on"]), today)
        for step in body["steps"]:
            assert Decimal(step["available"]) == shelf.available(date.fromisoformat(step["day"]), today)


@dataclass(frozen=True)
class ReadRequirements(Operation):
    """Production asks what it has to deliver: everything promised, each once."""

    def call(self, _seen: Seen) -> Call:
        return Call(method="GET", path="/v1/production/requirements", params={"limit": 200})

    def agrees(self, body: Any, story: Story) -> None:
        shown = {
            (row["product_id"], line["order_id"], row["needed_by"], Decimal(line["quantity"]))
            for row in body["data"]
            for line in row["lines"]
        }
        promised = {
            (product_id, order_id, str(day), quantity)
            for product_id, shelf in story.reference.shelves.items()
            for (order_id, _), (day, quantity) in shelf.promised.items()
        }
        assert shown == promised
        for row in body["data"]:
            assert Decimal(row["quantity"]) == sum(Decimal(line["quantity"]) for line in row["lines"])


@dataclass(frozen=True)
class ReadToShip(Operation):
    """Dispatch asks what is open to ship."""

    def call(self, _seen: Seen) -> Call:
        return Call(method="GET", path="/v1/orders", params={"open_to_ship": True, "sort": "due_on", "limit": 200})

    def agrees(self, body: Any, story: Story) -> None:
        held = {e["data"]["hold_id"]: e["subject_id"] for e in story.events if e["type"] == "order.held"}
        for event in story.events:
            if event["type"] == "order.released":
                del held[event["data"]["hold_id"]]
        waiting = {order_id for shelf in story.reference.shelves.values() for order_id, _ in shelf.promised}
        shown = [each["id"] for each in body["data"]]
        assert len(shown) == len(set(shown))
        assert set(shown) == waiting - set(held.values())


@dataclass(frozen=True)
class AskForDays(OfOrder):
    """What is proposed is what the reference would promise, line after line; it binds nobody."""

    refusals = frozenset({409})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/promise", None, versioned=False)

    def agrees(self, body: Any, story: Story) -> None:
        reference, today = story.reference, story.seen.today
        taken: dict[str, list[tuple[str, int]]] = {}
        for line in body["lines"]:
            shelf, quantity = reference.of(line["sku"]), Decimal(line["quantity"])
            wanted = date.fromisoformat(line["requested_on"]) if line["requested_on"] else today
            available = shelf.available(wanted, today)
            day, made = shelf.earliest(quantity, wanted, today)
            shown = line["promised_on"] and date.fromisoformat(line["promised_on"])
            assert (shown, line["basis"] == "production") == (day, made), f"{line}, but {day} {made=}: {shelf}"
            assert Decimal(line["available_on_requested"]) == available, f"{line}, but {available}: {shelf}"
            if day is not None and not made:
                key = body["order_id"], line["line_no"]
                shelf.promised[key] = day, quantity
                taken.setdefault(line["sku"], []).append(key)
        for sku, keys in taken.items():
            for key in keys:
                del reference.of(sku).promised[key]


feed = st.builds(ReadFeed, back=st.integers(0, 5), limit=st.sampled_from([1, 100, 1000]))
reading = st.one_of(
    feed,
    st.builds(
        ReadHistory, kind=st.sampled_from(["orders", "leads"]), thing=st.integers(0, 3), newest_first=st.booleans()
    ),
    st.builds(ReadAvailability, product=st.integers(0, 2), on=st.integers(0, 10)),
    st.builds(ReadRequirements),
    st.builds(ReadToShip),
    st.builds(AskForDays, order=BACK),
    st.builds(AskForDays, order=BACK),
)
