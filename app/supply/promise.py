"""What can be promised, and when: the arithmetic behind every delivery date.

Method: cumulative available-to-promise (ATP) with look-ahead, named so in the APICS dictionary and done so by Infor M3
(MMS165) and Infor LN ("To compute cumulative ATP"). At the end of day t it is the minimum, over all days u ≥ t, of

    stock on hand + open receipts due by u - everything promised by u.

The minimum looks forward, so a new promise takes nothing that a later one rests on; and the balance of a day without
any row is that of the days before it. What is available therefore never falls from one day to the next.

One ledger is one product. Quantities are in its unit and days are business dates; what is due on a day can be promised
for that day. A receipt due before today is late: it counts again when it is re-dated. A promise whose day has passed
without a shipment still has to be kept: it counts until it is.

Pure: no clock, no database. Whoever reserves holds the lock on the product and reads the ledger under it.
"""

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from enum import StrEnum
from itertools import accumulate
from uuid import UUID

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
"""Sums of quantities are exact, or there is an error."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A quantity that production will deliver on its due day; `pegged` when it is planned for one order line alone.

    The id is None only for the planned receipt of a line that is not booked yet (see `reserve`).
    """

    id: UUID | None
    due: dt.date
    quantity: Decimal
    planned: bool = False
    pegged: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Supply and promises of one product: on hand, open receipts, and (day, quantity) of every open promise.

    Open means not received, shipped or cancelled. On hand may be negative (more shipped than was counted). Building
    takes O(n log n). Raises ValueError for a negative or non-finite quantity in a row.
    """

    on_hand: Decimal
    receipts: Sequence[Receipt] = ()
    promised: Sequence[tuple[dt.date, Decimal]] = ()

    def __post_init__(self) -> None:
        quantities = [receipt.quantity for receipt in self.receipts] + [quantity for _, quantity in self.promised]
        if not self.on_hand.is_finite() or not all(q.is_finite() and q >= 0 for q in quantities):
            raise ValueError("quantities of receipts and promises are finite and not negative")
        object.__setattr__(self, "receipts", tuple(sorted(self.receipts, key=_by_day_and_firmness)))
        object.__setattr__(self, "promised", tuple(sorted(self.promised)))


class BasisKind(StrEnum):
    STOCK = "stock"
    RECEIPT = "receipt"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a promise rests on.

    `stock`: what is on hand carries it. `receipt`: the named receipt, due on `due`, cannot be left out (`planned` when
    production has not confirmed it). `production`: a planned receipt of the line's whole quantity, due on `due`, that
    has yet to be created and pegged to the line.
    """

    kind: BasisKind
    receipt_id: UUID | None = None
    due: dt.date | None = None
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Promise:
    """The day a quantity can be delivered, what that rests on, and how much was available on the day wanted."""

    date: dt.date
    basis: Basis
    available: Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order line's quantity of a product and the day it is wanted on.

    `production_on` is the day by which production can make it; None for what is not made.
    """

    line_id: UUID
    product_id: UUID
    quantity: Decimal
    wanted_on: dt.date
    production_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class PlannedReceipt:
    """An open planned receipt that a real one may take the place of."""

    id: UUID
    due: dt.date
    quantity: Decimal


def available(ledger: Ledger, on: dt.date, today: dt.date) -> Decimal:
    """The quantity that can still be promised for a day, never below zero; a day before today is answered as today."""
    return max(_on(_atp(ledger, today), max(on, today)), Decimal(0))


def promised(ledger: Ledger) -> Decimal:
    """Everything that is promised, whenever."""
    with localcontext(_EXACT):
        return sum((quantity for _, quantity in ledger.promised), Decimal(0))


def profile(ledger: Ledger, today: dt.date) -> list[tuple[dt.date, Decimal]]:
    """Availability as a step function, for display: today, then every day from which more is available, in order.

    Each quantity holds from its day until the next one in the list, the last for ever; none is below zero.
    """
    steps: list[tuple[dt.date, Decimal]] = []
    for day, atp in _atp(ledger, today):
        quantity = max(atp, Decimal(0))
        if not steps or quantity > steps[-1][1]:
            steps.append((day, quantity))
    return steps


def promise(
    ledger: Ledger, quantity: Decimal, wanted: dt.date, today: dt.date, production_date: dt.date | None = None
) -> Promise | None:
    """The earliest day, not before the wanted one nor today, on which the whole quantity can be delivered.

    That is the first day with so much available, from stock and receipts; or, where it is earlier, the day by which
    production can make the quantity for this line (`production_date`: today and the working days it takes, None for
    what is not made). None when neither is ever the case. Reserves nothing. O(n).

    Raises ValueError for a quantity that is not positive.
    """
    _require_positive(quantity)
    wanted = max(wanted, today)
    steps = _atp(ledger, today)
    available_then = max(_on(steps, wanted), Decimal(0))
    covered = next((day for day, atp in steps if atp >= quantity), None)
    produced = None if production_date is None else max(production_date, wanted)

    if covered is not None and (produced is None or covered <= produced):
        return Promise(max(covered, wanted), _basis(ledger, quantity, covered, today), available_then)
    if produced is not None:
        return Promise(produced, Basis(BasisKind.PRODUCTION, due=produced, planned=True), available_then)
    return None


def reserve(ledger: Ledger, made: Promise, quantity: Decimal) -> Ledger:
    """The ledger with a promise of that quantity kept in it, as the next line of the same product has to see it.

    A promise by production brings its own planned receipt, due on the promised day, so that what is available to
    everybody else stays as it was on every day. Raises ValueError for a quantity that is not positive.
    """
    _require_positive(quantity)
    promised = (*ledger.promised, (made.date, quantity))
    if made.basis.kind is not BasisKind.PRODUCTION:
        return replace(ledger, promised=promised)
    pegged = Receipt(None, made.date, quantity, planned=True, pegged=True)
    return replace(ledger, promised=promised, receipts=(*ledger.receipts, pegged))


def without(ledger: Ledger, receipt_id: UUID, quantity: Decimal) -> Ledger:
    """The ledger with that much less of a receipt; a receipt that is not in it changes nothing."""
    receipts = [
        replace(each, quantity=each.quantity - quantity) if each.id == receipt_id else each for each in ledger.receipts
    ]
    return replace(ledger, receipts=receipts)


def propose(ledgers: Mapping[UUID, Ledger], *, wanted: Sequence[Wanted], today: dt.date) -> list[Promise | None]:
    """A promise for each line, in their order; a later line of a product sees what earlier ones would take.

    None where a line can never be delivered. Reserves nothing. Raises KeyError for a product without a ledger and
    ValueError for a quantity that is not positive.
    """
    seen = dict(ledgers)
    proposed = []
    for line in wanted:
        ledger = seen[line.product_id]
        made = promise(ledger, line.quantity, line.wanted_on, today, line.production_on)
        if made is not None:
            seen[line.product_id] = reserve(ledger, made, line.quantity)
        proposed.append(made)
    return proposed


def consume_planned(planned: Sequence[PlannedReceipt], quantity: Decimal) -> list[tuple[UUID, Decimal]]:
    """Which planned receipts a real one of that quantity takes the place of, and how much of each.

    Oldest due day first, on a tie in the given order, until the quantity is used up; what is left of it is new supply.
    Take the quantities off the planned receipts when the real one is added, or the same goods count twice.

    Raises ValueError for a quantity that is not positive.
    """
    _require_positive(quantity)
    taken: list[tuple[UUID, Decimal]] = []
    with localcontext(_EXACT):
        for receipt in sorted(planned, key=lambda receipt: receipt.due):
            if (part := min(receipt.quantity, quantity)) > 0:
                taken.append((receipt.id, part))
                quantity -= part
    return taken


def first_missed(ledger: Ledger, leaving: Sequence[tuple[dt.date, Decimal]], today: dt.date) -> dt.date | None:
    """The first day on which goods that leave today would be missed by somebody promised before them.

    `leaving` are quantities with the days they were promised for. Until those days they take from what others rest on;
    from them on nothing changes. None when nobody misses them.
    """
    with localcontext(_EXACT):
        for day, balance in _balances(ledger, today):
            early = sum((quantity for promised_on, quantity in leaving if promised_on > day), Decimal(0))
            if early and balance < early:
                return day
    return None


def _atp(ledger: Ledger, today: dt.date) -> list[tuple[dt.date, Decimal]]:
    """Signed ATP from today on: each value holds from its day until the next day in the list, the last for ever.

    Below zero it tells by how much promises already made cannot be kept.
    """
    balances = _balances(ledger, today)
    lowest_from = list(accumulate((balance for _, balance in reversed(balances)), min))
    return [(day, lowest) for (day, _), lowest in zip(balances, reversed(lowest_from), strict=True)]


def _balances(ledger: Ledger, today: dt.date) -> list[tuple[dt.date, Decimal]]:
    """Supply less promises by the end of each day on which either changes, from today on."""
    changes: defaultdict[dt.date, Decimal] = defaultdict(Decimal)
    with localcontext(_EXACT):
        changes[today] = ledger.on_hand
        for receipt in ledger.receipts:
            if receipt.due >= today:
                changes[receipt.due] += receipt.quantity
        for day, quantity in ledger.promised:
            changes[max(day, today)] -= quantity
        days = sorted(changes)
        return list(zip(days, accumulate(changes[day] for day in days), strict=True))


def _on(steps: list[tuple[dt.date, Decimal]], day: dt.date) -> Decimal:
    return steps[bisect_right(steps, day, key=lambda step: step[0]) - 1][1]


def _basis(ledger: Ledger, quantity: Decimal, covered: dt.date, today: dt.date) -> Basis:
    """What makes the quantity available on the day from which it is.

    The day before, less was available, and that because the balance itself was lower: a receipt of the day must have
    lifted it, unless the day is today and what is on hand suffices. Of several, it is the one that closes the gap when
    firm ones are counted last: a date is better explained by what production has confirmed, and never by what is
    pegged to another line.
    """
    with localcontext(_EXACT):
        before = ledger.on_hand
        before += sum(receipt.quantity for receipt in ledger.receipts if today <= receipt.due < covered)
        before -= sum(promised for day, promised in ledger.promised if day < covered)
        if before >= quantity:
            return Basis(BasisKind.STOCK)
        balance = before - sum(promised for day, promised in ledger.promised if day == covered)
        receipts = [receipt for receipt in ledger.receipts if receipt.due == covered]
        balances = accumulate((receipt.quantity for receipt in receipts), initial=balance)
        needed = next(r for r, after in zip(receipts, list(balances)[1:], strict=True) if after >= quantity)
    return Basis(BasisKind.RECEIPT, needed.id, needed.due, needed.planned)


def _by_day_and_firmness(receipt: Receipt) -> tuple[dt.date, bool, bool]:
    return receipt.due, not receipt.pegged, not receipt.planned


def _require_positive(quantity: Decimal) -> None:
    if not (quantity.is_finite() and quantity > 0):
        raise ValueError(f"a quantity is positive, not {quantity}")
