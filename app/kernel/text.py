"""Characters that no field takes: NUL and other controls, and halves of surrogate pairs.

PostgreSQL refuses the first, UTF-8 the last; both are found here, in one place, with the place named.
"""

import json
import re
from typing import Any, NoReturn

from app.kernel.errors import FieldError, Invalid, Malformed

_SUSPECT = re.compile(rb"\\u(?:00[01]|007f|[dD][89a-fA-F])|\x7f", re.IGNORECASE)
_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BAD_ESCAPE = re.compile(rb"%(?:[01][0-9a-fA-F]|7[fF])")


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"the body is not JSON: {name} is no JSON number")


def parse(body: bytes) -> Any:
    """The JSON in a body.

    Raises:
        json.JSONDecodeError: it is none.
        Malformed: it holds NaN or Infinity, is nested too deeply, is no UTF-8, or has a number of absurd length.
        Invalid: a string holds a control character; the place is named.

    """
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    except (RecursionError, ValueError):
        raise Malformed("the body is nested too deeply or holds a number of absurd length") from None
    if _SUSPECT.search(body):
        _walk(document, "")
    return document


def _walk(value: Any, pointer: str) -> None:
    if isinstance(value, str):
        if _BAD.search(value):
            detail = "holds a control character or half a surrogate pair"
            raise Invalid(f"{pointer}: {detail}", errors=[FieldError(pointer, "control_character", detail)])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _walk(key, f"{pointer}/{ascii(key)[1:-1]}")
            _walk(item, f"{pointer}/{key}")


def check_url(raw_path: bytes, query: bytes) -> None:
    """Raises Invalid when the path or the query holds an escaped control character or is no UTF-8."""
    for place, raw in (("path", raw_path), ("query", query)):
        if _BAD_ESCAPE.search(raw):
            raise Invalid.at(place, "control_character", "holds a control character")
