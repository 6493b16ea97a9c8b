"""The shared field types: what is received, what is refused, and that the API description says the same."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.kernel import clock
from app.kernel.schema import (
    Amount,
    Day,
    Flag,
    Fraction,
    Instant,
    NonNegativeAmount,
    Past,
    PositiveQuantity,
    Quantity,
    Rate,
    Whole,
)

DECIMALS = [Amount, NonNegativeAmount, Quantity, PositiveQuantity, Fraction, Rate]


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Amount, "-12.5"),
        (Amount, "99999999999999.9999"),
        (NonNegativeAmount, "0"),
        (Quantity, "12.500000"),
        (PositiveQuantity, "0.0001"),
        (Fraction, "1.000000"),
        (Rate, "0.0000000001"),
    ],
)
def test_a_decimal_is_read_as_written(kind: Any, text: str) -> None:
    assert read(kind, text) == Decimal(text)


@pytest.mark.parametrize("kind", DECIMALS)
@pytest.mark.parametrize(
    "value",
    [1, 0.5, True, None, [], "", " 1", "1\n", "1.", ".5", "+1", "1e2", "1_0", "01", "NaN", "Infinity", "1,5", "\u0661"],
)
def test_no_number_nor_any_other_spelling_is_a_decimal(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        read(kind, value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Amount, "100000000000000"),
        (Amount, "0.00001"),
        (NonNegativeAmount, "-1"),
        (Quantity, "10000000000"),
        (PositiveQuantity, "0"),
        (PositiveQuantity, "0.0000"),
        (Fraction, "1.000001"),
        (Fraction, "2"),
        (Rate, "0"),
    ],
)
def test_limits(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        read(kind, text)


@pytest.mark.parametrize("kind", DECIMALS)
@given(text=st.from_regex(r"\A-?[0-9]{0,16}(\.[0-9]{0,12})?\Z") | st.text(max_size=5))
def test_what_the_pattern_forbids_is_refused_and_only_a_limit_refuses_the_rest(kind: Any, text: str) -> None:
    pattern = TypeAdapter(kind).json_schema()["pattern"]
    allowed = re.fullmatch(pattern.removesuffix("$"), text) is not None
    try:
        read(kind, text)
    except ValidationError as error:
        assert not allowed or error.errors()[0]["type"] in {"greater_than", "less_than_equal"}  # noqa: PT017
    else:
        assert allowed


class Sum(BaseModel):
    total: Amount


def test_what_we_compute_may_be_longer_than_what_is_received() -> None:
    long = Decimal("123456789012345678901234.56789")
    assert Sum(total=long).model_dump_json() == '{"total":"123456789012345678901234.56789"}'
    assert Sum(total=Decimal("1E+3")).model_dump(mode="json") == {"total": "1000"}
    answered = Sum.model_json_schema(mode="serialization")["properties"]["total"]
    assert re.search(answered["pattern"], str(long))


@pytest.mark.parametrize("value", [0, 1.5, True, "0", "1767225600", "20260302", "2026-3-2", None])
def test_a_number_is_no_date_and_no_time(value: object) -> None:
    for kind in (Day, Instant):
        with pytest.raises(ValidationError):
            read(kind, value)


def test_dates_and_times_are_read() -> None:
    assert read(Day, "2026-03-02") == date(2026, 3, 2)
    assert read(Instant, "2026-03-02T10:30:00+01:00") == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_a_body_has_no_other_spellings_of_true_and_of_whole_numbers() -> None:
    assert (read(Flag, True), read(Whole, 5)) == (True, 5)
    for kind, values in ((Flag, [1, "true", "yes"]), (Whole, [True, "5", 5.5, 5.0])):
        for value in values:
            with pytest.raises(ValidationError):
                read(kind, value)


def test_what_happened_is_not_in_the_future_but_clocks_differ_by_a_minute() -> None:
    with clock.at(datetime(2026, 7, 1, 12, tzinfo=UTC)) as now:
        for ahead in (timedelta(seconds=1), timedelta(minutes=1)):
            assert read(Past, (now + ahead).isoformat()) == now
        for before in (timedelta(0), timedelta(microseconds=1), timedelta(days=9)):
            assert read(Past, (now - before).isoformat()) == now - before
        with pytest.raises(ValidationError, match="lies in the future"):
            read(Past, (now + timedelta(minutes=1, microseconds=1)).isoformat())
