"""Every failure as an RFC 9457 problem, mapped in this one place."""

from collections.abc import Sequence
from typing import Any

import structlog
from asyncpg import exceptions as pg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy import Index
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.schema import ColumnCollectionConstraint
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.kernel.db import Base, Undecided
from app.kernel.errors import (
    Conflict,
    FieldError,
    Invalid,
    Malformed,
    PreconditionFailed,
    Refusal,
    Unavailable,
    pointer_of,
)
from app.kernel.idempotency import Replay
from app.kernel.schema import FieldProblem
from app.kernel.text import field_error

_log = structlog.get_logger()
_MOST_CHARACTERS = 200  # of a field's error, to be told once more in the problem's own detail
_TITLES = {404: "No such page", 405: "Method not allowed"}
_BUSY = (
    pg.LockNotAvailableError, pg.QueryCanceledError, pg.TransactionRollbackError,
    pg.InvalidCachedStatementError,  # a migration has changed what the statement answers; the next one is prepared anew
)  # fmt: skip
_DOWN = (
    pg.PostgresConnectionError, pg.InsufficientResourcesError, pg.OperatorInterventionError, pg.PostgresSystemError,
    pg.ReadOnlySQLTransactionError, pg.IdleInTransactionSessionTimeoutError, pg.TransactionTimeoutError,
    pg.InvalidAuthorizationSpecificationError, pg.InvalidCatalogNameError, pg.InterfaceError, OSError,
    pg.InternalClientError,  # so says the driver between the server's last word and the end of the connection
)  # fmt: skip
_DOWN_NOW = "the database cannot be used just now: try again"
_NOT_KNOWN = "the database was lost at the commit: look whether it was done, or retry with its Idempotency-Key"


class Problem(BaseModel):
    """An RFC 9457 problem: what went wrong and what to do."""

    type: str = Field(description="Stable name of the kind of problem.", examples=["urn:bellwether:problem:invalid"])
    title: str = Field(examples=["Some fields are wrong"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["see errors"])
    request_id: str | None = Field(description="Quote it when you ask for help.")
    errors: list[FieldProblem] = Field(description="The wrong places, when the problem lies in the request.")


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(request: Request, refusal: Refusal) -> ProblemResponse:
    """The answer for a refusal."""
    return _answer(
        request, refusal.status, refusal.type, refusal.title, refusal.detail, refusal.errors, refusal.headers
    )


def _answer(
    request: Request, status: int, kind: str, title: str, detail: str,
    errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None,
) -> ProblemResponse:  # fmt: skip
    body = Problem(
        type=f"urn:bellwether:problem:{kind}",
        title=title,
        status=status,
        detail=detail,
        request_id=request.scope.get("request_id"),
        errors=[FieldProblem(pointer=e.pointer, code=e.code, detail=e.detail) for e in errors],
    )
    return ProblemResponse(body.model_dump(), status_code=status, headers=headers)


def _pointer(location: Sequence[Any]) -> str:
    place, *path = location
    if place != "body":
        return str(path[0]) if path else str(place)
    return pointer_of(path)


def _validation(error: RequestValidationError) -> Refusal:
    found = [*dict.fromkeys(field_error(_pointer(e["loc"]), e) for e in error.errors())]
    return Invalid("; ".join(f"{e.pointer or 'body'}: {_brief(e.detail)}" for e in found[:3]), errors=found)


def _brief(detail: str) -> str:
    return detail if len(detail) <= _MOST_CHARACTERS else "see errors"


def _column(constraint: str) -> str:
    """The first column of a constraint, by the constraint's name; the name itself when it has none."""
    for table in Base.metadata.tables.values():
        named: list[ColumnCollectionConstraint | Index] = [*table.indexes]
        named += [each for each in table.constraints if isinstance(each, ColumnCollectionConstraint)]
        for each in named:
            if each.name == constraint and len(each.columns):
                return each.columns[0].name
    return constraint


def _told(cause: BaseException) -> str:
    # The rest of it shows the whole row, which is nobody's business.
    return str(cause.args[0]) if cause.args else ""


def _database(cause: BaseException | None) -> Refusal | None:
    """What the driver raised, told as a refusal; None for what is our fault."""
    constraint = getattr(cause, "constraint_name", None) or "unknown"
    name = _column(constraint)
    if isinstance(cause, pg.UniqueViolationError):
        return Conflict(f"{name} is taken already", errors=[FieldError(f"/{name}", "taken", "is taken already")])
    if isinstance(cause, pg.ForeignKeyViolationError):
        if "is still referenced" in str(cause.detail):
            return Conflict("something else still refers to it")
        return Invalid.at(f"/{name}", "unknown", "names nothing that exists")
    if isinstance(cause, (pg.CheckViolationError, pg.ExclusionViolationError)):
        return Conflict(f"the rule {name} does not allow it", errors=[FieldError(f"/{name}", "rule", _told(cause))])
    if isinstance(cause, (pg.DataError, ValueError)):  # found out by the database, or by the driver
        return Invalid("a value is out of the range that can be stored")
    if isinstance(cause, _BUSY):
        return Unavailable("another request holds what this one needs, or it took too long: try again")
    if isinstance(cause, Undecided):
        return Unavailable(_NOT_KNOWN, retry_after=2)
    return Unavailable(_DOWN_NOW, retry_after=2) if isinstance(cause, _DOWN) else None


def _methods(request: Request) -> list[str]:
    """The methods that routes with the request's path answer; `bulk` in it is that word, and no id."""
    routes = [route for route in iter_route_contexts(request.app.routes) if route.methods]
    found = [route for route in routes if route.path_regex.match(request.scope["path"])]
    fewest = min((str(route.path).count("{") for route in found), default=0)
    return sorted({m for route in found if str(route.path).count("{") == fewest for m in route.methods or ()})


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(Refusal)
    async def _(request: Request, error: Refusal) -> ProblemResponse:
        return problem(request, error)

    @app.exception_handler(Replay)
    async def _(_request: Request, replay: Replay) -> Response:
        first = replay.answer
        return Response(first.body, first.status, {**first.headers, "Idempotency-Replayed": "true"})

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> ProblemResponse:
        return problem(request, _validation(error))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> ProblemResponse:
        title = _TITLES.get(error.status_code, error.detail)
        kind = title.lower().replace(" ", "-")
        headers = dict(error.headers or {})
        if error.status_code == 405:  # noqa: PLR2004 - Starlette names the methods of one route only
            headers["Allow"] = ", ".join(_methods(request))
        return _answer(request, error.status_code, kind, title, error.detail, headers=headers)

    @app.exception_handler(StaleDataError)
    async def _(request: Request, _error: StaleDataError) -> ProblemResponse:
        return problem(request, PreconditionFailed("somebody else changed it at the same moment: read again"))

    @app.exception_handler(PoolTimeout)
    async def _(request: Request, _error: PoolTimeout) -> ProblemResponse:
        return problem(request, Unavailable("all database connections are in use: try again"))

    for kind in (DBAPIError, Undecided, pg.PostgresError, pg.InterfaceError, pg.InternalClientError):
        app.add_exception_handler(kind, _of_database)


async def _of_database(request: Request, error: Exception) -> ProblemResponse:
    # What went through SQLAlchemy is wrapped twice.
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
    refusal = _database(cause)
    if refusal is None:
        return _fault(request, error)
    if isinstance(refusal, Unavailable):
        _tell_operator(request, cause or error)
    return problem(request, refusal)


def of_unexpected(request: Request, error: Exception) -> ProblemResponse:
    """The answer for an exception that no handler knows: the caller or the database is away, or it is our fault."""
    if isinstance(error, ClientDisconnect):
        return problem(request, Malformed("the body ended too early"))
    if isinstance(error, _DOWN):
        _tell_operator(request, error)
        return problem(request, Unavailable(_DOWN_NOW, retry_after=2))
    return _fault(request, error)


def _tell_operator(request: Request, error: BaseException) -> None:
    """The caller is only told to come back: what is wrong with the database is for who runs it."""
    cause = error.__cause__ or error
    _log.warning("database", request_id=request.scope.get("request_id"), error=type(cause).__name__, told=_told(cause))


def _fault(request: Request, error: Exception) -> ProblemResponse:
    _log.error("fault", request_id=request.scope.get("request_id"), exc_info=error)
    return _answer(request, 500, "fault", "Our fault", "it has been logged; quote the request id when you ask for help")
