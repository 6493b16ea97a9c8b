"""The application: settings in, ASGI out."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.orm import configure_mappers
from starlette.middleware.cors import CORSMiddleware

from app.integration.watcher import Watcher
from app.kernel import openapi, problems, statement
from app.kernel.auth import Authenticator
from app.kernel.company import Company
from app.kernel.db import Database
from app.kernel.observability import Metrics, Observed
from app.kernel.settings import Settings
from app.registry import OLDER_SCHEMAS, SCHEMA_VERSION
from app.registry.routers import ROUTERS

_OPENAPI = "/openapi.json"
DESCRIPTION = """A sales department as an API: leads are captured, qualified and converted; orders are taken, checked,
promised from stock and production, confirmed, shipped and completed. Everything that happens is an event."""


def create_app(settings: Settings, database: Database | None = None) -> FastAPI:
    """The service over `database`, or over the one that the settings name."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        owned = database is None
        app.state.database = database or Database(settings, settings.database_url or "")
        worker: AbstractAsyncContextManager[None] = nullcontext()
        if settings.worker_in_process:
            from app.worker import working  # noqa: PLC0415 - brings the job queue with a driver of its own

            worker = working(settings, app.state.database)
        try:
            async with worker:
                yield
        finally:
            if owned:
                await app.state.database.dispose()

    app = FastAPI(
        title="Bellwether",
        version=version("bellwether"),
        summary="A sales department as an API",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    metrics = Metrics()
    app.state.settings = settings
    app.state.company = Company.of(settings)
    app.state.metrics = metrics
    app.state.authenticator = Authenticator()
    app.state.watcher = Watcher()
    app.state.schema_version, app.state.older_schemas = SCHEMA_VERSION, OLDER_SCHEMAS
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    app.add_middleware(
        Observed,
        metrics=metrics,
        timeout=settings.request_timeout,
        max_body=settings.max_body_bytes,
        max_requests=settings.max_requests,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "Link", "Retry-After", "X-Request-Id", "Idempotency-Replayed"],
        )
    problems.install(app)
    configure_mappers()  # which the first requests would wait for, as for what is next
    statement.prepare()
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # `include_router` analyses every route again, at its first request
    _serve_docs(app)
    return app


def _serve_docs(app: FastAPI) -> None:
    """The API description, and as a page, whose assets come with an installed package: it works without internet."""
    app.mount("/docs/assets", StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))

    @cache
    def described() -> str:
        return json.dumps(app.openapi(), ensure_ascii=False)

    @app.get(_OPENAPI, include_in_schema=False)
    def description() -> Response:  # in a thread: to describe everything takes a second, for which nobody else waits
        return Response(described(), media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=_OPENAPI,
            title="Bellwether",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )
