import asyncio
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from app.kernel import clock

LATE_IN_JUNE = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC


def test_the_clock_can_be_held_and_is_let_go_again() -> None:
    later = LATE_IN_JUNE + timedelta(hours=1)
    with clock.at(LATE_IN_JUNE) as held:
        assert clock.now() == held == LATE_IN_JUNE
        with clock.at(later):
            assert clock.now() == later
        assert clock.now() == LATE_IN_JUNE
    assert clock.now() != LATE_IN_JUNE


def test_the_clock_is_let_go_after_an_error() -> None:
    with pytest.raises(RuntimeError), clock.at(LATE_IN_JUNE):
        raise RuntimeError
    assert clock.now() != LATE_IN_JUNE


async def test_one_task_holding_its_clock_does_not_hold_another_s() -> None:
    async def hold(instant: datetime) -> datetime:
        with clock.at(instant):
            await asyncio.sleep(0)
            return clock.now()

    instants = [LATE_IN_JUNE + timedelta(days=n) for n in range(5)]
    assert await asyncio.gather(*map(hold, instants)) == instants


def test_an_instant_held_in_another_offset_is_told_in_utc() -> None:
    with clock.at(datetime(2026, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))):
        assert clock.now() == LATE_IN_JUNE
        assert clock.now().tzinfo is UTC


def test_naive_instants_are_refused() -> None:
    naive = LATE_IN_JUNE.replace(tzinfo=None)
    with pytest.raises(ValueError, match="offset"), clock.at(naive):
        pass
    with pytest.raises(ValueError, match="offset"):
        clock.business_date(naive, "UTC")


@pytest.mark.parametrize(
    ("tz", "day"),
    [("Europe/Berlin", date(2026, 7, 1)), ("UTC", date(2026, 6, 30)), ("America/New_York", date(2026, 6, 30))],
)
def test_the_business_date_is_the_company_s(tz: str, day: date) -> None:
    assert clock.business_date(LATE_IN_JUNE, tz) == day
    with clock.at(LATE_IN_JUNE):
        assert clock.today(tz) == day


@pytest.mark.parametrize("tz", ["", "Europe", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "a\0b"])
def test_unknown_time_zones_are_refused(tz: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        clock.today(tz)


@pytest.mark.parametrize(
    ("day", "tz", "begins"),
    [
        (date(2026, 7, 1), "Europe/Berlin", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        (date(2026, 1, 1), "Europe/Berlin", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        (date(2026, 7, 1), "America/New_York", datetime(2026, 7, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_when_the_day_before_ends(day: date, tz: str, begins: datetime) -> None:
    assert clock.start_of(day, tz) == begins
    assert clock.business_date(begins, tz) == day
    assert clock.business_date(begins - timedelta(microseconds=1), tz) == day - timedelta(days=1)
