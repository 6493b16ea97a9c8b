"""Examples of whole bodies, made of the examples that stand on their fields.

A field without one takes that of a field of the same name in the schema whose name is most alike, so `AccountRead`
shows what `AccountCreate` was sent. A body to send holds its required fields and those that have an example of their
own; an answer holds all fields.
"""

from collections import defaultdict
from itertools import takewhile
from typing import Any
from zlib import crc32

Schema = dict[str, Any]

_FORMATS = {"date": "2026-03-02", "date-time": "2026-03-02T09:30:00Z"}


def _branches(schema: Schema) -> list[Schema]:
    return [each for key in ("anyOf", "oneOf") for each in schema.get(key, ()) if each.get("type") != "null"]


def _nullable(schema: Schema) -> bool:
    return any(each.get("type") == "null" for each in schema.get("anyOf", ()))


def _own(schema: Schema) -> list[Any]:
    """The examples on the schema itself, or on what it is when it is not null."""
    found: list[Any] = schema.get("examples", [])
    return found or [example for branch in _branches(schema) for example in branch.get("examples", ())]


def _alike(one: str, other: str) -> int:
    """How many letters two names begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class Examples:
    """Makes examples from the schemas of one API description."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas
        self._named: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for name, schema in schemas.items():
            for field, described in schema.get("properties", {}).items():
                self._named[field] += [(name, example) for example in _own(described)[:1]]

    def sent(self, schema: Schema) -> Any:
        """A body to send."""
        return self._value(schema, field="", within="", sending=True)

    def answered(self, schema: Schema) -> Any:
        """An answer."""
        return self._value(schema, field="", within="", sending=False)

    def _value(self, schema: Schema, *, field: str, within: str, sending: bool) -> Any:
        if own := _own(schema):
            return own[0]
        if fixed := schema.get("enum", [schema["const"]] if "const" in schema else None):
            return fixed[0]
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._value(self._schemas[name], field=field, within=name, sending=sending)
        if branches := _branches(schema):
            if _nullable(schema) and not sending:
                return None
            return self._value(branches[0], field=field, within=within, sending=sending)
        match schema.get("type"):
            case "object":
                return self._object(schema, within=within, sending=sending)
            case "array":
                return [self._value(schema["items"], field=field, within=within, sending=sending)]
            case "string":
                return self._text(schema, field=field, within=within)
        return False if schema["type"] == "boolean" else int(schema.get("minimum", 1))

    def _object(self, schema: Schema, *, within: str, sending: bool) -> dict[str, Any]:
        properties: dict[str, Schema] = schema.get("properties", {})
        required = schema.get("required", ())
        shown = [name for name, each in properties.items() if not sending or name in required or _own(each)]
        return {
            name: self._value(properties[name], field=name, within=within, sending=sending)
            for name in shown or list(properties)[:1]
        }

    def _text(self, schema: Schema, *, field: str, within: str) -> str:
        if schema.get("format") == "uuid":
            return f"0198c1de-0000-7000-8000-{crc32(field.encode()):012x}"
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        alike = max(self._named[field], key=lambda named: _alike(named[0], within), default=None)
        if alike is None or not isinstance(alike[1], str):
            raise LookupError(f"{within}.{field} needs an example, for no other field of this name has one")
        return alike[1]
