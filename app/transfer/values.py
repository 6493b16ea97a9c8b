"""What stands in a cell as what a field takes: dates as they are written elsewhere, decimal commas, yes and no."""

import re
import types
import typing
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel

from app.kernel.errors import Malformed
from app.kernel.text import parse

Shape = Literal["text", "decimal", "whole", "flag", "day", "instant", "structure"]

_WORDS = re.compile("[a-z0-9]+")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_YES = {"true", "yes", "y", "1", "t"}
_NO = {"false", "no", "n", "0", "f"}
_SPACES = " \u00a0\u202f'"


class Unreadable(ValueError):  # noqa: N818 - says what is wrong
    """The value is not written as the mapping says; the message says how it should be."""


def slug(text: str) -> str:
    """The words of a text, small and plain, joined by points: `Mei-Mei Müller` is `mei.mei.muller`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return ".".join(_WORDS.findall(plain))


def shape_of(annotation: Any) -> Shape:
    """Which kind of value a field of a schema takes."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return shape_of(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return next(shape_of(part) for part in typing.get_args(annotation) if part is not type(None))
    if origin in (list, dict, tuple):
        return "structure"
    if annotation is AwareDatetime:
        return "instant"
    if isinstance(annotation, type):
        # In this order: a flag is a whole number and an instant a day for Python.
        kinds: tuple[tuple[type, Shape], ...] = (
            (Enum, "text"), (bool, "flag"), (int, "whole"), (Decimal, "decimal"), (datetime, "instant"), (date, "day"),
            (BaseModel, "structure"),
        )  # fmt: skip
        return next((shape for kind, shape in kinds if issubclass(annotation, kind)), "text")
    return "text"


def parts_of(annotation: Any) -> dict[str, Shape]:
    """The fields of a field that has some, such as an address, and what each takes."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: shape_of(field.annotation) for name, field in annotation.model_fields.items()}
    if typing.get_origin(annotation) in (list, dict, tuple):
        return {}
    return next((found for part in typing.get_args(annotation) if (found := parts_of(part))), {})


class Reader:
    """Reads values of one field."""

    def __init__(
        self,
        shape: Shape,
        *,
        dates: Sequence[str] = (),
        decimal: str = ".",
        thousands: str = "",
        separator: str | None = None,
        timezone: str = "UTC",
    ) -> None:
        self._dates = dates
        self._point = decimal
        self._dropped = str.maketrans(dict.fromkeys(_SPACES + thousands))
        self._plain = decimal == "." and not thousands
        self._separator = separator
        self._timezone = timezone
        self.read: Callable[[Any], Any] = getattr(self, f"_{shape}")

    def _text(self, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def _pointed(self, value: str) -> str:
        return value.translate(self._dropped).replace(self._point, ".")

    def _decimal(self, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return format(Decimal(repr(value)), "f")
        if not isinstance(value, str) or self._plain:
            return value
        return self._pointed(value)

    def _whole(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        plain = value if self._plain else self._pointed(value)
        return int(plain) if len(plain) < 20 and _WHOLE.fullmatch(plain) else value  # noqa: PLR2004 - a bigint's digits

    def _flag(self, value: Any) -> Any:
        said = value.strip().lower() if isinstance(value, str) else None
        return True if said in _YES else False if said in _NO else value

    def _day(self, value: Any) -> Any:
        return self._parsed(value).date() if self._dates and isinstance(value, str) else value

    def _instant(self, value: Any) -> Any:
        if not self._dates or not isinstance(value, str):
            return value
        parsed = self._parsed(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(self._timezone))

    def _parsed(self, value: str) -> datetime:
        for form in self._dates:
            try:
                return datetime.strptime(value.strip(), form)  # noqa: DTZ007 - the caller knows the zone
            except ValueError:
                continue
        raise Unreadable(f"must be written as {' or '.join(self._dates)}, not {value!r}")

    def _structure(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if text.startswith(("[", "{")):
            try:
                return parse(text.encode(errors="surrogatepass"))
            except Malformed as error:
                raise Unreadable(error.detail.replace("the body", "the cell")) from None
        separator = self._separator or ";"
        return [part.strip() for part in text.split(separator) if part.strip()]
