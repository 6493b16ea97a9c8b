"""Imports and exports of tests, on the test's own transaction."""

import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.kernel.company import Company
from app.kernel.settings import Settings
from app.transfer import exporting, importing
from app.transfer.exports import EXPORTS
from app.transfer.importing import Request, Summary
from app.transfer.kinds import KINDS
from app.transfer.mapping import MappingFile
from app.transfer.reading import Format, format_of
from tests.conftest import BoundDatabase

Import = Callable[..., Awaitable[Summary]]
Export = Callable[..., Awaitable[str]]
Counts = tuple[int, int, int, int]


def counts(summary: Summary) -> Counts:
    """Created, updated, unchanged, rejected."""
    return summary.created, summary.updated, summary.unchanged, summary.rejected


@pytest.fixture
def company(settings: Settings) -> Company:
    return Company.of(settings)


@pytest.fixture
def import_(database: BoundDatabase, company: Company, tmp_path: Path) -> Import:
    """Imports a file, or a text as one; `mapping` as in a mapping file, `rejects` beside it."""

    async def run(
        kind: str, content: str | bytes | Path, mapping: dict[str, Any] | None = None, **asked: Any
    ) -> Summary:
        if isinstance(content, Path):
            file = content
        else:
            found: Format = asked.pop("format", "csv")
            file = tmp_path / f"{kind}.{found}"
            file.write_bytes(content if isinstance(content, bytes) else content.encode())  # noqa: ASYNC240 - a test's
        rules = MappingFile.model_validate(mapping or {})
        request = Request(
            kind=KINDS[kind],
            file=file,
            format=format_of(file, None),
            mapping=rules,
            rejects=tmp_path / "rejects",
            delimiter=asked.pop("delimiter", None) or rules.delimiter or ",",
            **asked,
        )
        return await importing.run(database, company, request, lambda _done, _of: None)

    return run


@pytest.fixture
def rejected(tmp_path: Path) -> Callable[[], str]:
    """What stands in the file of rejected rows; nothing when there is none."""
    file = tmp_path / "rejects"
    return lambda: file.read_text() if file.exists() else ""


@pytest.fixture
def export(database: BoundDatabase) -> Export:
    async def run(kind: str, written: Format = "csv", **asked: Any) -> str:
        output = BytesIO()
        await exporting.export(database, EXPORTS[kind], output, written=written, **asked)
        return output.getvalue().decode()

    return run


def ndjson(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
