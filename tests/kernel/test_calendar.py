from datetime import date, timedelta
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.calendar import WorkingCalendar

CALENDARS = {country: WorkingCalendar(country) for country in (None, "DE", "US", "AE", "CN")}

calendars = st.sampled_from(list(CALENDARS.values()))
dates = st.dates(date(2000, 1, 1), date(2040, 12, 31))

MAUNDY_THURSDAY = date(2026, 4, 2)


def test_without_a_country_only_weekends_are_free() -> None:
    calendar = WorkingCalendar(None)
    assert calendar.is_working_day(date(2026, 1, 1))
    assert calendar.is_working_day(date(2026, 12, 25))
    assert not calendar.is_working_day(date(2026, 1, 3))
    assert not calendar.is_working_day(date(2026, 1, 4))


def test_easter_in_germany() -> None:
    germany = CALENDARS["DE"]
    assert germany.add_working_days(MAUNDY_THURSDAY, 1) == date(2026, 4, 7)
    assert germany.add_working_days(MAUNDY_THURSDAY, 0) == MAUNDY_THURSDAY
    assert germany.add_working_days(date(2026, 4, 3), 0) == date(2026, 4, 7)
    assert germany.add_working_days(date(2026, 4, 3), 1) == date(2026, 4, 7)
    assert germany.working_days_between(MAUNDY_THURSDAY, date(2026, 4, 7)) == 1
    assert germany.working_days_between(date(2026, 4, 7), MAUNDY_THURSDAY) == -1
    assert germany.working_days_between(MAUNDY_THURSDAY, MAUNDY_THURSDAY) == 0


def test_the_weekend_is_the_country_s_own() -> None:
    assert CALENDARS["AE"].is_working_day(date(2020, 6, 7))  # a Sunday, when it was worked there
    assert not CALENDARS["AE"].is_working_day(date(2020, 6, 5))
    assert CALENDARS["CN"].is_working_day(date(2024, 2, 4))  # a Sunday worked for the spring festival


@pytest.mark.parametrize("country", ["", "ZZ", "de", "DEU", "HolidayBase", "utils", "NYSE"])
def test_an_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(ValueError, match="no working calendar"):
        WorkingCalendar(country)


def test_days_are_not_added_backwards() -> None:
    with pytest.raises(ValueError, match="cannot add"):
        WorkingCalendar(None).add_working_days(MAUNDY_THURSDAY, -1)


@settings(deadline=None)
@given(calendar=calendars, start=dates, n=st.integers(1, 60))
def test_adding_counts_every_working_day_once(calendar: WorkingCalendar, start: date, n: int) -> None:
    end = calendar.add_working_days(start, n)
    passed = [start + timedelta(days=k) for k in range(1, (end - start).days + 1)]
    assert sum(map(calendar.is_working_day, passed)) == n
    assert calendar.is_working_day(end)
    assert calendar.working_days_between(start, end) == n


def test_a_thousand_working_days_ahead_is_a_matter_of_milliseconds() -> None:
    germany = CALENDARS["DE"]
    germany.add_working_days(MAUNDY_THURSDAY, 1000)
    started = perf_counter()
    for _ in range(10):
        germany.add_working_days(MAUNDY_THURSDAY, 1000)
    assert perf_counter() - started < 1
