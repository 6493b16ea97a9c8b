"""README's "Add a resource" page, taken at its word: its code is written to files, served and called."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import app
from app.kernel.db import Base
from tests.conftest import Live

_README = Path(__file__).parents[2] / "README.md"
_FILE = re.compile(r"^`(app/competitors/\w+\.py)`\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def competitors(tmp_path: Path) -> Iterator[Any]:
    files = dict(_FILE.findall(_README.read_text()))
    assert sum(len(text.splitlines()) for text in files.values()) < 140
    for name, text in {**files, "app/competitors/__init__.py": ""}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app.__path__.append(str(tmp_path / "app"))
    yield importlib.import_module("app.competitors.router")
    app.__path__.remove(str(tmp_path / "app"))
    Base.metadata.remove(Base.metadata.tables["competitors"])
    for name in [each for each in sys.modules if each.startswith("app.competitors")]:
        del sys.modules[name]


async def test_the_resource_of_the_readme_works(competitors: Any, live: Live) -> None:
    async with live.database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.tables["competitors"].create)
    live.app.include_router(competitors.routes)
    created = await live.client.post("/v1/competitors", json={"name": "Exotic Liquids"})
    assert (created.status_code, created.headers["etag"]) == (201, '"v1"')
    url = created.headers["location"]
    changed = await live.client.patch(url, json={"website": "https://example.com"}, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.json()["website"]) == (200, "https://example.com")
    assert (await live.client.patch(url, json={"name": "X"}, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await live.client.get("/v1/competitors", params={"name": "Exotic Liquids"})).json()["data"] == [
        changed.json()
    ]
    taken = await live.client.post("/v1/competitors", json={"name": "Exotic Liquids"})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/name")
    wrong = await live.client.post("/v1/competitors", json={"nmae": "typo"})
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/name", "/nmae"}
