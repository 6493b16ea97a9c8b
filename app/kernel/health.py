"""Is the process alive, may it be given requests, and what does it measure."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text

from app.kernel import clock
from app.kernel.auth import Permission
from app.kernel.errors import Unavailable
from app.kernel.http import ReadTx, Route, database_of, requires
from app.kernel.observability import Metrics
from app.kernel.openapi import problems_of
from app.kernel.outbox import OutboxEvent

router = APIRouter(route_class=Route, tags=["health"], generate_unique_id_function=lambda route: f"health_{route.name}")
_ALL = problems_of()


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Health):
    """The database answers and its schema is this release's, or a newer one's."""

    schema_version: str = Field(examples=["orders"])


def metrics_of(request: Request) -> Metrics:
    return request.app.state.metrics  # type: ignore[no-any-return]


@router.get("/healthz", summary="The process is alive")
async def live() -> Health:
    return Health()


@router.get("/readyz", summary="The service may be given requests", responses={503: _ALL[503]})
async def ready(request: Request, connection: ReadTx) -> Readiness:
    state, found = request.app.state, None
    if (await connection.execute(text("SELECT to_regclass('alembic_version')"))).scalar_one() is not None:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    if found is None or found in state.older_schemas:
        raise Unavailable(
            f"the database's schema is {found}, this release needs {state.schema_version}: run `bellwether migrate`"
        )
    return Readiness(schema_version=found)


@router.get(
    "/metrics",
    summary="Measurements for Prometheus",
    dependencies=[requires(Permission.METRICS_READ)],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **{s: _ALL[s] for s in (401, 403, 503)},
    },
)
async def metrics(request: Request, connection: ReadTx, measured: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    database = database_of(request)
    for name, engine in (("transaction", database.engine), ("reader", database.reader)):
        measured.pool.labels(name).set(engine.pool.checkedout())  # type: ignore[attr-defined]
    oldest = select(func.min(OutboxEvent.time)).where(OutboxEvent.position.is_(None))
    waiting = (await connection.execute(oldest)).scalar_one()
    measured.feed_lag.set(0 if waiting is None else (clock.now() - waiting).total_seconds())
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
