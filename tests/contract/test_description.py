"""The quality of the API description; who may call what, and what is typed, is held by tests/architecture."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import iter_route_contexts
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app.kernel.settings import Settings
from app.main import create_app

APP = create_app(Settings())
DOCUMENT: dict[str, Any] = APP.openapi()
COMPONENTS = DOCUMENT["components"]
OPERATIONS = {operation["operationId"]: operation for item in DOCUMENT["paths"].values() for operation in item.values()}
JSON_SCHEMA = {
    *("$ref", "type", "format", "title", "description", "default", "const", "enum", "examples", "discriminator"),
    *("anyOf", "oneOf", "allOf", "items", "properties", "required", "additionalProperties", "propertyNames"),
    *("pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "x-enum-varnames"),
}


def schemas_within(schema: Any) -> Iterator[dict[str, Any]]:
    yield schema
    for each in (*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from schemas_within(each)
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from schemas_within(schema[key])


def schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document, with the name of what it is part of."""
    for name, schema in COMPONENTS["schemas"].items():
        yield from ((name, each) for each in schemas_within(schema))
    for name, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", ()):
            yield from ((f"{name} {parameter['name']}", each) for each in schemas_within(parameter["schema"]))


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent and what is answered when all goes well."""
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        yield "request", content
    for status, response in operation["responses"].items():
        if status < "300":
            yield from ((status, content) for content in response.get("content", {}).values())


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert list(jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)) == []
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


def test_schemas_use_json_schema_alone() -> None:
    """Pydantic's own keywords, such as max_digits, say nothing to anybody else."""
    assert {(place, key) for place, schema in schemas() for key in schema.keys() - JSON_SCHEMA} == set()


def test_schemas_are_valid() -> None:
    for name in COMPONENTS["schemas"]:
        reference = {"$ref": f"#/components/schemas/{name}", "components": COMPONENTS}
        jsonschema_rs.Draft202012Validator(reference)


def test_parameters_are_never_null() -> None:
    """No URL and no header can hold null; a client would send the word."""
    nullable = {
        place
        for name, operation in OPERATIONS.items()
        for parameter in operation.get("parameters", ())
        for each in schemas_within(parameter["schema"])
        if each.get("type") == "null"
        for place in [f"{name} {parameter['name']}"]
    }
    assert nullable == set()


def test_decimals_are_strings_of_a_stated_form() -> None:
    decimals = [(place, each) for place, each in schemas() if each.get("format") == "decimal"]
    assert len(decimals) > 50
    for place, each in decimals:
        assert each["type"] == "string", place
        assert each["pattern"].startswith("^"), place


def test_enumerations_have_names_that_stay() -> None:
    """A generated client numbers what it cannot name, and numbers change when a value is added."""
    for place, schema in schemas():
        if any(not str(value).replace(".", "_").isidentifier() for value in schema.get("enum", ())):
            assert all(name.isidentifier() for name in schema["x-enum-varnames"]), place


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_has_an_example_that_is_valid(name: str) -> None:
    for place, content in bodies(OPERATIONS[name]):
        if content["schema"].get("type") == "string":
            continue
        validator = jsonschema_rs.Draft202012Validator(content["schema"] | {"components": COMPONENTS})
        assert list(validator.iter_errors(content["example"])) == [], (place, content["example"])


def test_the_service_takes_every_example() -> None:
    """Rules between fields, which no schema states, hold for the examples too."""
    tried = 0
    for route in iter_route_contexts(APP.routes):
        field = getattr(route, "body_field", None)
        if field is None:
            continue
        example = OPERATIONS[route.unique_id]["requestBody"]["content"]["application/json"]["example"]
        _, errors = field.validate(example, {}, loc=("body",))
        assert errors in (None, []), (route.path, errors)
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_declare_their_headers(name: str) -> None:
    operation = OPERATIONS[name]
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
    for status, response in operation["responses"].items():
        declared = set(response.get("headers", COMPONENTS["responses"].get(_kind(response), {}).get("headers", ())))
        assert "X-Request-Id" in declared
        assert ("WWW-Authenticate" in declared) == (status == "401")
        assert ("Retry-After" in declared) == (status == "503")
        if status == "201":
            assert {"Location", "ETag"} <= declared
        if status < "300":
            assert ("Idempotency-Replayed" in declared) == ("Idempotency-Key" in parameters)
    if "If-Match" in parameters:
        assert parameters["If-Match"]["required"]


def _kind(response: dict[str, Any]) -> str:
    return str(response.get("$ref", "")).rpartition("/")[2]


def test_a_new_resource_leads_to_what_can_be_done_with_it() -> None:
    links = OPERATIONS["orders_create"]["responses"]["201"]["links"]
    assert links["orders_confirm"]["parameters"] == {
        "order_id": "$response.body#/id",
        "If-Match": "$response.header.ETag",
    }
    assert OPERATIONS["leads_create"]["responses"]["201"]["links"]["leads_get"]["parameters"] == {
        "lead_id": "$response.body#/lead/id"
    }
    shipped = OPERATIONS["orders_ship"]["responses"]["201"]["links"]["orders_deliver"]["parameters"]
    assert shipped == {"order_id": "$request.path.order_id", "shipment_id": "$response.body#/id"}
