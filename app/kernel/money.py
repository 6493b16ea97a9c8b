"""Money arithmetic that neither loses nor invents a cent.

Every amount is computed exactly and rounded once, half up (away from zero), to the minor unit of its currency. Results
are decimals with exactly that many places, so `Decimal("12.50")` for EUR and `Decimal("13")` for JPY. The precision of
the caller's decimal context plays no part.
"""

from collections.abc import Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import cache
from math import lcm

from babel.numbers import get_currency_precision, list_currencies

_CODES = frozenset(list_currencies())
"""Codes in use and withdrawn ones alike: a document written in DEM or BGN stays readable."""

_WITHOUT_MINOR_UNIT = frozenset(
    {"XAG", "XAU", "XPD", "XPT", "XBA", "XBB", "XBC", "XBD", "XDR", "XSU", "XUA", "XEU", "XFO", "XFU", "XRE"}
    | {"XTS", "XXX"}
)
"""Metals, units of account, the test code and "no currency": nothing is invoiced in them."""

_ISO_4217_WHERE_CLDR_DIFFERS = {"IQD": 3} | dict.fromkeys(
    ("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2
)
"""CLDR, which babel follows, tells the places used in shops; books are kept in the minor unit of the standard."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_HALF_UP)
"""Sums and products come out whole, whatever their length; only `quantize` rounds."""

_LARGEST_EXPONENT = 60


@cache
def minor_units(currency: str) -> int:
    """Decimal places of the currency's minor unit by ISO 4217: JPY 0, EUR 2, KWD 3.

    Raises ValueError for anything but an upper-case code that has a minor unit.
    """
    if currency not in _CODES or currency in _WITHOUT_MINOR_UNIT:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code with a minor unit")
    if currency in _ISO_4217_WHERE_CLDR_DIFFERS:
        return _ISO_4217_WHERE_CLDR_DIFFERS[currency]
    return get_currency_precision(currency)


def quantise(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units of its currency, half up: 2.345 EUR is 2.35, -2.345 EUR is -2.35.

    Raises ValueError for an unknown currency, and for NaN, infinite or absurdly large amounts.
    """
    rounded = _usable(amount).quantize(Decimal((0, (1,), -minor_units(currency))), context=_EXACT)
    return _EXACT.plus(rounded)  # without the sign of a negative zero


def line_amount(quantity: Decimal, unit_price: Decimal, discount: Decimal, currency: str) -> Decimal:
    """Quantity by unit price by (1 - discount), rounded once, in the currency of the price.

    The discount is a fraction: 0.15 is 15 %. Raises ValueError when it is not between 0 and 1.
    """
    if not 0 <= _usable(discount) <= 1:
        raise ValueError(f"a discount lies between 0 and 1, not {discount}")
    gross = _EXACT.multiply(_usable(quantity), _usable(unit_price))
    return quantise(_EXACT.multiply(gross, _EXACT.subtract(Decimal(1), discount)), currency)


def convert(amount: Decimal, rate: Decimal, currency: str) -> Decimal:
    """The amount times the rate, rounded once, in the target currency.

    The rate is units of the target currency for one unit of the amount's. Raises ValueError unless it is positive.
    """
    if _usable(rate) <= 0:
        raise ValueError(f"an exchange rate is positive, not {rate}")
    return quantise(_EXACT.multiply(_usable(amount), rate), currency)


def split(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Shares of the total in proportion to the weights, in their order, adding up to it exactly.

    Method: largest remainder (Hamilton) in minor units. Everybody gets the whole minor units of the exact share; those
    left over go one by one to the largest remainders, on a tie to the earlier position. A negative total is split as
    its positive and negated; a weight of zero gets zero.

    Raises ValueError for a negative weight, for weights that are all zero or none, and for a total that is not in
    whole minor units.
    """
    if any(_usable(weight) < 0 for weight in weights):
        raise ValueError("a weight cannot be negative")
    proportions = _in_integers(weights)
    whole = sum(proportions)
    if not whole:
        raise ValueError("at least one weight must be positive")

    units = _whole_units(total, currency)
    quotas = [divmod(abs(units) * proportion, whole) for proportion in proportions]
    shares = [share for share, _ in quotas]
    left_over = abs(units) - sum(shares)
    by_remainder = sorted(range(len(quotas)), key=lambda i: -quotas[i][1])
    for i in by_remainder[:left_over]:
        shares[i] += 1
    return [_from_units(share if units >= 0 else -share, currency) for share in shares]


def cumulative_share(amount: Decimal, part: Decimal, whole: Decimal, currency: str) -> Decimal:
    """The amount that falls on the first `part` of `whole` units, rounded.

    What falls on any units in between is the difference of two such shares, so that however a line is taken apart
    (returns of 1, then 2, then 4 of 7 pieces), its parts add up to its amount.

    Raises ValueError unless 0 ≤ part ≤ whole and whole > 0, and for an amount that is not in whole minor units.
    """
    if not (_usable(whole) > 0 and 0 <= _usable(part) <= whole):
        raise ValueError(f"{part} is not a part of {whole}")
    units = _whole_units(amount, currency)
    share = int(abs(units) * Fraction(part) / Fraction(whole) + Fraction(1, 2))
    return _from_units(share if units >= 0 else -share, currency)


def _usable(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"not a usable number: {value}")
    return value


def _in_integers(weights: Sequence[Decimal]) -> list[int]:
    """The same proportions in whole numbers."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    common = lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _whole_units(amount: Decimal, currency: str) -> int:
    if amount != quantise(amount, currency):
        raise ValueError(f"{amount} is not in whole minor units of {currency}")
    return int(amount.scaleb(minor_units(currency), context=_EXACT))


def _from_units(units: int, currency: str) -> Decimal:
    return Decimal(units).scaleb(-minor_units(currency), context=_EXACT)
