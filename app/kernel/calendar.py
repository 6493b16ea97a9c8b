"""Working days of a country, from the `holidays` library: its weekends, public holidays and worked weekends."""

from datetime import date

from holidays import HolidayBase, country_holidays, list_supported_countries


class WorkingCalendar:
    """Which days are worked in a country, by its ISO 3166-1 alpha-2 code; without one, every Monday to Friday.

    The holidays of a year are computed at its first use and kept, so keep the calendar too. Raises ValueError for a
    country that the library does not know.
    """

    def __init__(self, country: str | None) -> None:
        if country is None:
            self._days = HolidayBase()
        elif country in list_supported_countries(include_aliases=False):
            self._days = country_holidays(country)
        else:
            raise ValueError(f"no working calendar for country {country!r}")

    def is_working_day(self, d: date) -> bool:
        """Whether the day is neither a day of the weekend nor a public holiday, or is a weekend day that is worked."""
        return self._days.is_working_day(d)

    def add_working_days(self, d: date, n: int) -> date:
        """The n-th working day after `d`; for n = 0 `d` itself if it is one, otherwise the next.

        Raises ValueError for a negative n.
        """
        if n < 0:
            raise ValueError(f"cannot add {n} working days")
        return self._days.get_nth_working_day(d, n)

    def working_days_between(self, a: date, b: date) -> int:
        """How many working days lie after `a`, up to and including `b`; negative when `b` comes before `a`.

        It undoes `add_working_days`: between `d` and the n-th working day after it there are n.
        """
        if b < a:
            return -self.working_days_between(b, a)
        return self._days.get_working_days_count(a, b) - self.is_working_day(a)
