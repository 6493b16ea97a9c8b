"""The export of what can be imported: a page of rows at a time, so that memory does not grow with the table."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, BinaryIO

from sqlalchemy import ColumnElement, Text, bindparam, cast, select

from app.kernel.db import Database
from app.transfer.exports import Export
from app.transfer.reading import BadFile, Format, is_escaped

PAGE = 1000


async def export(
    database: Database,
    kind: Export,
    output: BinaryIO,
    *,
    written: Format,
    delimiter: str = ",",
    raw: bool = False,
    where: Mapping[str, str] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the rows, the oldest first, of those with these values; returns how many they are.

    Each page sees what is committed by then: what changes meanwhile is in it as it was or as it is. In CSV a text that
    a spreadsheet would calculate (`=`, `+`, `-`, `@` in front) gets an apostrophe, which the import takes off again;
    with `raw` neither.

    Raises:
        BadFile: a filter names no field.

    """
    if unknown := sorted((where or {}).keys() - kind.fields.keys()):
        raise BadFile(f"there is no field {', '.join(unknown)}: there are {', '.join(kind.fields)}")
    writer = _Csv(kind.columns, delimiter, raw=raw) if written == "csv" else _Ndjson()
    output.write(writer.head())
    count = 0
    async for page in _pages(database, kind, where or {}):
        output.write(b"".join(map(writer.line, page)))
        count += len(page)
        progress(count)
    return count


async def _pages(database: Database, kind: Export, where: Mapping[str, str]) -> AsyncIterator[Sequence[dict[str, Any]]]:
    key: ColumnElement[Any] = kind.model.id  # type: ignore[attr-defined]
    labelled = [column.label(name) for name, column in kind.fields.items()]
    every = select(key.label("page_key"), *labelled).select_from(kind.model).where(*kind.conditions)
    every = every.where(*(cast(kind.fields[name], Text) == value for name, value in where.items()))
    first = every.order_by(key).limit(PAGE)
    further = first.where(key > bindparam("behind", type_=key.type))
    last = None
    while True:
        async with database.read() as connection:
            found = await connection.execute(*((first,) if last is None else (further, {"behind": last})))
            rows = [dict(row) for row in found.mappings()]
        if rows:
            last = rows[-1]["page_key"]
            for row in rows:
                del row["page_key"]
            yield rows
        if len(rows) < PAGE:
            return


class _Ndjson:
    """One JSON object a line."""

    def head(self) -> bytes:
        return b""

    def line(self, row: Mapping[str, Any]) -> bytes:
        return json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False).encode() + b"\n"


class _Csv:
    """CSV with a header; what has fields of its own takes a column for each."""

    def __init__(self, columns: Sequence[str], delimiter: str, *, raw: bool) -> None:
        self._columns = columns
        self._delimiter = delimiter
        self._raw = raw

    def head(self) -> bytes:
        return self._written(self._columns)

    def line(self, row: Mapping[str, Any]) -> bytes:
        return self._written([self._cell(self._value(row, column)) for column in self._columns])

    def _value(self, row: Mapping[str, Any], column: str) -> Any:
        if column in row:
            return row[column]
        whole, _, part = column.partition(".")
        return (row[whole] or {}).get(part)

    def _cell(self, value: Any) -> str:
        if value is None or value in ([], {}):
            return ""
        plain = _plain(value)
        if isinstance(plain, bool):
            return "true" if plain else "false"
        if isinstance(plain, (dict, list)):
            return json.dumps(plain, ensure_ascii=False)
        text = str(plain)
        calculated = not self._raw and isinstance(value, str) and is_escaped(text)
        return f"'{text}" if calculated else text

    def _written(self, cells: Sequence[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter).writerow(cells)
        return text.getvalue().encode()


def _plain(value: Any) -> Any:
    """The value as JSON has it, and as the import reads it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str, dict, list)):
        return value
    return str(value)
