"""What stock-keeping and production tell."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from httpx import Response
from hypothesis import strategies as st

from tests.soak.histories.seen import Seen, newest
from tests.soak.histories.sending import Call, Operation, Told

_OF_PLANNED = frozenset({"receipt.updated", "receipt.cancelled"})  # of those whose place a receipt takes
_PRODUCT = st.integers(0, 2)


@dataclass(frozen=True)
class Counted:
    """How much of a product lay there, `ago` minutes ago."""

    product: int
    quantity: int
    ago: int

    def body(self, seen: Seen) -> dict[str, Any]:
        at = seen.now - timedelta(minutes=self.ago)
        return {"sku": seen.products[self.product]["sku"], "quantity": str(self.quantity), "counted_at": at.isoformat()}


@dataclass(frozen=True)
class Count(Operation):
    counted: Counted
    tells = Told({"stock.counted": 1}, or_none=True)

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/stock-counts", body=self.counted.body(seen))


@dataclass(frozen=True)
class CountMany(Operation):
    counts: tuple[Counted, ...]

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/stock-counts/bulk", body={"counts": [each.body(seen) for each in self.counts]})

    def told(self, answer: Response) -> Told:
        changed = {each["id"] for each in answer.json()["data"] if each["status"] != "unchanged"}
        return Told({"stock.counted": len(changed)} if changed else {})


@dataclass(frozen=True)
class Receipt:
    """A receipt as production tells it; few ids, so that most are told again. `replaces` counts the planned ones."""

    number: int
    product: int
    quantity: int
    due: int
    status: str
    replaces: int | None = None

    def body(self, seen: Seen) -> dict[str, Any]:
        sku = seen.products[self.product]["sku"]
        planned = newest(seen.planned, self.replaces) if self.replaces else None
        named = {} if self.replaces is None else {"replaces": [planned["id"]] if planned else []}
        return {
            "source": "mes",
            "external_id": f"WO-{self.number}",
            "sku": sku,
            "quantity": str(self.quantity),
            "due_on": seen.day(self.due),
            "status": self.status,
            **named,
        }


@dataclass(frozen=True)
class Tell(Operation):
    """One receipt, new or told before: re-dated, confirmed, received, cancelled."""

    receipt: Receipt
    refusals = frozenset({409, 422})

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/receipts", body=self.receipt.body(seen))

    def told(self, answer: Response) -> Told:
        came = {"receipt.received": 1} if self.receipt.status == "received" else {}
        if answer.status_code == 201:
            return Told({"receipt.created": 1, **came}, beside=_OF_PLANNED)
        return Told(came, beside=_OF_PLANNED, or_none=True)


@dataclass(frozen=True)
class TellMany(Operation):
    receipts: tuple[Receipt, ...]

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/receipts/bulk", body={"receipts": [each.body(seen) for each in self.receipts]})

    def told(self, answer: Response) -> Told:
        data = answer.json()["data"]
        results = [each["status"] for each in data]
        came = {
            each["id"]
            for each, row in zip(data, self.receipts, strict=True)
            if row.status == "received" and each["status"] in {"created", "updated"}
        }
        exactly = {"receipt.created": results.count("created"), "receipt.received": len(came)}
        return Told({kind: times for kind, times in exactly.items() if times}, beside=_OF_PLANNED)


counted = st.builds(Counted, product=_PRODUCT, quantity=st.integers(0, 12), ago=st.integers(0, 30))
receipt = st.builds(
    Receipt,
    number=st.integers(0, 4),
    product=_PRODUCT,
    quantity=st.integers(1, 8),
    due=st.integers(-1, 9),
    status=st.sampled_from(["confirmed", "confirmed", "confirmed", "planned", "received", "cancelled"]),
    replaces=st.none() | st.integers(0, 2),
)
supply = st.one_of(
    st.builds(Count, counted=counted),
    st.builds(CountMany, counts=st.lists(counted, min_size=1, max_size=4).map(tuple)),
    st.builds(Tell, receipt=receipt),
    st.builds(Tell, receipt=receipt),
    st.builds(TellMany, receipts=st.lists(receipt, min_size=1, max_size=4).map(tuple)),
)
