"""Times of day for what Northwind knows the day of."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.demo.northwind import Northwind, Order
from app.kernel.calendar import WorkingCalendar

_TRANSIT = 2
"""Working days from shipment to delivery, which Northwind does not record."""


class Timetable:
    """Times of day for what Northwind knows the day of; nothing is later than the evening of its last order.

    Orders of a day are taken one after the other from nine o'clock on and confirmed ten minutes later, goods leave at
    two and arrive at five, in the company's time zone.
    """

    def __init__(self, northwind: Northwind, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._last = northwind.last_order_on
        self._calendar = WorkingCalendar(None)
        taken: dict[date, int] = {}
        self._turn: dict[int, int] = {}
        for order in northwind.orders:
            self._turn[order.number] = taken.get(order.ordered_on, 0)
            taken[order.ordered_on] = self._turn[order.number] + 1

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), self._zone)

    def morning(self, day: date) -> datetime:
        """Before the first order of the day."""
        return self.at(day, 8)

    def taken(self, order: Order) -> datetime:
        return self.at(order.ordered_on, 9) + timedelta(minutes=20) * self._turn[order.number]

    def confirmed(self, order: Order) -> datetime:
        return self.taken(order) + timedelta(minutes=10)

    def shipped(self, day: date) -> datetime:
        return self.at(day, 14)

    def delivered(self, shipped_on: date) -> datetime:
        return self.at(min(self._calendar.add_working_days(shipped_on, _TRANSIT), self._last), 17)
