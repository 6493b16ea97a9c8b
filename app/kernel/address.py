"""A postal address: what is kept of it, and what it still lacks before something can be sent there."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.kernel.schema import Body, Country, Line

_WITHOUT_POSTAL_CODES = frozenset(
    # Countries that have none, or (HK, IE, MO, PA) whose mail goes without.
    """
    AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY HK IE JM KI KM KN KP LY ML MO
    MR MW NR NU PA QA RW SB SC SL SR SS ST SX SY TD TG TK TL TO TT TV UG VU WS YE ZW
    """.split()  # noqa: SIM905
)


class Address(Body):
    """A postal address. Only the country must be known; `missing_fields` says what a delivery needs beside it."""

    name: Line | None = Field(None, description="Who receives it, when that is not the account itself.")
    lines: list[Line] = Field(default=[], max_length=4, examples=[["Obere Str. 57"]])
    city: Line | None = Field(None, examples=["Berlin"])
    region: Line | None = Field(None, description="State, province or county.")
    postal_code: Annotated[str, Field(min_length=1, max_length=20, examples=["12209"])] | None = None
    country: Country


def missing_fields(address: Mapping[str, Any] | None) -> list[str]:
    """Which fields a stored address lacks to be delivered to, in the order of the schema; all needed ones for None."""
    stored = address or {}
    needed = ["lines", "city", "postal_code", "country"]
    if stored.get("country") in _WITHOUT_POSTAL_CODES:
        needed.remove("postal_code")
    return [field for field in needed if not stored.get(field)]
