"""What dispatch does: ship, deliver, take back."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.soak.histories.order_operations import OfOrder
from tests.soak.histories.seen import BACK, Seen, newest
from tests.soak.histories.sending import Call, Operation, Told

_COMPLETED = frozenset({"order.completed", "account.activated", "account.purchase_recorded"})


def _line_no(order: dict[str, Any], line: int) -> int:
    return 1 + line % len(order["lines"])


@dataclass(frozen=True)
class Ship(OfOrder):
    """Everything that is open, or some of one line."""

    line: int | None
    quantity: int
    likely = frozenset({"open"})
    refusals = frozenset({409, 422})  # 422: meanwhile the draft has lost the line
    tells = Told({"order.shipped": 1}, beside=frozenset({"receipt.updated", "receipt.cancelled"}))

    def call(self, seen: Seen) -> Call | None:
        order = self.found(seen)
        if order is None:
            return None
        body: dict[str, Any] = {}
        if self.line is not None:
            body = {"lines": [{"line_no": _line_no(order, self.line), "quantity": str(self.quantity)}]}
        return self.to(seen, "/shipments", body, versioned=False)


@dataclass(frozen=True)
class Deliver(Operation):
    """A shipment arrives, or is reported to have arrived once more."""

    shipment: int
    tells = Told({"order.delivered": 1}, beside=_COMPLETED, or_none=True)

    def call(self, seen: Seen) -> Call | None:
        found = newest(seen.shipments, self.shipment)
        if found is None:
            return None
        return Call(path=f"/v1/orders/{found['order_id']}/shipments/{found['id']}/delivery", body={})


@dataclass(frozen=True)
class TakeBack(OfOrder):
    line: int
    quantity: int
    restock: bool
    likely = frozenset({"shipped"})
    refusals = frozenset({409, 422})
    tells = Told({"order.returned": 1}, beside=_COMPLETED)

    def call(self, seen: Seen) -> Call | None:
        order = self.found(seen)
        if order is None:
            return None
        moving = {"line_no": _line_no(order, self.line), "quantity": str(self.quantity)}
        body = {"lines": [moving], "reason": "damaged", "restock": self.restock}
        return self.to(seen, "/returns", body, versioned=False)


fulfilment = st.one_of(
    st.builds(Ship, order=BACK, line=st.none(), quantity=st.just(0)),
    st.builds(Ship, order=BACK, line=st.none() | st.integers(0, 2), quantity=st.integers(1, 3)),
    st.builds(Deliver, shipment=st.integers(0, 3)),
    st.builds(Deliver, shipment=st.integers(0, 3)),
    st.builds(TakeBack, order=BACK, line=st.integers(0, 2), quantity=st.integers(1, 3), restock=st.booleans()),
)
