"""The API description: what FastAPI derives from the routes, and what it cannot know.

That is: how problems look, which headers come with an answer, that If-Match is required, an example of every body,
and which operations a new resource's id leads to.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.kernel import errors
from app.kernel.errors import Refusal
from app.kernel.etag import FORM
from app.kernel.examples import Examples
from app.kernel.problems import Problem

_PROBLEMS: dict[type[Refusal], str] = {
    errors.Malformed: "The request cannot be read.",
    errors.Unauthenticated: "No valid API key.",
    errors.Forbidden: "The key lacks the permission.",
    errors.NotFound: "No such resource, or none that the key may see.",
    errors.TooSlow: "The body did not come in time.",
    errors.Conflict: "The present state does not allow it.",
    errors.PreconditionFailed: "The resource has changed since it was read.",
    errors.TooLarge: "The body is too large.",
    errors.UnsupportedMedia: "The body is not sent as JSON.",
    errors.Invalid: "Some fields are wrong; `errors` names each.",
    errors.PreconditionRequired: "If-Match is missing.",
    errors.Unavailable: "Not available just now; try again after `Retry-After` seconds.",
}
_HEADERS = {
    "ETag": ("The resource's version, for If-Match.", '"v1"'),
    "Location": ("The new resource's path.", "/v1/orders/0198c1de-0000-7000-8000-000000000000"),
    "Link": ('The next page, with `rel="next"`; none on the last.', '<https://host/v1/orders?cursor=abc>; rel="next"'),
    "Retry-After": ("Seconds after which to try again.", "1"),
    "WWW-Authenticate": ("How to authenticate.", "Bearer"),
    "Idempotency-Replayed": ("`true` when this is the stored answer to an earlier request with this key.", "true"),
    "X-Request-Id": ("Names the request in our logs: the one that was sent, or a new one.", "0198c1de-7a3f"),
}
_HEADERS_OF = {errors.Unauthenticated: ("WWW-Authenticate",), errors.Unavailable: ("Retry-After",)}
_PROPER_CASE = {"if-match": "If-Match", "idempotency-key": "Idempotency-Key"}
_WRITES = {"post", "patch", "put", "delete"}

Json = dict[str, Any]


def problems_of() -> dict[int | str, Json]:
    """The problems that a router documents; `describe` drops those that an operation cannot answer.

    Without their schema, which FastAPI would prepare anew for each route and each problem: a third of a start's work.
    """
    return {kind.status: {"description": text} for kind, text in _PROBLEMS.items()}


def describe(app: FastAPI) -> Json:
    """The OpenAPI 3.1 document of an application."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description,
        routes=app.routes, tags=app.openapi_tags, servers=[{"url": "/", "description": "This service."}],
    )  # fmt: skip
    components = document["components"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    components["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _HEADERS.items()
    }
    components["responses"] = {kind.__name__: _problem(kind, text) for kind, text in _PROBLEMS.items()}
    examples = Examples(components["schemas"])
    for path, method, operation in _operations(document):
        _ask(method, operation, examples)
        _refuse(path, method, operation)
        for status in [status for status in operation["responses"] if status < "300"]:
            _succeed(status, operation, examples, components["schemas"])
    _link(document)
    app.openapi_schema = document
    return document


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _problem(kind: type[Refusal], text: str) -> Json:
    example = {
        "type": f"urn:bellwether:problem:{kind.type}",
        "title": kind.title,
        "status": kind.status,
        "detail": "/lines/0/quantity: must be more than 0" if kind is errors.Invalid else text,
        "request_id": _HEADERS["X-Request-Id"][1],
        "errors": [{"pointer": "/lines/0/quantity", "code": "greater_than", "detail": "must be more than 0"}]
        if kind is errors.Invalid
        else [],
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": text,
        "headers": _headers("X-Request-Id", *_HEADERS_OF.get(kind, ())),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _ask(method: str, operation: Json, examples: Examples) -> None:
    """Describe what is sent; not Idempotency-Key where it is not heeded, though every transaction knows of it."""
    parameters = operation.pop("parameters", ())
    if kept := [each for each in parameters if method == "post" or each["name"] != "idempotency-key"]:
        operation["parameters"] = [_parameter(each) for each in kept]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = examples.sent(content["schema"])


def _parameter(parameter: Json) -> Json:
    """Header names as people write them, If-Match required, and no null, which no URL or header can hold.

    Generators cannot name a constant `-name`, and would number it: `x-enum-varnames` has names that stay.
    """
    parameter["name"] = _PROPER_CASE.get(parameter["name"], parameter["name"])
    schema = parameter["schema"]
    branches = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(branches) == 1:
        del schema["anyOf"]
        parameter["schema"] = schema = branches[0] | schema
    if any(str(value).startswith("-") for value in schema.get("enum", ())):
        named = [f"{value[1:]}_desc" if value.startswith("-") else value for value in schema["enum"]]
        schema["x-enum-varnames"] = [name.upper() for name in named]
    if parameter["name"] == "If-Match":
        parameter["required"] = True
        parameter["description"] = "The ETag of the version that was read."
        schema["pattern"] = FORM
    return parameter


def _refuse(path: str, method: str, operation: Json) -> None:
    """Leave out the problems that the operation cannot answer, and refer to the others."""
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    drop = set()
    if "security" not in operation:
        drop |= {"401", "403"}
    if "If-Match" not in names:
        drop |= {"412", "428"}
    if "requestBody" not in operation:
        drop |= {"408", "415"}
    if "{" not in path and method == "get":
        drop |= {"404"}
    if method not in _WRITES:
        drop |= {"409", "413"}
    responses = operation["responses"]
    for kind in _PROBLEMS:
        status = str(kind.status)
        if status in drop:
            responses.pop(status, None)
        elif status in responses:
            responses[status] = {"$ref": f"#/components/responses/{kind.__name__}"}


def _succeed(status: str, operation: Json, examples: Examples, schemas: Json) -> None:
    """Describe an answer: its example, and the headers that come with it."""
    response = operation["responses"][status]
    if response.get("description") == "Successful Response":
        response["description"] = operation["summary"] + "."
    names = ["X-Request-Id"]
    for content in response.get("content", {}).values():
        if content["schema"].get("type") != "string":
            content["example"] = examples.answered(content["schema"])
        properties = schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], {}).get("properties", {})
        if _identified(properties, schemas):
            names += ["ETag", "Location"] if status == "201" else ["ETag"]
        if {"data", "has_more"} <= properties.keys():
            names.append("Link")
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        names.append("Idempotency-Replayed")
    response["headers"] = _headers(*names)


def _identified(properties: Json, schemas: Json) -> str | None:
    """Where in an answer the resource's id is, when the answer is a resource with a version."""
    if "version" in properties:
        return "/id"
    for name, field in properties.items():
        inner = schemas.get(field.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
        if "version" in inner:
            return f"/{name}/id"
    return None


def _link(document: Json) -> None:
    """From the answer that creates a resource to the operations on it, with its id and ETag filled in."""
    schemas = document["components"]["schemas"]
    for path, method, operation in _operations(document):
        response = operation["responses"].get("201")
        if method != "post" or response is None:
            continue
        reference = response["content"]["application/json"]["schema"].get("$ref", "")
        pointer = _identified(schemas[reference.rpartition("/")[2]]["properties"], schemas)
        links = {}
        for other, _, target in _operations(document):
            own = other.removeprefix(f"{path}/{{").partition("}")[0]
            if not other.startswith(f"{path}/{{") or "{" in other.removeprefix(f"{path}/{{{own}}}"):
                continue
            given = {name: f"$request.path.{name}" for name in _names_in(path)}
            given[own] = f"$response.body#{pointer}"
            if any(parameter["name"] == "If-Match" for parameter in target.get("parameters", ())):
                given["If-Match"] = "$response.header.ETag"
            links[target["operationId"]] = {"operationId": target["operationId"], "parameters": given}
        if links:
            response["links"] = links


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
