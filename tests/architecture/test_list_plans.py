"""Every list is read in the order of an index, from the place where the cursor left it: the plans of second pages.

The feed's plans, which have more to them, are in `tests/integration/test_feed_plans.py`.
"""

from collections.abc import Collection, Iterator
from typing import Any

import pytest
from fastapi.routing import RouteContext

from app.kernel.settings import Settings
from tests.benchmarks.asking import Question, lists, questions
from tests.benchmarks.filling import fill
from tests.benchmarks.reading import Reader, Sent, reader
from tests.conftest import Server

_ROWS = 1000
_LIMIT = 10
_STANDING = "(merged_into_id IS NULL)"  # of nearly all rows, so that next to none is read for nothing
_IN_ORDER = {"Index Scan", "Index Only Scan"}


@pytest.fixture(scope="module")
def filled(server: Server) -> Iterator[str]:
    name = server.clone()
    fill(server.database(name), _ROWS)
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


def _paged(found: Reader) -> list[RouteContext]:
    return [route for route in lists(found.app) if route.path != "/v1/events"]


def _asked(route: RouteContext) -> Collection[Question]:
    """What an index is promised for, each in one direction: the other one reads the same index backwards."""
    indexed = [each for each in questions(route) if each.indexed]
    return {(str(each.filters), (each.sort or "").removeprefix("-")): each for each in indexed}.values()


async def test_every_list_is_read_in_the_order_of_an_index(filled: str, settings: Settings) -> None:
    checked: dict[str, int] = {}
    async with reader(filled, settings.data_dir) as found:
        for question in (each for route in _paged(found) for each in _asked(route)):
            second = await _second_page(found, question)
            if second is not None:
                wrong = _wrong(await found.plan(second))
                assert not wrong, f"{question.route}, {question}: {wrong}"
                checked[question.route] = checked.get(question.route, 0) + 1
        assert set(checked) == {str(route.path) for route in _paged(found)}
    assert sum(checked.values()) > 75


async def _second_page(found: Reader, question: Question) -> Sent | None:
    """The statement that reads it; None when the filters leave no more than one."""
    path, parameters = question.path(_ROWS), question.parameters(_ROWS)
    answer, _ = await found.ask(path, parameters, limit=_LIMIT)
    if not answer["has_more"]:
        return None
    answer, sent = await found.ask(path, parameters | {"cursor": answer["next_cursor"]}, limit=_LIMIT)
    assert answer["data"]
    (page,) = [each for each in sent if _LIMIT + 1 in each.values]
    return page


def _wrong(plan: dict[str, Any]) -> str:
    """What is wrong with the plan, but for what is read of each row once it is chosen."""
    node = plan
    while node["Node Type"] not in _IN_ORDER:
        if "Sort" in node["Node Type"]:
            return f"sorted by {node['Sort Key']}"
        driving = [child for child in node.get("Plans", ()) if child["Parent Relationship"] in {"Outer", "Subquery"}]
        if len(driving) != 1:
            return f"read by {node['Node Type']}"
        (node,) = driving
    if not any(each in node.get("Index Cond", "") for each in (" > ", " < ")):
        return f"read by {node['Index Name']} from its beginning: {node.get('Index Cond')}"
    filtered = node.get("Filter", "SubPlan").replace(_STANDING, "SubPlan")
    if "SubPlan" not in filtered:
        return f"read by {node['Index Name']}, and most of it for nothing: {node['Filter']}"
    return ""
