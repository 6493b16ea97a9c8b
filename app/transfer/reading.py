"""Files of rows, read as they are needed: CSV with a header, or one JSON object a line."""

import csv
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, Literal, Self

from app.kernel.errors import Malformed
from app.kernel.text import parse, readable

Format = Literal["csv", "ndjson"]

REASON = "reject_reason"
"""The column in which a rejected row says why; read again it is passed over."""

UNREADABLE = "reject_line"
"""The field of a rejected line of NDJSON that is no object: what stood there."""

_LONGEST = 1_000_000  # characters of one line, or of one cell
_BLOCK = 1 << 20
_ESCAPED = ("=", "+", "-", "@", "\t", "\r")


class BadFile(Exception):  # noqa: N818 - names what it reports
    """The file, or what is said about it, is not usable as a whole; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: the how manieth, where it begins, its values by column, or what is wrong with it.

    `raw` is what stands there: the cells, the object, or the line that is neither.
    """

    number: int
    line: int
    values: Mapping[str, Any]
    raw: Any
    wrong: str | None = None


def format_of(path: Path, given: Format | None) -> Format:
    """The format that was given, or else that of the file's name."""
    if given is not None:
        return given
    found: Mapping[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
    if path.suffix.lower() not in found:
        raise BadFile(f"{path.name} ends neither in .csv nor in .ndjson: say --format")
    return found[path.suffix.lower()]


def digest_of(path: Path) -> str:
    """The SHA-256 of the file."""
    found = hashlib.sha256()
    with _opened(path) as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def is_escaped(cell: str) -> bool:
    """Whether a spreadsheet takes the cell for a formula, or an apostrophe stands before one that it would."""
    return cell.lstrip("'").startswith(_ESCAPED)


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadFile(f"cannot read {path} ({error.strerror})") from None


class _File(ABC):
    """An open file, and how far it has been read."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        self.size = path.stat().st_size
        self.columns: list[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def bytes_read(self) -> int:
        return self._file.tell()

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """The rows in their order; blank lines are none."""


class CsvFile(_File):
    """CSV by RFC 4180 in UTF-8, with or without a byte order mark. The first line names the columns."""

    def __init__(self, path: Path, delimiter: str, *, raw: bool = False) -> None:
        super().__init__(path)
        text = TextIOWrapper(self._file, "utf-8-sig", errors="surrogateescape", newline="")
        self._text = text
        self._line = 0
        self._taken = str if raw else _unescaped
        self._lines: list[str] = []
        csv.field_size_limit(_LONGEST)
        self._reader = csv.reader(self._read_lines(), delimiter=delimiter, strict=True)
        try:
            self.columns = self._header()
        except BadFile:
            text.close()
            raise

    @property
    def bytes_read(self) -> int:
        return self._text.buffer.tell()

    def _read_lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST):
            self._line += 1
            if len(line) == _LONGEST and not line.endswith("\n"):
                raise BadFile(f"line {self._line} is longer than {_LONGEST:,} characters: is this a CSV file?")
            self._lines.append(line)
            yield line

    def _header(self) -> list[str]:
        try:
            header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise BadFile(f"the first line is no CSV header: {error}") from None
        if not header:
            raise BadFile("the file is empty: its first line must name the columns")
        if not _is_text("".join(header)):
            raise BadFile("the file is not UTF-8: save it as UTF-8")
        if "" in header:
            raise BadFile(f"column {header.index('') + 1} has no name in the first line")
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise BadFile(f"the first line names columns twice: {', '.join(twice)}")
        return header

    def records(self) -> Iterator[Record]:
        number = 0
        while True:
            self._lines.clear()
            begins = self._line + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                raw = "".join(self._lines).rstrip("\r\n")
                yield Record(number, begins, {}, [raw], f"is no CSV: {error}")
                continue
            if cells:
                number += 1
                yield self._record(number, begins, cells)

    def _record(self, number: int, line: int, cells: list[str]) -> Record:
        columns = self.columns or []
        wrong = None
        if len(cells) != len(columns):
            wrong = f"has {len(cells)} cells, the first line names {len(columns)} columns"
        elif not all(map(_is_text, cells)):
            wrong = "is not UTF-8"
        return Record(
            number, line, {c: readable(self._taken(v)) for c, v in zip(columns, cells, strict=False)}, cells, wrong
        )


class NdjsonFile(_File):
    """One JSON object a line, in UTF-8."""

    def records(self) -> Iterator[Record]:
        number = line = 0
        while raw := self._file.readline(_LONGEST):
            line += 1
            if len(raw) == _LONGEST and not raw.endswith(b"\n"):
                raise BadFile(f"line {line} is longer than {_LONGEST:,} bytes: is this one JSON object a line?")
            stripped = raw.removeprefix(b"\xef\xbb\xbf").strip() if line == 1 else raw.strip()
            if stripped:
                number += 1
                yield _json_record(number, line, stripped)


def _json_record(number: int, line: int, raw: bytes) -> Record:
    shown = raw.decode(errors="replace")
    try:
        found = parse(raw)
    except Malformed as error:
        return Record(number, line, {}, shown, error.detail.replace("the body", "the line"))
    if not isinstance(found, dict):
        return Record(number, line, {}, shown, "is no JSON object")
    return Record(number, line, found, found)


def opened(path: Path, found: Format, delimiter: str, *, raw: bool = False) -> CsvFile | NdjsonFile:
    """The file, to be read; `raw`: the cells of CSV as they stand, with apostrophes before formulas.

    Raises:
        BadFile: it cannot be read, or its first line names no columns.

    """
    return CsvFile(path, delimiter, raw=raw) if found == "csv" else NdjsonFile(path)


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _unescaped(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from calculating; see `exporting`."""
    return cell[1:] if cell[:1] == "'" and is_escaped(cell) else cell
