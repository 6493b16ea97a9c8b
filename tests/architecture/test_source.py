"""Rules about the source itself that neither ruff, mypy nor import-linter keep."""

import ast
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import PydanticInvalidForJsonSchema, TypeAdapter, ValidationError

from app.kernel.schema import Body, Query
from app.kernel.settings import Settings
from app.registry.routers import ROUTERS

ROOT = Path(__file__).parents[2]
APP = sorted((ROOT / "app").rglob("*.py"))
ALL = [*APP, *sorted((ROOT / "migrations").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(tree: ast.AST) -> list[ast.Attribute]:
    return [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]


@pytest.mark.parametrize("path", [path for path in APP if name(path) != "app/kernel/db.py"], ids=name)
def test_only_the_kernel_ends_a_transaction(path: Path) -> None:
    tree = ast.parse(path.read_text())
    ends = [call for call in calls(tree) if call.attr in {"commit", "rollback", "begin_twophase"}]
    assert [call.lineno for call in ends] == []


@pytest.mark.parametrize("path", APP, ids=name)
def test_refusals_are_raised_not_http_exceptions(path: Path) -> None:
    tree = ast.parse(path.read_text())
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and "HTTPException" in ast.dump(node)]
    assert raised == []
    if name(path) != "app/kernel/problems.py":  # which answers the framework's own
        assert "HTTPException" not in path.read_text()


@pytest.mark.parametrize("path", ALL, ids=name)
def test_no_file_outgrows_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_names_of_files_say_what_is_in_them() -> None:
    vague = {"utils", "util", "helpers", "helper", "constants", "common", "misc", "manager", "managers", "base"}
    assert [name(path) for path in APP if path.stem in vague] == []


@pytest.mark.parametrize("path", APP, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("path", [path for path in APP if name(path) != "app/kernel/clock.py"], ids=name)
def test_only_the_clock_asks_for_the_time(path: Path) -> None:
    """Whoever asks the system for the time cannot be told by a test or the demo that it is another."""
    asked = [call.lineno for call in calls(ast.parse(path.read_text())) if call.attr in {"now", "today", "utcnow"}
             and isinstance(call.value, ast.Name) and call.value.id in {"datetime", "date"}]  # fmt: skip
    assert asked == []


assert ROUTERS, "imported so that every schema is known"


def _received(base: type[Any]) -> list[type[Any]]:
    return [
        each for sub in base.__subclasses__() for each in (sub, *_received(sub)) if sub.__module__.startswith("app.")
    ]


def test_received_dates_keep_away_from_the_ends_of_the_calendar() -> None:
    """A bare `date` or `datetime` takes 9999-12-31, which the driver stores as infinity: use Day and Instant."""
    bare, seen = [], 0
    for schema in {*_received(Body), *_received(Query)}:
        for field, info in schema.model_fields.items():
            takes: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
            kinds = [fragment for fragment in ("datetime", "date") if f'"format":"{fragment}' in _schema(takes)]
            seen += len(kinds)
            for last in ("9999-12-31", "9999-12-31T23:59:59.999999Z") if kinds else ():
                with suppress(ValidationError):
                    takes.validate_python(last)
                    bare.append(f"{schema.__module__}.{schema.__name__}.{field}")
    assert bare == []
    assert seen > 10


def _schema(takes: TypeAdapter[Any]) -> str:
    with suppress(PydanticInvalidForJsonSchema):
        return json.dumps(takes.json_schema(), separators=(",", ":"))
    return ""


def test_the_readme_names_every_setting_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `{name.upper()}` |" in readme
        assert f"| {field.description} |" in readme
