"""What no field takes: NUL and other control characters, halves of surrogate pairs, numbers beyond all range.

PostgreSQL, UTF-8 and JSON refuse them; they are found here, once for all fields, with the place named.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from app.kernel.errors import FieldError, Invalid, Malformed

_SUSPECT = re.compile(r"\\u(?:00[01]|007f|d[89a-f])|\x7f", re.IGNORECASE)
_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BAD_ESCAPE = re.compile(rb"%(?:[01][0-9a-fA-F]|7[fF])")


# A slice stands for a value that no field takes, so that each field, or each row of many, refuses it by itself. It is
# the one builtin that no schema accepts in any mode: FastAPI would look for a model's fields on an object of our own.
CONTROL_CHARACTER = slice("control_character", "holds a control character or half a surrogate pair")
OUT_OF_RANGE = slice("out_of_range", "is a number too large")


def field_error(pointer: str, error: Mapping[str, Any]) -> FieldError:
    """What Pydantic found wrong with a field."""
    value = error.get("input")
    if isinstance(value, slice):
        return FieldError(pointer, value.start, value.stop)
    return FieldError(pointer, error["type"], error["msg"].removeprefix("Value error, "))


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"the body is not JSON: {name} is no JSON number")


def _number(text: str) -> float | slice:
    number = float(text)
    return number if math.isfinite(number) else OUT_OF_RANGE


# Made once: a decoder made for each body costs as much as a small one takes to read.
_JSON = json.JSONDecoder(parse_float=_number, parse_constant=_no_constant)


def parse(body: bytes) -> Any:
    """The JSON in a body; in place of what no field takes stands a slice, which its field then refuses.

    Raises:
        Malformed: it is none, holds NaN, is nested too deeply, is no UTF-8, or has a number of absurd length.

    """
    try:
        text = body.decode()  # json.loads would take halves of surrogate pairs in bytes, and guess at UTF-16
        document = _JSON.decode(text)
        if ("\\u" in text or "\x7f" in text) and _SUSPECT.search(text):
            document = readable(document)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno} (character {error.pos})"
        raise Malformed(f"the body is not JSON: {error.msg} at {place}") from None
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except (RecursionError, ValueError):
        raise Malformed("the body is nested too deeply or holds a number of absurd length") from None
    return document


def readable(value: Any) -> Any:
    """The value, in place of what no field takes a slice."""
    if isinstance(value, str):
        return CONTROL_CHARACTER if _BAD.search(value) else value
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return {
            ascii(key)[1:-1] if _BAD.search(key) else key: CONTROL_CHARACTER if _BAD.search(key) else readable(item)
            for key, item in value.items()
        }
    return value


def check_url(raw_path: bytes, query: bytes) -> None:
    """Raises Invalid when the path or the query holds an escaped control character or is no UTF-8."""
    for place, raw in (("path", raw_path), ("query", query)):
        if _BAD_ESCAPE.search(raw):
            raise Invalid.at(place, "control_character", "holds a control character")
        if not raw.isascii() or (b"%" in raw and not _is_utf8(unquote_to_bytes(raw))):
            raise Invalid.at(place, "encoding", "is not percent-encoded UTF-8")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
