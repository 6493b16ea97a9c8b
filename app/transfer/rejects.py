"""The file of rejected rows: as they were, with the reason in front, so that they can be mended and sent again."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from app.kernel.bulk import Rejected
from app.transfer.reading import REASON, UNREADABLE, BadFile, Format, Record


def reason_of(rejected: Rejected, labels: Mapping[str, str]) -> str:
    """What is wrong with a row, each place by the name of its column; `labels`: columns by field."""
    said = []
    for error in rejected.errors:
        field = error.pointer.removeprefix("/").replace("/", ".")
        head = field.partition(".")[0]
        place = labels.get(field) or labels.get(head) or field
        said.append(f"{place}: {error.detail}" if place else error.detail)
    return "; ".join(dict.fromkeys(said))


class Rejects:
    """The open file; nothing is written without one, and none is left without a rejected row."""

    def __init__(
        self, path: Path | None, found: Format, columns: Sequence[str] | None, delimiter: str, kept: int
    ) -> None:
        """`kept`: how many bytes of it an earlier run is known to have written; what lies behind them is cut off.

        Raises:
            BadFile: it cannot be written, or is not the file of that earlier run.

        """
        self._path, self._format, self._columns, self._delimiter = path, found, columns, delimiter
        self._file = None
        if path is None:
            return
        try:
            self._file = path.open("r+b" if kept else "wb")
            if self._file.seek(0, io.SEEK_END) < kept:
                self._file.close()
                raise BadFile(f"{path} is not the file of rejected rows that this import began: name it, or --restart")
            self._file.truncate(kept)
            self._file.seek(kept)
        except OSError as error:
            raise BadFile(f"cannot write {path} ({error.strerror})") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is None or self._path is None:
            return
        written = self._file.tell()
        self._file.close()
        if not written:
            self._path.unlink()

    def write(self, rows: Iterable[tuple[Record, str]], *, at: int) -> int:
        """Add rows with their reasons behind so many bytes, for good; returns how long the file then is."""
        if self._file is None:
            return 0
        self._file.truncate(at)
        self._file.seek(at)
        for record, reason in rows:
            if self._format == "csv" and not self._file.tell():
                self._file.write(self._line([REASON, *(self._columns or ())]))
            self._file.write(self._csv(record, reason) if self._format == "csv" else _json(record, reason))
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def _csv(self, record: Record, reason: str) -> bytes:
        cells = record.raw
        if self._columns and REASON in self._columns and len(cells) > (at := self._columns.index(REASON)):
            cells = [*cells[:at], *cells[at + 1 :]]
        return self._line([reason, *cells])

    def _line(self, cells: Sequence[str]) -> bytes:
        columns = [cell for at, cell in enumerate(cells) if at == 0 or cell != REASON]
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter).writerow(columns)
        return text.getvalue().encode(errors="surrogateescape")


def _json(record: Record, reason: str) -> bytes:
    row: dict[str, Any] = record.raw if isinstance(record.raw, dict) else {UNREADABLE: record.raw}
    told = {REASON: reason} | {name: _plain(value) for name, value in row.items() if name != REASON}
    return json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\n"


def _plain(value: Any) -> Any:
    """The value as JSON has it: in place of what no field takes stands what it was."""
    if isinstance(value, slice):
        return value.stop
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
