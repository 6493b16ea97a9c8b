"""What every route owes to its callers and to the teams that generate clients from the description."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel

from app.kernel.http import Requires, Route
from app.kernel.pagination import Page
from app.kernel.repository import Repository
from app.kernel.settings import Settings
from app.main import create_app

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
REPORTS = ("/production/requirements", "/history")  # groups and events, in an order of their own
OF_TWO = {
    "POST /v1/leads",  # captures, and shows what was known
    "POST /v1/leads/{lead_id}/convert",
    "GET /v1/activities",
    "GET /v1/activities/{activity_id}",
}
BY_ADDRESS = {"GET /v1/calendars/{secret}.ics"}  # calendar programs send no key: the address is the secret
OPEN = {"/healthz", "/readyz", "/openapi.json", "/docs", "/docs/assets"}

APP: FastAPI = create_app(Settings())
ROUTES = list(iter_route_contexts(APP.routes))
OURS = [route for route in ROUTES if route.path not in OPEN]
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in APP.openapi()["paths"].items()
    for method, operation in item.items()
]


def name(route: RouteContext) -> str:
    return f"{','.join(sorted(route.methods or ()))} {route.path}"


def required(dependant: Dependant) -> Iterator[Requires]:
    for each in dependant.dependencies:
        if isinstance(each.call, Requires):
            yield each.call
        yield from required(each)


def test_the_walk_sees_the_routes_of_included_routers() -> None:
    """FastAPI keeps included routers as one entry: a walk of `app.routes` alone would see nothing to check."""
    assert {"/v1/staff", "/v1/staff/{member_id}", "/metrics"} <= {route.path for route in OURS}
    assert {(route.path) for route in ROUTES} >= OPEN


@pytest.mark.parametrize("route", OURS, ids=name)
def test_every_route_demands_a_permission(route: RouteContext) -> None:
    """Nothing but health and the API description is open; what is of two domains needs the permission of both."""
    assert isinstance(route.original_route, APIRoute), "mounted or plain: has no dependencies"
    demanded = [each.permission for each in required(route.dependant)]
    assert len(demanded) == (2 if name(route) in OF_TWO else 0 if name(route) in BY_ADDRESS else 1), demanded


@pytest.mark.parametrize("route", [r for r in OURS if r.path != "/metrics"], ids=name)
def test_every_route_is_of_the_strict_class_below_v1(route: RouteContext) -> None:
    assert isinstance(route.original_route, Route)
    assert str(route.path).startswith("/v1/")
    assert len(route.methods or ()) == 1


def test_operation_ids_are_unique_and_name_their_tag() -> None:
    ids = Counter(operation["operationId"] for _, operation in OPERATIONS)
    assert [each for each, count in ids.items() if count > 1] == []
    for place, operation in OPERATIONS:
        (tag,) = operation["tags"]
        assert operation["operationId"].startswith(f"{tag.replace('-', '_')}_"), place
        assert operation["operationId"].isidentifier(), place


def _followed(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference into the document refers to."""
    while "$ref" in node:
        found: Any = APP.openapi()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


@pytest.mark.parametrize(("place", "operation"), OPERATIONS, ids=[place for place, _ in OPERATIONS])
def test_every_operation_says_what_it_does_and_how_it_refuses(place: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    statuses = set(operation["responses"])
    assert len([status for status in statuses if status < "300"]) >= 1
    for status in (status for status in statuses if status >= "400"):
        ((kind, content),) = _followed(operation["responses"][status])["content"].items()
        assert (kind, content["schema"]) == ("application/problem+json", {"$ref": "#/components/schemas/Problem"})
    if not place.split()[1].startswith("/v1/"):
        return
    method, path = place.split()
    parameters = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    owed = {"400", "422", "503"} | (set() if place in BY_ADDRESS else {"401", "403"})
    owed |= {"404"} if "{" in path else set()
    owed |= {"412", "428"} if "if-match" in parameters else set()
    owed |= {"409", "413"} if method != "GET" else set()
    owed |= {"408", "415"} if "requestBody" in operation else set()
    assert owed <= statuses
    assert operation.get("security") == (None if place in BY_ADDRESS else [{"api_key": []}])
    assert ("idempotency-key" in parameters) == (method == "POST"), "a key works on every POST, and only there"


def schemas_in(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema of the document with its place."""
    if isinstance(node, list):
        for index, each in enumerate(node):
            yield from schemas_in(each, f"{place}/{index}")
    elif isinstance(node, dict):
        for key, each in node.items():
            if key in {"example", "examples", "default", "const", "enum", "mapping"}:
                continue
            if key == "schema" or key in {"items", "additionalProperties", "not", "contains"}:
                yield f"{place}/{key}", each
            elif key in {"properties", "schemas", "patternProperties", "$defs"}:
                yield from ((f"{place}/{key}/{name}", schema) for name, schema in each.items())
            elif key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
                yield from ((f"{place}/{key}/{index}", schema) for index, schema in enumerate(each))
            yield from schemas_in(each, f"{place}/{key}")


def test_no_schema_is_untyped() -> None:
    """A generated client would call it `Any`."""
    said = {"type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"}
    untyped = []
    seen = 0
    for place, schema in schemas_in(APP.openapi()):
        seen += 1
        if place.endswith("/additionalProperties") and schema is False:
            continue
        if not isinstance(schema, dict) or not said & set(schema):
            untyped.append(place)
        elif schema.get("type") == "object" and not schema.get("properties"):
            inner = schema.get("additionalProperties")
            if not isinstance(inner, dict) or not inner:
                untyped.append(place)
        elif schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
            untyped.append(place)
    assert untyped == []
    assert seen > 100


def test_schemas_have_plain_names() -> None:
    """Two classes of one name would be told apart by their modules' paths."""
    assert [each for each in APP.openapi()["components"]["schemas"] if "__" in each or "app" in each.split("_")] == []


def test_received_objects_refuse_unknown_fields() -> None:
    for place, operation in OPERATIONS:
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            schema = _followed(content["schema"])
            if schema.get("type") == "object":
                assert schema.get("additionalProperties") is False, place


def _query(route: RouteContext) -> type[BaseModel] | None:
    for hint in get_type_hints(route.endpoint).values():
        if isinstance(hint, type) and issubclass(hint, BaseModel) and "sort" in hint.model_fields:
            return hint
    return None


def _repositories(base: type[Repository[Any]] = Repository) -> Iterator[type[Repository[Any]]]:
    for each in base.__subclasses__():
        if each.__module__.startswith("app."):
            yield each
        yield from _repositories(each)


def _asks(found: Any) -> Any:
    """The query that a class which is no `Repository` answers, by the signature of its `page`."""
    return get_type_hints(found.page).get("query") if "page" in vars(found) else None


def _answering(route: RouteContext, query: type[BaseModel]) -> Any:
    """The class that answers a list: the one whose `page` takes the query, or whose schema it shows."""
    (item,) = get_args(route.response_model.model_fields["data"].annotation)
    modules = [module for name, module in sys.modules.items() if name.startswith("app.") and "repository" in name]
    classes = {c for module in modules for c in vars(module).values() if isinstance(c, type) and hasattr(c, "sorts")}
    found = [c for c in classes if _asks(c) is query] or [c for c in classes if getattr(c, "schema", None) is item]
    assert len(found) == 1, f"{route.path}: one class must answer, found {found}"
    return found[0]


def sorted_lists() -> Iterator[tuple[RouteContext, type[BaseModel], Any]]:
    """Each list that is sorted, what it is asked with, and who answers."""
    for route in OURS:
        query = _query(route)
        if query is not None and not str(route.path).endswith(REPORTS):
            yield route, query, _answering(route, query)


SORTED = list(sorted_lists())


def test_lists_are_found() -> None:
    assert "/v1/staff" in {route.path for route, _, _ in SORTED}
    pages = [r.path for r in OURS if isinstance(r.response_model, type) and issubclass(r.response_model, Page)]
    assert set(pages) >= {route.path for route, _, _ in SORTED}


@pytest.mark.parametrize(("route", "query", "repository"), SORTED, ids=[name(route) for route, _, _ in SORTED])
def test_sorts_are_as_described(route: RouteContext, query: type[BaseModel], repository: Any) -> None:
    offered = get_args(query.model_fields["sort"].annotation)
    assert sorted(offered) == sorted([*repository.sorts, *(f"-{sort}" for sort in repository.sorts)])
    assert query.model_fields["sort"].default in offered
    for column in (attribute.expression for attribute in repository.sorts.values()):
        assert not column.nullable, f"rows without a {column.name} would be missing from the list"


def test_every_read_statement_can_be_built() -> None:
    """Each field of a schema is a column or computed."""
    for repository in _repositories():
        assert "row_to_json" in str(repository()._shown)


def test_the_description_is_the_one_in_the_repository() -> None:
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == APP.openapi(), "run `make openapi`"
