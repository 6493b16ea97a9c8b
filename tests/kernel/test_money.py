from decimal import Decimal, getcontext, localcontext
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.money import convert, cumulative_share, line_amount, minor_units, quantise, split

D = Decimal

currencies = st.sampled_from(["JPY", "EUR", "KWD", "CLF"])
units = st.integers(-(10**20), 10**20)
weights = st.lists(st.decimals(0, 10**12, places=4), min_size=1, max_size=30).filter(any)


def in_units(amount: int, currency: str) -> Decimal:
    return D(amount).scaleb(-minor_units(currency))


@pytest.mark.parametrize(
    ("currency", "places"),
    [("JPY", 0), ("ISK", 0), ("EUR", 2), ("USD", 2), ("RSD", 2), ("HUF", 2), ("KWD", 3), ("IQD", 3), ("CLF", 4)],
)
def test_minor_units_are_those_of_iso_4217_also_where_cldr_rounds_to_what_shops_use(currency: str, places: int) -> None:
    assert minor_units(currency) == places


def test_a_withdrawn_currency_stays_readable() -> None:
    assert minor_units("DEM") == 2


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "ZZZ", "XXX", "XTS", "XAU", "€"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 4217"):
        minor_units(currency)
    with pytest.raises(ValueError, match="not an ISO 4217"):
        quantise(D(1), currency)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("2.345", "EUR", "2.35"),
        ("-2.345", "EUR", "-2.35"),
        ("2.344999", "EUR", "2.34"),
        ("0.5", "JPY", "1"),
        ("1E+5", "JPY", "100000"),
        ("1.2345", "KWD", "1.235"),
        ("-0.001", "EUR", "0.00"),
        ("12345678901234567890.125", "EUR", "12345678901234567890.13"),
    ],
)
def test_rounding_is_half_up_with_exactly_the_places_of_the_currency(amount: str, currency: str, expected: str) -> None:
    assert str(quantise(D(amount), currency)) == expected


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999"])
def test_what_is_no_usable_number_is_refused(amount: str) -> None:
    for compute in (
        lambda: quantise(D(amount), "EUR"),
        lambda: line_amount(D(amount), D(1), D(0), "EUR"),
        lambda: line_amount(D(1), D(1), D(amount), "EUR"),
        lambda: convert(D(1), D(amount), "EUR"),
        lambda: split(D(amount), [D(1)], "EUR"),
        lambda: split(D(1), [D(amount)], "EUR"),
        lambda: cumulative_share(D(1), D(1), D(amount), "EUR"),
    ):
        with pytest.raises(ValueError, match="not a usable number"):
            compute()


def test_a_line_is_rounded_once() -> None:
    assert line_amount(D(3), D("0.335"), D("0.15"), "EUR") == D("0.85")  # 0.85425; by steps 1.01 and 0.86
    assert line_amount(D(1000), D("0.0049"), D(0), "EUR") == D("4.90")
    assert line_amount(D(7), D(10), D(1), "EUR") == D("0.00")


@pytest.mark.parametrize("discount", ["-0.01", "1.01", "15"])
def test_a_discount_is_a_fraction(discount: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        line_amount(D(1), D(1), D(discount), "EUR")


def test_conversion_is_rounded_to_the_target_currency() -> None:
    assert str(convert(D("100.00"), D("169.4550"), "JPY")) == "16946"
    for rate in ("0", "-1"):
        with pytest.raises(ValueError, match="positive"):
            convert(D(1), D(rate), "EUR")


def test_long_amounts_stay_exact_whatever_the_decimal_context() -> None:
    price = D("12345678901234567890.123456")
    before = getcontext().copy()
    with localcontext(prec=5):
        assert str(line_amount(D("1000000.001"), price, D("0.000001"), "KWD")) == "12345666567901333211111232.532"
        shares = split(D("12345678901234567890.12"), [D(1), D("0.000001"), D("98765432109876543210")], "EUR")
        assert str(cumulative_share(D("12345678901234567890.12"), D(1), D(3), "EUR")) == "4115226300411522630.04"
    assert sum(shares) == D("12345678901234567890.12")
    assert getcontext().prec == before.prec


@pytest.mark.parametrize(
    ("total", "parts", "expected"),
    [
        ("500000.00", [1, 1, 1], ["166666.67", "166666.67", "166666.66"]),
        ("166666.67", [1, 2, 4], ["23809.52", "47619.05", "95238.10"]),
        ("-0.01", [1, 1], ["-0.01", "0.00"]),
        ("0.02", [0, 1, 0, 1, 1], ["0.00", "0.01", "0.00", "0.01", "0.00"]),
        ("0.00", [1, 2], ["0.00", "0.00"]),
        ("5.00000", [3], ["5.00"]),
    ],
)
def test_splits(total: str, parts: list[int], expected: list[str]) -> None:
    assert [str(share) for share in split(D(total), [D(part) for part in parts], "EUR")] == expected


def test_a_split_needs_weights_it_can_divide_by_and_a_total_it_can_meet() -> None:
    for parts in ([], [D(0), D(0)]):
        with pytest.raises(ValueError, match="at least one weight"):
            split(D(1), parts, "EUR")
    with pytest.raises(ValueError, match="negative"):
        split(D(1), [D(2), D(-1)], "EUR")
    with pytest.raises(ValueError, match="whole minor units"):
        split(D("0.005"), [D(1)], "EUR")


@settings(deadline=None)
@given(total=units, parts=weights, currency=currencies)
def test_a_split_adds_up_and_nobody_is_a_minor_unit_off(total: int, parts: list[Decimal], currency: str) -> None:
    shares = split(in_units(total, currency), parts, currency)
    with localcontext(prec=100):
        assert sum(shares) == in_units(total, currency)
        for share, part in zip(shares, parts, strict=True):
            assert abs(share * sum(parts) - in_units(total, currency) * part) < in_units(1, currency) * sum(parts)
            assert part or not share
    negated = split(in_units(-total, currency), parts, currency)
    assert negated == [-share for share in shares]


@settings(deadline=None)
@given(total=units, cuts=st.lists(st.decimals(0, 1000, places=3), max_size=8), currency=currencies)
def test_the_parts_of_a_line_add_up_however_it_is_taken_apart(total: int, cuts: list[Decimal], currency: str) -> None:
    amount = in_units(total, currency)
    ends = [D(0), *sorted(cuts), D(1000)]
    shares = [cumulative_share(amount, end, D(1000), currency) for end in ends]
    parts = [after - before for before, after in pairwise(shares)]
    assert sum(parts) == amount
    assert all(part * total >= 0 for part in parts)


def test_partial_returns_of_seven_pieces() -> None:
    shares = [cumulative_share(D("100.00"), D(n), D(7), "EUR") for n in (1, 3, 7)]
    assert [str(share) for share in shares] == ["14.29", "42.86", "100.00"]
    assert cumulative_share(D("-0.01"), D(1), D(2), "EUR") == D("-0.01")


@pytest.mark.parametrize(("part", "whole"), [(-1, 7), (8, 7), (0, 0), (1, -1)])
def test_a_part_lies_within_the_whole(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="not a part"):
        cumulative_share(D(1), D(part), D(whole), "EUR")
