"""What order administration does with orders until they are confirmed, and when they are cancelled."""

from dataclasses import dataclass
from typing import Any, ClassVar

from httpx import Response
from hypothesis import strategies as st

from tests.soak.histories.seen import BACK, Resource, Seen, likely, newest
from tests.soak.histories.sending import STALE, Call, Operation, Told


@dataclass(frozen=True)
class Line:
    """A line: which product, how many, and for which day from today; None: as soon as possible."""

    product: int
    quantity: int
    wanted: int | None

    def body(self, seen: Seen) -> dict[str, Any]:
        requested = None if self.wanted is None else seen.day(self.wanted)
        return {
            "sku": seen.products[self.product]["sku"],
            "quantity": str(self.quantity),
            "requested_on": requested,
        }


lines = st.lists(
    st.builds(Line, product=st.integers(0, 2), quantity=st.integers(1, 5), wanted=st.none() | st.integers(-1, 12)),
    min_size=1,
    max_size=3,
).map(tuple)
po_numbers = st.sampled_from([None, None, None, "PO-1", "PO-2"])


@dataclass(frozen=True)
class Take(Operation):
    """An order comes in."""

    account: int
    lines: tuple[Line, ...]
    po_number: str | None = None
    tells = Told({"order.created": 1})

    def call(self, seen: Seen) -> Call:
        body = {
            "account_id": seen.accounts[self.account],
            "channel": "web",
            "po_number": self.po_number,
            "lines": [line.body(seen) for line in self.lines],
        }
        return Call(path="/v1/orders", body=body)


@dataclass(frozen=True)
class OfOrder(Operation):
    """Something done with an order that is there."""

    order: int
    likely: ClassVar[frozenset[str]] = frozenset({"draft"})
    refusals = frozenset({409, STALE})

    def found(self, seen: Seen) -> Resource | None:
        return likely(seen.orders, self.order, self.likely)

    def to(self, seen: Seen, action: str, body: Any, method: str = "POST", *, versioned: bool = True) -> Call | None:
        order = self.found(seen)
        if order is None:
            return None
        version = order["version"] if versioned else None
        return Call(method=method, path=f"/v1/orders/{order['id']}{action}", body=body, version=version)


@dataclass(frozen=True)
class Change(OfOrder):
    """A draft changes: all its lines, its freight, its purchase order number."""

    lines: tuple[Line, ...] | None
    freight: str | None
    po_number: str | None
    tells = Told({"order.updated": 1}, or_none=True)

    def call(self, seen: Seen) -> Call | None:
        body: dict[str, Any] = {"po_number": self.po_number}
        body |= {"lines": [line.body(seen) for line in self.lines]} if self.lines else {}
        body |= {"freight": self.freight} if self.freight else {}
        return self.to(seen, "", body, "PATCH")


@dataclass(frozen=True)
class Check(OfOrder):
    refusals = frozenset({409})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/check", None, versioned=False)


@dataclass(frozen=True)
class Confirm(OfOrder):
    """With days later than requested accepted, as long as they come by `latest` days from today; None: not at all."""

    accepted: bool
    latest: int | None

    def call(self, seen: Seen) -> Call | None:
        body: dict[str, Any] = {}
        if self.accepted:
            body = {"accept_dates": True, "agreed_by": "Ms Anders"}
            body |= {} if self.latest is None else {"latest_on": seen.day(self.latest)}
        return self.to(seen, "/confirm", body)

    def told(self, answer: Response) -> Told:
        made = sum(line["basis"] == "production" for line in answer.json()["lines"])
        planned = {"receipt.planned": made} if made else {}
        return Told({"order.confirmed": 1, **planned})


@dataclass(frozen=True)
class Cancel(OfOrder):
    likely = frozenset({"draft", "open"})
    tells = Told({"order.cancelled": 1}, beside=frozenset({"receipt.updated", "receipt.cancelled"}))

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/cancel", {"reason": "ordered twice"})


@dataclass(frozen=True)
class Hold(OfOrder):
    likely = frozenset({"draft", "open"})
    refusals = frozenset({409})
    tells = Told({"order.held": 1})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/holds", {"reason": "credit"}, versioned=False)


@dataclass(frozen=True)
class Release(Operation):
    hold: int
    tells = Told({"order.released": 1}, or_none=True)

    def call(self, seen: Seen) -> Call | None:
        hold = newest(seen.holds, self.hold)
        if hold is None:
            return None
        return Call(path=f"/v1/orders/{hold['order_id']}/holds/{hold['id']}/release", body={"note": "paid"})


taking = st.builds(Take, account=st.integers(0, 2), lines=lines, po_number=po_numbers)
confirming = st.builds(
    Confirm, order=BACK, accepted=st.sampled_from([True, True, True, False]), latest=st.none() | st.integers(0, 12)
)
_changing = st.builds(
    Change, order=BACK, lines=st.none() | lines, freight=st.sampled_from([None, "5.00"]), po_number=po_numbers
)
_cancelling = st.builds(Cancel, order=BACK)
orders = st.one_of(
    taking,
    taking,
    _changing,
    st.builds(Check, order=BACK),
    confirming,
    confirming,
    confirming,
    _cancelling,
    st.builds(Hold, order=BACK),
    st.builds(Release, hold=st.integers(0, 2)),
)
contended = st.one_of(confirming, confirming, confirming, _changing, _cancelling)
"""What orders do when they want the same goods at once."""
