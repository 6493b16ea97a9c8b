"""Files as they come: byte order marks, delimiters, quotes, bad lines, each a row that costs no other."""

from pathlib import Path
from typing import Any

import pytest

from app.transfer.reading import BadFile, Format, Record, format_of, opened


def records(
    tmp_path: Path, content: str | bytes, found: Format = "csv", delimiter: str = ",", **asked: Any
) -> list[Record]:
    file = tmp_path / "rows"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with opened(file, found, delimiter, **asked) as rows:
        return list(rows.records())


def values(found: list[Record]) -> list[dict[str, Any]]:
    return [dict(record.values) for record in found if record.wrong is None]


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_as_programs_write_it(tmp_path: Path, mark: str, end: str, delimiter: str) -> None:
    lines = [["name", "note"], ["Müller", '"two\nlines, one ""quote"""'], [], ["Ana", ""]]
    content = mark + end.join(delimiter.join(cells) for cells in lines)
    found = records(tmp_path, content, delimiter=delimiter)
    assert values(found) == [{"name": "Müller", "note": 'two\nlines, one "quote"'}, {"name": "Ana", "note": ""}]
    assert [(record.number, record.line) for record in found] == [(1, 2), (2, 5)]


def test_a_bad_row_of_csv_costs_no_other(tmp_path: Path) -> None:
    content = b'a,b\n1,2\nshort\nlong,row,here\n"open"quote,x\n\xfc,y\n3,4\n'
    found = records(tmp_path, content)
    assert values(found) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    wrong = [record.wrong for record in found if record.wrong]
    assert wrong[0] == "has 1 cells, the first line names 2 columns"
    assert wrong[1] == "has 3 cells, the first line names 2 columns"
    assert "is no CSV" in str(wrong[2])
    assert wrong[3] == "is not UTF-8"


def test_a_quote_that_never_ends_takes_no_more_than_a_cell_of_memory(tmp_path: Path) -> None:
    filler = "x" * 99 + "\n"
    found = records(tmp_path, 'a,b\n1,2\n"open,2\n' + filler * 20_000 + "3,4\n")
    assert found[0].values == {"a": "1", "b": "2"}
    assert "field larger than field limit" in str(found[1].wrong)
    assert found[-1].values == {"a": "3", "b": "4"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("a,,c\n", "column 2 has no name"),
        ("a,b,a\n", "names columns twice: a"),
        ("a,b\n".encode("utf-16"), "is not UTF-8"),
        (f"a\n{'x' * 1_000_001}\n", "longer than"),
    ],
    ids=["empty", "no name", "twice", "another encoding", "no lines"],
)
def test_a_file_that_is_none(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        records(tmp_path, content)


def test_lines_of_json(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1, "b": {"c": null}}\n\nno json\n[1]\n{"a": NaN}\n{"a": "\xff"}\n{"a": 2}'
    found = records(tmp_path, content, "ndjson")
    assert values(found) == [{"a": 1, "b": {"c": None}}, {"a": 2}]
    assert [(record.number, record.line) for record in found if record.wrong is None] == [(1, 1), (6, 7)]
    wrong = [str(record.wrong) for record in found if record.wrong]
    assert "the line is not JSON" in wrong[0]
    assert wrong[1] == "is no JSON object"
    assert "NaN" in wrong[2]
    assert "not UTF-8" in wrong[3]


def test_an_apostrophe_before_a_formula_is_taken_off_again(tmp_path: Path) -> None:
    content = "a,b,c,d\n'=1+1,''+49,'quoted',=1\n"
    assert records(tmp_path, content)[0].values == {"a": "=1+1", "b": "'+49", "c": "'quoted'", "d": "=1"}
    assert records(tmp_path, content, raw=True)[0].values["a"] == "'=1+1"


def test_the_format_is_that_of_the_name_unless_it_is_said(tmp_path: Path) -> None:
    assert [format_of(Path(name), None) for name in ("a.CSV", "a.ndjson", "a.jsonl")] == ["csv", "ndjson", "ndjson"]
    assert format_of(Path("a.txt"), "csv") == "csv"
    with pytest.raises(BadFile, match="say --format"):
        format_of(Path("a.txt"), None)
    with pytest.raises(BadFile, match="cannot read"), opened(tmp_path / "none.csv", "csv", ","):
        pass
