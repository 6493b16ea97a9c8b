"""What request and answer bodies are made of: base classes and the field types that domains share."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from babel.core import get_global
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.kernel import clock
from app.kernel.contact import normalise_email
from app.kernel.money import minor_units

_NO_COUNTRIES = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB ZZ".split())  # noqa: SIM905 - CLDR has them, ISO does not
_COUNTRIES = frozenset(c for c in get_global("territory_languages") if len(c) == 2) - _NO_COUNTRIES  # noqa: PLR2004 - alpha-2


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


_PAGING = {"limit", "cursor", "sort"}


class Query(BaseModel):
    """Base of a list's filters: unknown parameters are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200, description="Most rows to answer.")] = 50
    cursor: Annotated[
        str | None, Field(max_length=2000, description="`next_cursor` of the page before; same filters and sort.")
    ] = None

    def asked(self) -> dict[str, Any]:
        """The filters that are set, by name."""
        return {name: value for name, value in self if name not in _PAGING and value is not None}

    def filters(self) -> str:
        """What is asked for, whichever page of it."""
        return self.model_dump_json(exclude={"limit", "cursor"})


MOST_FOUND = 10_000
"""So many rows may have the words that a list is asked for."""


def words_of(columns: str) -> str:
    """Describes the filter `words` of a list."""
    return f"Each must begin a word of {columns}. More than {MOST_FOUND:,} rows with them are refused."


_SPARE_ZEROS = 20
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"


def _plain(value: Decimal) -> str:
    return format(value, "f")


@dataclass(frozen=True, slots=True)
class Written:
    """A decimal that travels as a string such as "12.50": a JSON number becomes a binary one in many a reader.

    The limits are those of what is received; what we compute ourselves may be larger. The API description states them
    as a pattern, for pydantic's own keywords for decimals are no JSON Schema.
    """

    example: str
    whole: int
    places: int
    least: Literal["any", "zero", "more than zero"] = "any"
    most: int | None = None

    @property
    def pattern(self) -> str:
        """What is received, but for a limit above zero."""
        sign = "-?" if self.least == "any" else ""
        whole = f"(0|[1-9][0-9]{{0,{self.whole - 1}}})" if self.most is None else f"[0-{self.most}]"
        return rf"^{sign}{whole}(\.[0-9]{{1,{self.places}}}0{{0,{_SPARE_ZEROS}}})?$"

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        written = re.compile(self.pattern)

        def read(value: object) -> Decimal:
            if isinstance(value, Decimal):
                return value
            if not isinstance(value, str) or not written.match(value) or value.endswith("\n"):
                raise PydanticCustomError(
                    "decimal",
                    'must be a string such as "{example}", up to {whole} digits before the point and {places} after',
                    {"example": self.example, "whole": self.whole, "places": self.places},
                )
            number = Decimal(value)
            if len(value.partition(".")[2]) > self.places:  # only zeros go
                number = number.quantize(Decimal(1).scaleb(-self.places))
            if self.least == "more than zero" and not number:
                raise PydanticCustomError("greater_than", "must be more than 0")
            if self.most is not None and number > self.most:
                raise PydanticCustomError("less_than_equal", "must be {most} at most", {"most": self.most})
            return number

        return core_schema.no_info_before_validator_function(
            read,
            core_schema.any_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _plain, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        pattern = self.pattern if handler.mode == "validation" else _PLAIN
        own = {"type": "string", "format": "decimal", "pattern": pattern, "examples": [self.example]}
        return own | handler(schema)  # what a field says beside the type counts


def _currency(code: str) -> str:
    minor_units(code)
    return code


def _country(code: str) -> str:
    if code not in _COUNTRIES:
        raise ValueError("is no ISO 3166-1 alpha-2 country code")
    return code


_FIRST, _LAST = date(1900, 1, 1), date(2999, 12, 31)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _dated(value: object) -> object:
    """Pydantic would take a number, also one in a string, for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise PydanticCustomError("date", 'must be a date or time such as "2026-03-02" or "2026-03-02T09:30:00Z"')


def _day(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"must lie between {_FIRST} and {_LAST}; leave out an end that is not known")
    return day


def _instant(instant: datetime) -> datetime:
    _day(instant.date())
    return instant.astimezone(UTC)


CLOCKS_DIFFER = timedelta(minutes=1)
"""By so much another system's clock may be ahead of ours."""


def _past(instant: datetime) -> datetime:
    now = clock.now()
    if instant > now + CLOCKS_DIFFER:
        raise ValueError("lies in the future")
    return min(instant, now)


Amount = Annotated[Decimal, Written("1250.00", whole=14, places=4)]
"""An amount of money, or a price; its currency stands in a field beside it."""

NonNegativeAmount = Annotated[Decimal, Written("1250.00", whole=14, places=4, least="zero")]

Quantity = Annotated[Decimal, Written("12", whole=10, places=4)]
NonNegativeQuantity = Annotated[Decimal, Written("12", whole=10, places=4, least="zero")]
PositiveQuantity = Annotated[Decimal, Written("12", whole=10, places=4, least="more than zero")]
Fraction = Annotated[Decimal, Written("0.05", whole=1, places=6, least="zero", most=1)]
Rate = Annotated[Decimal, Written("1.0842", whole=8, places=10, least="more than zero")]

Whole = Annotated[int, Field(strict=True)]
"""A whole number in a body; neither "5" nor true is one."""

Flag = Annotated[bool, Field(strict=True)]
"""True or false in a body; neither "yes" nor 1 is one."""

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
Instant = Annotated[AwareDatetime, BeforeValidator(_dated), AfterValidator(_instant)]
"""A time with its offset; kept and answered in UTC."""

Past = Annotated[
    Instant,
    AfterValidator(_past),
    Field(description="Not in the future; up to a minute ahead counts as now, for clocks differ."),
]
"""When something happened. Nothing is dated in the future: what is counted or moved then would be missed until then."""

Day = Annotated[date, BeforeValidator(_dated), AfterValidator(_day)]
"""A business date. The driver takes the calendar's very first and last day for infinity, and sums overflow there."""


class Called(Body):
    """What a row of many may say about which one it is: our id, or that of the system it comes from."""

    id: UUID | None = Field(None, description="One that is there.")
    source: Code | None = Field(None, description="The system in which it has the `external_id`.")
    external_id: Line | None = None

    @model_validator(mode="after")
    def _id_has_source(self) -> Self:
        if self.external_id is not None and self.source is None:
            raise ValueError("external_id goes with a source: the system in which it is the id")
        return self


class Stamped(Read):
    """What every stored resource answers beside its own fields."""

    id: UUID
    version: Annotated[int, Field(description="Counts the changes; the ETag is made of it.")]
    created_at: datetime
    updated_at: datetime
