"""What request and answer bodies are made of: base classes and the field types that domains share."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from babel import Locale
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from app.kernel.contact import normalise_email
from app.kernel.money import minor_units

_COUNTRIES = frozenset(code for code in Locale("en").territories if len(str(code)) == 2)  # noqa: PLR2004 - ISO alpha-2


class Read(BaseModel):
    """Base of everything answered. Decimals travel as strings, times as RFC 3339 in UTC."""

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True)


class Body(BaseModel):
    """Base of everything received: unknown fields are an error, surrounding spaces are not kept."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class FieldProblem(BaseModel):
    """One wrong place in the request."""

    pointer: str = Field(
        description="JSON pointer into the body, or a parameter's name.", examples=["/lines/0/quantity"]
    )
    code: str = Field(examples=["greater_than"])
    detail: str = Field(examples=["Input should be greater than 0"])


def unset(**described: Any) -> Any:
    """The default of a PATCH field that may be left out but not cleared; its type does not include `None`."""
    return Field(default=None, **described)


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Body):
    """Base of a PATCH body: only the fields that were sent change, `null` clears those that may be empty."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    def sent(self) -> dict[str, Any]:
        """The fields that the caller sent, by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Query(BaseModel):
    """Base of a list's filters: unknown parameters are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200, description="Most rows to answer.")] = 50
    cursor: Annotated[
        str | None, Field(max_length=2000, description="`next_cursor` of the page before; same filters and sort.")
    ] = None


def _no_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('must be a string such as "12.50", not a floating-point number')  # noqa: TRY004 - Pydantic's
    return value


def _plain(value: Decimal) -> str:
    return format(value, "f")


_Decimal = Annotated[
    Decimal,
    BeforeValidator(_no_float, json_schema_input_type=str),
    PlainSerializer(_plain, return_type=str, when_used="json"),
]


def _currency(code: str) -> str:
    minor_units(code)
    return code


def _country(code: str) -> str:
    if code not in _COUNTRIES:
        raise ValueError("is no ISO 3166-1 alpha-2 country code")
    return code


_FIRST, _LAST = date(1900, 1, 1), date(2999, 12, 31)


def _day(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"must lie between {_FIRST} and {_LAST}; leave out an end that is not known")
    return day


def _instant(instant: datetime) -> datetime:
    _day(instant.date())
    return instant.astimezone(UTC)


Amount = Annotated[_Decimal, Field(max_digits=18, decimal_places=4, examples=["1250.00"])]
"""An amount of money, or a price; its currency stands in a field beside it."""

Quantity = Annotated[_Decimal, Field(max_digits=14, decimal_places=4, examples=["12"])]
PositiveQuantity = Annotated[_Decimal, Field(gt=0, max_digits=14, decimal_places=4, examples=["12"])]
Fraction = Annotated[_Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6, examples=["0.05"])]
Rate = Annotated[_Decimal, Field(gt=0, max_digits=18, decimal_places=10, examples=["1.0842"])]

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"]), AfterValidator(_currency)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"]), AfterValidator(_country)]
Email = Annotated[
    str,
    Field(max_length=320, examples=["ana@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(normalise_email),
]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$", examples=["SPRING-26"])]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Instant = Annotated[AwareDatetime, AfterValidator(_instant)]
"""A time with its offset; kept and answered in UTC."""

Day = Annotated[date, AfterValidator(_day)]
"""A business date. The driver takes the calendar's very first and last day for infinity, and sums overflow there."""


class Stamped(Read):
    """What every stored resource answers beside its own fields."""

    id: UUID
    version: Annotated[int, Field(description="Counts the changes; the ETag is made of it.")]
    created_at: datetime
    updated_at: datetime
