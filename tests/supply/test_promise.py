from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.supply.promise import (
    Basis,
    BasisKind,
    Ledger,
    PlannedReceipt,
    Receipt,
    available,
    consume_planned,
    profile,
    promise,
    reserve,
)

D = Decimal
TODAY = date(2026, 7, 1)
HORIZON = 24


def day(n: int) -> date:
    return TODAY + timedelta(days=n)


def receipt(n: int, due: int, quantity: int, *, planned: bool = False, pegged: bool = False) -> Receipt:
    return Receipt(UUID(int=n), day(due), D(quantity), planned=planned, pegged=pegged)


def availabilities(ledger: Ledger) -> list[Decimal]:
    return [available(ledger, day(n), TODAY) for n in range(HORIZON + 2)]


# The reference: a table with a row for every day, and the rule as it is written.


def supply_by(ledger: Ledger, u: date) -> Decimal:
    return ledger.on_hand + sum(r.quantity for r in ledger.receipts if TODAY <= r.due <= u)


def promised_by(ledger: Ledger, u: date) -> Decimal:
    return D(sum(quantity for on, quantity in ledger.promised if on <= u))


def balances_by_hand(ledger: Ledger) -> list[Decimal]:
    return [supply_by(ledger, day(n)) - promised_by(ledger, day(n)) for n in range(HORIZON + 2)]


def atp_by_hand(ledger: Ledger) -> list[Decimal]:
    balances = balances_by_hand(ledger)
    return [min(balances[n:]) for n in range(len(balances))]


days = st.integers(-4, HORIZON)
quantities = st.integers(0, 30)
receipts = st.builds(receipt, st.integers(1, 99), days, quantities, planned=st.booleans(), pegged=st.just(False))
ledgers = st.builds(
    lambda on_hand, rows, promised: Ledger(D(on_hand), rows, [(day(on), D(q)) for on, q in promised]),
    st.integers(-10, 60),
    st.lists(receipts, max_size=6),
    st.lists(st.tuples(days, quantities), max_size=6),
)
wishes = st.tuples(st.integers(1, 40), st.integers(-3, HORIZON), st.none() | st.integers(0, HORIZON))


class TestWorkedExample:
    """Stock 8, a receipt of 50 due on day 12, 30 promised for day 18."""

    ledger = Ledger(D(8), [receipt(1, 12, 50)], [(day(18), D(30))])

    def test_available_is_8_before_day_12_and_28_from_day_12(self) -> None:
        assert [available(self.ledger, day(n), TODAY) for n in (0, 5, 11)] == [8, 8, 8]
        assert [available(self.ledger, day(n), TODAY) for n in (12, 17, 18, 400)] == [28, 28, 28, 28]
        assert profile(self.ledger, TODAY) == [(day(0), D(8)), (day(12), D(28))]

    def test_20_wanted_for_day_5_are_promised_for_day_12_resting_on_the_receipt(self) -> None:
        made = promise(self.ledger, D(20), day(5), TODAY, day(15))
        assert made is not None
        assert made.date == day(12)
        assert made.basis == Basis(BasisKind.RECEIPT, UUID(int=1), day(12))
        assert made.available == 8

    def test_30_get_the_production_lead_time_and_nobody_else_sees_a_difference(self) -> None:
        made = promise(self.ledger, D(30), day(5), TODAY, day(15))
        assert made is not None
        assert made.date == day(15)
        assert made.basis == Basis(BasisKind.PRODUCTION, due=day(15), planned=True)

        after = reserve(self.ledger, made, D(30))
        assert Receipt(None, day(15), D(30), planned=True, pegged=True) in after.receipts
        assert (day(15), D(30)) in after.promised
        assert availabilities(after) == availabilities(self.ledger)

    def test_30_of_what_cannot_be_made_get_no_date(self) -> None:
        assert promise(self.ledger, D(30), day(5), TODAY) is None

    def test_the_next_line_takes_what_the_first_has_left(self) -> None:
        first = promise(self.ledger, D(20), day(5), TODAY)
        assert first is not None
        second = promise(reserve(self.ledger, first, D(20)), D(8), day(5), TODAY)
        assert second is not None
        assert (second.date, second.basis) == (day(5), Basis(BasisKind.STOCK))
        assert promise(reserve(reserve(self.ledger, first, D(20)), second, D(8)), D(1), day(5), TODAY) is None


def test_a_day_without_a_row_still_has_the_balance_of_the_days_before_and_after_it() -> None:
    """500 on hand were oversold to 931 by a function that looked only at days with a row."""
    ledger = Ledger(D(500))
    sold = D(0)
    for n in (30, 3, 17, 5, 40, 1, 29, 0, 8, 31) * 10:
        made = promise(ledger, D(19), day(n), TODAY)
        if made is not None:
            ledger, sold = reserve(ledger, made, D(19)), sold + 19
    assert sold == 19 * 26
    assert available(ledger, day(2), TODAY) == available(ledger, day(1000), TODAY) == 6


def test_a_late_receipt_does_not_count_until_it_is_re_dated() -> None:
    late = receipt(1, -1, 50)
    assert available(Ledger(D(8), [late]), day(9), TODAY) == 8
    assert available(Ledger(D(8), [replace(late, due=day(3))]), day(9), TODAY) == 58
    assert available(Ledger(D(8), [replace(late, due=TODAY)]), TODAY, TODAY) == 58


def test_a_promise_whose_day_has_passed_still_has_to_be_kept() -> None:
    assert available(Ledger(D(8), promised=[(day(-9), D(5))]), TODAY, TODAY) == 3


def test_what_is_short_is_never_offered_and_has_to_be_made_good_first() -> None:
    ledger = Ledger(D(8), [receipt(1, 4, 5), receipt(2, 9, 50)], [(day(2), D(20))])
    assert availabilities(ledger)[:10] == [D(0)] * 9 + [D(43)]
    assert profile(ledger, TODAY) == [(day(0), D(0)), (day(9), D(43))]
    made = promise(ledger, D(1), TODAY, TODAY)
    assert made is not None
    assert (made.date, made.basis.receipt_id, made.available) == (day(9), UUID(int=2), D(0))


def test_the_past_is_answered_as_today() -> None:
    ledger = Ledger(D(8))
    made = promise(ledger, D(8), day(-7), TODAY)
    assert made is not None
    assert made.date == TODAY
    assert available(ledger, day(-7), TODAY) == 8


def test_production_ready_early_delivers_on_the_wanted_day_and_lends_nothing_to_others_before() -> None:
    ledger = Ledger(D(8))
    made = promise(ledger, D(10), day(9), TODAY, production_date=day(4))
    assert made is not None
    assert made.date == made.basis.due == day(9)
    assert availabilities(reserve(ledger, made, D(10))) == availabilities(ledger)


def test_what_is_there_in_time_is_not_made_again() -> None:
    made = promise(Ledger(D(0), [receipt(1, 6, 10)]), D(10), day(9), TODAY, production_date=day(4))
    assert made is not None
    assert (made.date, made.basis.kind) == (day(9), BasisKind.RECEIPT)
    sooner = promise(Ledger(D(0), [receipt(1, 6, 10)]), D(10), day(2), TODAY, production_date=day(4))
    assert sooner is not None
    assert (sooner.date, sooner.basis.kind) == (day(4), BasisKind.PRODUCTION)


class TestBasis:
    def test_stock_carries_what_it_can_even_when_a_receipt_is_due_too(self) -> None:
        made = promise(Ledger(D(8), [receipt(1, 0, 50), receipt(2, 3, 50)]), D(8), day(5), TODAY)
        assert made is not None
        assert made.basis == Basis(BasisKind.STOCK)

    def test_it_is_the_last_receipt_needed_not_the_last_before_the_day(self) -> None:
        rows = [receipt(1, 2, 5), receipt(2, 4, 5), receipt(3, 6, 5)]
        made = promise(Ledger(D(1), rows), D(10), day(9), TODAY)
        assert made is not None
        assert (made.date, made.basis.receipt_id) == (day(9), UUID(int=2))

    def test_of_one_day_s_receipts_it_is_the_firm_one(self) -> None:
        rows = [receipt(1, 2, 10), receipt(2, 2, 30, planned=True, pegged=True), receipt(3, 2, 5, planned=True)]
        ledger = Ledger(D(0), rows, [(day(2), D(30))])
        for quantity, needed in ((10, 1), (15, 1), (5, 3)):
            made = promise(ledger, D(quantity), TODAY, TODAY)
            assert made is not None
            assert made.basis.receipt_id == UUID(int=needed)
            assert made.basis.planned == (needed == 3)

    def test_a_receipt_due_today_is_named(self) -> None:
        made = promise(Ledger(D(1), [receipt(1, 0, 5)], [(day(-1), D(1))]), D(1), TODAY, TODAY)
        assert made is not None
        assert made.basis == Basis(BasisKind.RECEIPT, UUID(int=1), TODAY)


@settings(deadline=None, max_examples=300)
@given(ledger=ledgers)
def test_availability_is_that_of_the_table_day_by_day_and_never_falls(ledger: Ledger) -> None:
    expected = [max(atp, D(0)) for atp in atp_by_hand(ledger)]
    assert availabilities(ledger) == expected == sorted(expected)

    steps = profile(ledger, TODAY)
    assert steps[0][0] == TODAY
    assert [next(q for on, q in reversed(steps) if on <= day(n)) for n in range(HORIZON + 2)] == expected


@settings(deadline=None, max_examples=300)
@given(ledger=ledgers, wish=wishes)
def test_the_promised_day_is_the_earliest(ledger: Ledger, wish: tuple[int, int, int | None]) -> None:
    quantity, wanted, produced = wish
    made = promise(ledger, D(quantity), day(wanted), TODAY, None if produced is None else day(produced))

    start = max(wanted, 0)
    atp = atp_by_hand(ledger)
    possible = [n for n in range(start, HORIZON + 2) if atp[n] >= quantity]
    made_by = [] if produced is None else [max(produced, start)]
    assert (made.date if made else None) == min(map(day, possible + made_by), default=None)
    if made:
        assert made.available == max(atp[start], 0)
        by_production = made.basis.kind is BasisKind.PRODUCTION
        assert by_production == (not possible or bool(made_by and made_by[0] < possible[0]))


@settings(deadline=None, max_examples=300)
@given(ledger=ledgers, wish=wishes)
def test_a_promise_that_rests_on_a_receipt_could_not_be_had_the_day_before_it(
    ledger: Ledger, wish: tuple[int, int, int | None]
) -> None:
    quantity, wanted, _ = wish
    made = promise(ledger, D(quantity), day(wanted), TODAY)
    if made and made.basis.kind is BasisKind.RECEIPT:
        due = made.basis.due
        assert due is not None
        assert TODAY <= due <= made.date
        assert any(r.id == made.basis.receipt_id and r.due == due for r in ledger.receipts)
        assert due == TODAY or available(ledger, due - timedelta(days=1), TODAY) < quantity
    elif made:
        assert ledger.on_hand >= quantity
        assert available(ledger, TODAY, TODAY) >= quantity


def reserve_all(ledger: Ledger, wished: Sequence[tuple[int, int, int | None]]) -> list[Ledger]:
    ledgers_seen = [ledger]
    for quantity, wanted, produced in wished:
        made = promise(ledger, D(quantity), day(wanted), TODAY, None if produced is None else day(produced))
        if made is not None:
            ledger = reserve(ledger, made, D(quantity))
            ledgers_seen.append(ledger)
    return ledgers_seen


@settings(deadline=None, max_examples=200)
@given(ledger=ledgers, wished=st.lists(wishes, max_size=12))
def test_no_sequence_of_promises_oversells_any_day(ledger: Ledger, wished: list[tuple[int, int, int | None]]) -> None:
    before = balances_by_hand(ledger)
    after = balances_by_hand(reserve_all(ledger, wished)[-1])
    for was, now in zip(before, after, strict=True):
        assert now >= min(was, D(0)), "a day that was short may not become shorter, another may not become short"


@settings(deadline=None, max_examples=200)
@given(ledger=ledgers, wished=st.lists(wishes, max_size=6))
def test_production_leaves_what_is_available_to_others_as_it_was(
    ledger: Ledger, wished: list[tuple[int, int, int | None]]
) -> None:
    seen = reserve_all(ledger, wished)
    for before, after in pairwise(seen):
        if len(after.receipts) > len(before.receipts):
            assert atp_by_hand(after) == atp_by_hand(before)


def test_long_quantities_stay_exact() -> None:
    crumb = D("0.000000000001")
    ledger = Ledger(D("12345678901234567890"), [Receipt(UUID(int=1), day(1), crumb)])
    assert available(ledger, day(1), TODAY) - ledger.on_hand < D(1)
    assert str(available(ledger, day(1), TODAY)) == "12345678901234567890.000000000001"
    assert promise(ledger, ledger.on_hand, day(1), TODAY) is not None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_only_a_positive_quantity_can_be_promised(quantity: str) -> None:
    ledger = Ledger(D(8))
    made = promise(ledger, D(1), TODAY, TODAY)
    assert made is not None
    with pytest.raises(ValueError, match="positive"):
        promise(ledger, D(quantity), TODAY, TODAY)
    with pytest.raises(ValueError, match="positive"):
        reserve(ledger, made, D(quantity))
    with pytest.raises(ValueError, match="positive"):
        consume_planned([], D(quantity))


def test_rows_of_a_ledger_have_proper_quantities() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Ledger(D(8), [receipt(1, 1, -1)])
    with pytest.raises(ValueError, match="not negative"):
        Ledger(D(8), promised=[(TODAY, D(-1))])
    with pytest.raises(ValueError, match="finite"):
        Ledger(D("NaN"))


class TestConsumePlanned:
    a, b, c = UUID(int=1), UUID(int=2), UUID(int=3)
    planned = (
        PlannedReceipt(a, day(9), D(10)),
        PlannedReceipt(b, day(2), D(5)),
        PlannedReceipt(c, day(9), D(4)),
    )

    @pytest.mark.parametrize(
        ("quantity", "expected"),
        [
            (3, [(b, 3)]),
            (5, [(b, 5)]),
            (12, [(b, 5), (a, 7)]),
            (16, [(b, 5), (a, 10), (c, 1)]),
            (500, [(b, 5), (a, 10), (c, 4)]),
        ],
    )
    def test_oldest_first_until_used_up(self, quantity: int, expected: list[tuple[UUID, int]]) -> None:
        assert consume_planned(self.planned, D(quantity)) == [(id_, D(taken)) for id_, taken in expected]

    def test_without_any_planned_all_of_it_is_new(self) -> None:
        assert consume_planned([], D(1)) == []
        assert consume_planned([PlannedReceipt(self.a, TODAY, D(0))], D(1)) == []
