"""Supply as a second, slow reading of the rules has it: from the events alone, day by day, one event after the other.

Whoever changes supply or promises holds the product's lock until the end, so the order in which the events of one
product were written is the order in which they happened, however many raced. At each confirmation the reference knows
what was there at that moment, and what could be promised from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

Event = Mapping[str, Any]
_OPEN = {"planned", "confirmed"}


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def working_day(day: date, count: int) -> date:
    """The day itself or the next that is worked, for 0; else the so-manieth working day after it."""
    while count or day.isoweekday() > 5:
        day += timedelta(days=1)
        count -= bool(count) and day.isoweekday() <= 5
    return day


@dataclass
class Shelf:
    """One product: what lies there, what will come, what is promised (by order and line)."""

    production_days: int | None
    on_hand: Decimal = Decimal(0)
    counted_at: datetime | None = None
    coming: dict[str, tuple[date, Decimal]] = field(default_factory=dict)
    promised: dict[tuple[str, int], tuple[date, Decimal]] = field(default_factory=dict)

    def balance(self, day: date, today: date) -> Decimal:
        """All that is there by the end of a day, less all that is promised by it; what is late does not come."""
        there = sum(quantity for due, quantity in self.coming.values() if today <= due <= day)
        return self.on_hand + there - sum(quantity for on, quantity in self.promised.values() if on <= day)

    def balances(self, today: date) -> dict[date, Decimal]:
        """By day, from today until nothing changes any more."""
        known = [day for day, _ in (*self.coming.values(), *self.promised.values())]
        return {day: self.balance(day, today) for day in _days(today, max([today, *known]))}

    def available(self, on: date, today: date) -> Decimal:
        """What can still be promised for a day: the least that is there on it or on any day after it."""
        balances = self.balances(today)
        last = max(balances)
        return max(min(balances[day] for day in _days(min(max(on, today), last), last)), Decimal(0))

    def earliest(self, quantity: Decimal, wanted: date, today: date) -> tuple[date | None, bool]:
        """The first day from the wanted one on which there is as much, and whether it has to be produced."""
        start = max(wanted, today)
        last = max(start, *self.balances(today))
        covered = next((day for day in _days(start, last) if self.available(day, today) >= quantity), None)
        made = None if self.production_days is None else max(working_day(today, self.production_days), start)
        if made is not None and (covered is None or made < covered):
            return made, True
        return covered, False

    def moved(self, quantity: Decimal, at: datetime) -> None:
        if self.counted_at is None or at > self.counted_at:
            self.on_hand += quantity


class Reference:
    """All products, as the events so far make them."""

    def __init__(self, products: Sequence[Mapping[str, Any]]) -> None:
        self.shelves = {each["id"]: Shelf(each["production_days"]) for each in products}
        self.id_of = {each["sku"]: each["id"] for each in products}

    def of(self, sku: str) -> Shelf:
        return self.shelves[self.id_of[sku]]

    def short(self, today: date) -> bool:
        """Whether supply has slipped below what is promised: by a count, a late or a smaller receipt."""
        return any(balance < 0 for shelf in self.shelves.values() for balance in shelf.balances(today).values())

    def follow(self, events: Iterable[Event], today: date) -> None:
        """Take in events in the order of writing, request by request; fail where a promise was not the right one."""
        ours = sorted((each for each in events if each["type"] in _TAKEN), key=lambda event: event["seq"])
        first: dict[str, int] = {}
        for each in ours:
            first.setdefault(each["request_id"], each["seq"])
        ours.sort(key=lambda event: (first[event["request_id"]], event["seq"]))
        for _, found in groupby(ours, key=lambda event: event["request_id"]):
            self._take(list(found), today)

    def _take(self, request: list[Event], today: date) -> None:
        by_order = any(each["type"].startswith("order.") for each in request)
        before = {} if not by_order else {key: shelf.balances(today) for key, shelf in self.shelves.items()}
        confirmed = [each for each in request if each["type"] == "order.confirmed"]
        planned = {each["data"]["pegged_line_id"]: each for each in request if each["type"] == "receipt.planned"}
        for each in request:
            if each["type"] != "receipt.planned":
                _TAKEN[each["type"]](self, each)
        for each in confirmed:
            self._confirm(each, planned, today)
        if by_order:
            self._nobody_lost(before, today, request)

    def _nobody_lost(self, before: Mapping[str, Mapping[date, Decimal]], today: date, request: list[Event]) -> None:
        """What orders do takes from no promise: no day gets short, or shorter than it was."""
        for key, was in before.items():
            for day, balance in self.shelves[key].balances(today).items():
                least = min(was.get(day, was[max(was)]), Decimal(0))
                assert balance >= least, f"{day} is short by {-balance}, it was {-least}, after {request}"

    def _confirm(self, event: Event, planned: Mapping[str, Event], today: date) -> None:
        for told in event["data"]["lines"]:
            line = event["order_lines"][str(told["line_no"])]
            shelf, quantity = self.of(told["sku"]), Decimal(told["quantity"])
            wanted = date.fromisoformat(line["requested_on"]) if line["requested_on"] else today
            day, made = shelf.earliest(quantity, wanted, today)
            promised = date.fromisoformat(told["promised_on"])
            assert (promised, told["basis"] == "production") == (day, made), f"{told}, but {day} {made=}: {shelf}"
            if made:
                self.receipt(planned[line["id"]])
            shelf.promised[event["subject_id"], told["line_no"]] = promised, quantity

    def receipt(self, event: Event) -> None:
        """A receipt as it is now."""
        coming, data = self.shelves[event["data"]["product_id"]].coming, event["data"]
        if data["status"] in _OPEN:
            coming[event["subject_id"]] = date.fromisoformat(data["due_on"]), Decimal(data["quantity"])
        else:
            coming.pop(event["subject_id"], None)
        if event["type"] == "receipt.received":
            self.shelves[data["product_id"]].moved(Decimal(data["quantity"]), event["received_at"])

    def counted(self, event: Event) -> None:
        shelf = self.shelves[event["subject_id"]]
        shelf.on_hand = Decimal(event["data"]["on_hand"])
        shelf.counted_at = datetime.fromisoformat(event["data"]["counted_at"])

    def cancelled(self, event: Event) -> None:
        for shelf in self.shelves.values():
            for key in [key for key in shelf.promised if key[0] == event["subject_id"]]:
                del shelf.promised[key]

    def shipped(self, event: Event) -> None:
        for line in event["data"]["lines"]:
            shelf, key, quantity = self.of(line["sku"]), (event["subject_id"], line["line_no"]), line["quantity"]
            day, left = shelf.promised.pop(key)
            if left > Decimal(quantity):
                shelf.promised[key] = day, left - Decimal(quantity)
            shelf.moved(-Decimal(quantity), datetime.fromisoformat(event["data"]["shipped_at"]))

    def returned(self, event: Event) -> None:
        for line in event["data"]["lines"] if event["restocked"] else ():
            self.of(line["sku"]).moved(Decimal(line["quantity"]), event["returned_at"])

    def confirmed(self, event: Event) -> None:
        """Its lines are looked at one after the other, when all else of the request is known."""


_TAKEN: Mapping[str, Any] = {
    "stock.counted": Reference.counted,
    "order.confirmed": Reference.confirmed,
    "order.cancelled": Reference.cancelled,
    "order.shipped": Reference.shipped,
    "order.returned": Reference.returned,
    **dict.fromkeys(
        ("receipt.planned", "receipt.created", "receipt.updated", "receipt.received", "receipt.cancelled"),
        Reference.receipt,
    ),
}
