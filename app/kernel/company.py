"""The company whose department this is: its currency, its days and its leeway, as the domains need them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.kernel import clock
from app.kernel.calendar import WorkingCalendar
from app.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Company:
    """What the settings say about the company."""

    currency: str
    timezone: str
    calendar: WorkingCalendar
    price_allowance: Decimal

    @classmethod
    def of(cls, settings: Settings) -> "Company":
        return cls(
            settings.company_currency,
            settings.company_timezone,
            WorkingCalendar(settings.company_country),
            settings.price_allowance,
        )

    def today(self) -> date:
        """Today's business date."""
        return clock.today(self.timezone)
