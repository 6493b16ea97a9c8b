"""The API description: problems on every operation, and nothing that a generated client could not type."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.kernel.problems import Problem

_PROBLEMS = {
    400: "The request cannot be read.",
    401: "No valid API key.",
    403: "The key lacks the permission.",
    404: "No such resource, or none that the key may see.",
    409: "The present state does not allow it.",
    412: "The resource has changed since it was read.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "Some fields are wrong; `errors` names each.",
    428: "If-Match is missing.",
    503: "Not available just now; try again after `Retry-After` seconds.",
}
_WRITES = {"post", "patch", "put", "delete"}


def problems_of() -> dict[int | str, dict[str, Any]]:
    """The problems that a router documents; `describe` drops those that an operation cannot answer."""
    return {status: {"model": Problem, "description": text} for status, text in _PROBLEMS.items()}


def _irrelevant(method: str, path: str, operation: dict[str, Any]) -> set[str]:
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    drop = set()
    if "if-match" not in names:
        drop |= {"412", "428"}
    if "requestBody" not in operation:
        drop |= {"415"}
    if "{" not in path and method == "get":
        drop |= {"404"}
    if method not in _WRITES:
        drop |= {"409", "413"}
    return drop


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description,
        routes=app.routes, tags=app.openapi_tags,
    )  # fmt: skip
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status in _irrelevant(method, path, operation):
                operation["responses"].pop(status, None)
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status >= "400" and "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
                if status < "300" and response.get("description") == "Successful Response":
                    response["description"] = operation["summary"] + "."
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    app.openapi_schema = document
    return document
