"""What routers are made of: the route class, the transaction as a dependency, permissions, and answers."""

import re
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from starlette.routing import Match
from starlette.types import Scope

from app.kernel import idempotency
from app.kernel.auth import Authenticator, Permission, Principal, check_expiry
from app.kernel.company import Company
from app.kernel.db import Database
from app.kernel.errors import Invalid, StartOver, Unauthenticated, UnsupportedMedia
from app.kernel.etag import etag, expected_version
from app.kernel.idempotency import MAX_KEY_LENGTH, Answer, Claim
from app.kernel.openapi import problems_of
from app.kernel.outbox import Origin
from app.kernel.repository import Document, Listing
from app.kernel.schema import Query
from app.kernel.settings import Settings
from app.kernel.text import check_url, parse

Lent = TypeVar("Lent")
_ATTEMPTS = 10
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_NO_IDS = frozenset({"bulk", "explain"})
_JSON = re.compile(r"application/(?:json|[^\s;]+\+json)\s*(?:;|$)", re.IGNORECASE)


class _Request(Request):
    """A request whose body is read strictly, before FastAPI looks at it and takes every error for a malformed body."""

    async def read(self) -> None:
        body = await self.body()
        if body and not _JSON.match(self.headers.get("content-type", "")):
            raise UnsupportedMedia("send the body with Content-Type: application/json")
        self._json = parse(body) if body else None

    async def json(self) -> Any:
        return self._json


class Route(APIRoute):
    """A route that reads JSON strictly and keeps the answer under the request's Idempotency-Key, if it has one."""

    @cached_property
    def _beginning(self) -> str:
        return self.path_format.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The words `bulk` and `explain` are no ids: `GET /v1/leads/bulk` is a wrong method there, not a wrong id."""
        if self._beginning not in scope["path"]:  # every route is asked in turn, and most need not look closer
            return Match.NONE, {}
        match, child = super().matches(scope)
        if match is not Match.NONE and not _NO_IDS.isdisjoint(child["path_params"].values()):
            return Match.NONE, {}
        return match, child

    def get_route_handler(self) -> Handler:
        described, self.dependant = self.dependant, _reading_queries_at_once(self.dependant)
        answer = super().get_route_handler()
        self.dependant = described

        async def handle(request: Request) -> Response:
            check_url(request.scope.get("raw_path", b""), request.scope["query_string"])
            strict = _Request(request.scope, request.receive)
            # The body may come slowly: nobody unknown is waited for, and no transaction is open meanwhile.
            if self.body_field is not None or request.method == "POST":
                await caller_of(request)
                await (strict.read() if self.body_field is not None else strict.body())
            for _ in range(_ATTEMPTS - 1):
                with suppress(StartOver):
                    return await _ended(strict, answer)
            return await _ended(strict, answer)

        return handle


def _reading_queries_at_once(dependant: Dependant) -> Dependant:
    """The endpoint's dependencies with its query read by its schema, in one go.

    FastAPI looks at each of the schema's fields anew at every request, which takes a list longer than its statement.
    """
    kinds = {each.name: each.field_info.annotation for each in dependant.query_params}
    models = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Query)}
    readers = [
        Dependant(name=name, call=_query_reader(model), request_param_name="request", path=dependant.path)
        for name, model in models.items()
    ]
    others = [each for each in dependant.query_params if each.name not in models]
    return replace(dependant, query_params=others, dependencies=[*dependant.dependencies, *readers])


def _query_reader(schema: Any) -> Callable[[Request], Coroutine[Any, Any, Query]]:
    async def read(request: Request) -> Query:
        given = request.query_params.multi_items()
        if len(given) > len(request.query_params):
            twice = next(name for name, _ in given if len(request.query_params.getlist(name)) > 1)
            raise Invalid.at(twice, "repeated", "is given more than once: say it once")
        try:
            return schema.model_validate(dict(request.query_params))  # type: ignore[no-any-return]
        except ValidationError as error:
            found = [{**each, "loc": ("query", *each["loc"])} for each in error.errors(include_url=False)]
            raise RequestValidationError(found) from None

    return read


async def _ended(request: Request, answer: Handler) -> Response:
    """The answer, when what it was made with has ended: the order is serialise, commit, send."""
    async with AsyncExitStack() as ending:
        request.scope["ending"] = ending
        request.scope["idempotency_claim"] = None
        response = await answer(request)
        held: tuple[AsyncSession, Claim] | None = request.scope["idempotency_claim"]
        if held is not None:
            session, claim = held
            kept = response.kept if isinstance(response, Secret) else bytes(response.body)
            await claim.store(session, Answer(response.status_code, dict(response.headers), kept))
    return response


def router(prefix: str, tag: str) -> APIRouter:
    """A router below /v1 whose operations document their problems and are named `<tag>_<function>`."""
    return APIRouter(
        prefix=f"/v1{prefix}",
        tags=[tag],
        route_class=Route,
        responses=problems_of(),
        generate_unique_id_function=lambda route: f"{tag}_{route.name.rstrip('_')}",
    )


def settings_of(request: Request) -> Settings:
    return request.app.state.settings  # type: ignore[no-any-return]


def database_of(request: Request) -> Database:
    return request.app.state.database  # type: ignore[no-any-return]


async def caller_of(request: Request) -> Principal:
    """Whose key it is that was sent.

    Raises:
        Unauthenticated: none was sent, or it is none of ours, or of the past.

    """
    principal: Principal | None = request.scope.get("principal")
    if principal is None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send an API key: Authorization: Bearer bw_…")
        authenticator: Authenticator = request.app.state.authenticator
        principal = await authenticator.caller(database_of(request), token.strip())
        check_expiry(principal)
        request.scope["principal"] = principal
    return principal


def company_of(request: Request) -> Company:
    return request.app.state.company  # type: ignore[no-any-return]


Caller = Annotated[Principal, Depends(caller_of)]
OurCompany = Annotated[Company, Depends(company_of)]


class Requires(SecurityBase):
    """The dependency that demands a permission; the architecture test finds one on every route.

    One dependency instead of three on top of each other: each costs as much as a statement does.
    """

    model = HTTPBearerModel(description="An API key: `Authorization: Bearer bw_…`")
    scheme_name = "api_key"

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        (await caller_of(request)).demand(self.permission)


def requires(permission: Permission) -> Any:
    """Demand a permission of the caller: `dependencies=[requires(Permission.LEADS_WRITE)]`."""
    return Depends(Requires(permission))


async def _transaction(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=MAX_KEY_LENGTH,
            description="Makes a retry safe: the answer is kept for days, for this key, path and body.",
        ),
    ] = None,
) -> AsyncSession:
    caller = await caller_of(request)
    session = await _until_the_end(request, database_of(request).transaction())
    session.info["origin"] = Origin(
        caller, caller.name, request.scope.get("request_id"), request.scope.get("traceparent")
    )
    if idempotency_key is not None and request.method == "POST":
        operation = f"POST {request.scope['path']}"
        body = await request.body()
        claim = await idempotency.claim(
            session, owner=caller.key_id, operation=operation, key=idempotency_key, body=body
        )
        request.scope["idempotency_claim"] = (session, claim)
    return session


async def _read(request: Request) -> AsyncConnection:
    return await _until_the_end(request, database_of(request).read())


async def _until_the_end(request: Request, lent: AbstractAsyncContextManager[Lent]) -> Lent:
    """What is lent until the answer is made: a dependency with `yield` would cost more, and end after it is sent."""
    ending: AsyncExitStack = request.scope["ending"]
    return await ending.enter_async_context(lent)


Tx = Annotated[AsyncSession, Depends(_transaction)]
ReadTx = Annotated[AsyncConnection, Depends(_read)]


async def _if_match(_tx: Tx, if_match: Annotated[str | None, Header(examples=['"v1"'])] = None) -> int:
    return expected_version(if_match)


ExpectedVersion = Annotated[int, Depends(_if_match)]
"""The version in If-Match (428 without); looked at after the Idempotency-Key."""


class Secret(Response):
    """An answer with a secret in it; under its Idempotency-Key another body, without, is `kept`."""

    def __init__(self, shown: Response, *, kept: bytes) -> None:
        super().__init__(shown.body, shown.status_code, dict(shown.headers), shown.media_type)
        self.kept = kept


def answer(document: Document, *, status: int = 200, location: str | None = None) -> Response:
    """One resource, with its ETag."""
    headers = {"ETag": etag(document.version)}
    if location is not None:
        headers["Location"] = location
    if document.location is not None:
        headers["Content-Location"] = document.location
    return Response(document.body, status, headers, "application/json")


def created(document: Document, path: str, identity: UUID) -> Response:
    """A new resource, with its address."""
    return answer(document, status=201, location=f"/v1/{path}/{identity}")


def answer_page(request: Request, listing: Listing) -> Response:
    """One page of a list, with a Link header to the next."""
    cursor = listing.next_cursor
    tail = f'],"next_cursor":"{cursor}","has_more":true}}' if cursor else '],"next_cursor":null,"has_more":false}'
    headers = {}
    if cursor:
        headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return Response('{"data":[' + ",".join(listing.rows) + tail, 200, headers, "application/json")
