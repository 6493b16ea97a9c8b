"""What lets the 21 open orders stand where stock does not: a table with reasons, and what is let pass in their check.

Of the 49 products on them 17 are ordered beyond their stock and 6 are discontinued. Quantities and prices are
Northwind's. Days to produce, due days and final runs are not in its records: they are the demo's, all of them here.
Days are of Northwind's own calendar, whose last order is of 1998-05-06; they move with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from app.orders.check import FindingCode

PRODUCTION_DAYS: Mapping[str, int] = MappingProxyType(
    {
        "Beverages": 10,
        "Condiments": 8,
        "Confections": 6,
        "Dairy Products": 8,
        "Grains/Cereals": 5,
        "Meat/Poultry": 6,
        "Produce": 5,
        "Seafood": 7,
    }
)
"""Working days to produce, by category. What is discontinued is not produced any more."""

ON_ORDER_DUE = (date(1998, 5, 14), date(1998, 5, 15), date(1998, 5, 18), date(1998, 5, 19))
"""Days on which units on order come in, spread over the products: soon after any day on which the demo is loaded."""


class Supply(StrEnum):
    """Where the missing goods come from."""

    ON_ORDER = "units on order"
    PRODUCTION = "production"
    FINAL_RUN = "final run"


@dataclass(frozen=True, slots=True)
class Remedy:
    """Why orders for a product stand that exceed its stock. A final run has a quantity and a due day."""

    supply: Supply
    why: str
    quantity: Decimal = Decimal(0)
    due_on: date | None = None


def _final(quantity: int, due_on: date, why: str) -> Remedy:
    return Remedy(Supply.FINAL_RUN, why, Decimal(quantity), due_on)


REMEDIES: Mapping[int, Remedy] = MappingProxyType(
    {
        # Discontinued. Each is made, or bought in, once more: just what was ordered beyond stock and units on order.
        1: _final(1, date(1998, 5, 29), "Chai: 40 ordered, 39 in stock; one more is packed from what is left"),
        2: _final(5, date(1998, 6, 1), "Chang: 62 ordered, 17 in stock and 40 on order; the brewery adds 5"),
        17: _final(12, date(1998, 5, 29), "Alice Mutton: 12 ordered, none in stock; a last batch for this order"),
        24: _final(10, date(1998, 5, 22), "Guaraná Fantástica: 30 ordered, 20 in stock; a last delivery of 10"),
        28: _final(72, date(1998, 5, 15), "Rössle Sauerkraut: 98 ordered, 26 in stock; a last batch of 72"),
        53: _final(10, date(1998, 5, 22), "Perth Pasties: 10 ordered, none in stock; a last batch for this order"),
        # Covered by what is on order.
        21: Remedy(Supply.ON_ORDER, "Sir Rodney's Scones: 23 ordered, 3 in stock, 40 on order"),
        31: Remedy(Supply.ON_ORDER, "Gorgonzola Telino: 20 ordered, none in stock, 70 on order"),
        49: Remedy(Supply.ON_ORDER, "Maxilaku: 62 ordered, 10 in stock, 60 on order"),
        # Made within the lead time of the category, before the day requested.
        7: Remedy(Supply.PRODUCTION, "Uncle Bob's Organic Dried Pears: 16 ordered, 15 in stock"),
        13: Remedy(Supply.PRODUCTION, "Konbu: 44 ordered, 24 in stock"),
        16: Remedy(Supply.PRODUCTION, "Pavlova: 46 ordered, 29 in stock"),
        35: Remedy(Supply.PRODUCTION, "Steeleye Stout: 24 ordered, 20 in stock"),
        43: Remedy(Supply.PRODUCTION, "Ipoh Coffee: 36 ordered, 17 in stock and 10 on order"),
        51: Remedy(Supply.PRODUCTION, "Manjimup Dried Apples: 24 ordered, 20 in stock"),
        60: Remedy(Supply.PRODUCTION, "Camembert Pierrot: 73 ordered, 19 in stock"),
        64: Remedy(Supply.PRODUCTION, "Wimmers gute Semmelknödel: 132 ordered, 22 in stock and 80 on order"),
    }
)
"""By product number: the 17 that stock does not cover."""

OVERRIDES: Mapping[FindingCode, str] = MappingProxyType(
    {
        FindingCode.PRODUCT_INACTIVE: "discontinued, but this order was still accepted: stock and a final run cover it",
        FindingCode.PRICE_BELOW_LIST: "Northwind granted this discount: it is in the order as taken",
    }
)
"""Findings of the order check that are let stand on the open orders, and why. Any other one stops the loading."""

LATE: Mapping[int, str] = MappingProxyType(
    {11008: "70 Rössle Sauerkraut are wanted on 1998-05-06 and complete with the final run of 1998-05-15"}
)
"""Orders that a later day than requested was agreed for, with the account's contact."""
