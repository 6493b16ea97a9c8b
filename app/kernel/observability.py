"""Request id, trace context, access log, metrics, the limits of time and size, in one pure ASGI middleware."""

import asyncio
import logging
import re
import sys
import time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from app.kernel.errors import TooLarge, Unavailable
from app.kernel.problems import of_unexpected, problem
from app.kernel.settings import Settings

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,100}")
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The process's metrics, in a registry of their own so that a test can start as many applications as it likes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("http_requests", "Requests by route template.", labels, registry=self.registry)
        self.latency = Histogram(
            "http_request_seconds", "Seconds to answer.", ("method", "route"), buckets=_BUCKETS, registry=self.registry
        )
        self.pool = Gauge("db_connections_in_use", "Connections in use.", ("engine",), registry=self.registry)
        self.feed_lag = Gauge(
            "event_feed_lag_seconds", "Age of the oldest committed event without a position.", registry=self.registry
        )


def configure_logging(settings: Settings) -> None:
    """One line a record on standard output; the standard library's loggers join in."""
    last: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        last = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(processors=[*shared, last], wrapper_class=structlog.make_filtering_bound_logger(level))
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, last], foreign_pre_chain=shared))  # fmt: skip
    logging.basicConfig(handlers=[handler], level=level, force=True)
    quiet = {"uvicorn.error": logging.WARNING, "procrastinate": logging.WARNING, "alembic": logging.WARNING}
    for name, least in {"uvicorn.access": logging.CRITICAL, **quiet}.items():
        logging.getLogger(name).setLevel(least)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_TIMED_OUT = "the request took too long and was given up: look whether it was done, or retry with its Idempotency-Key"


class Observed:
    """The middleware: pure ASGI, since each `BaseHTTPMiddleware` costs half a millisecond."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, timeout: float, max_body: int) -> None:
        self.app = app
        self.metrics = metrics
        self.timeout = timeout
        self.max_body = max_body
        self.log = structlog.get_logger("access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given, trace = headers.get(b"x-request-id", b""), headers.get(b"traceparent", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else str(uuid7())
        scope["request_id"] = request_id
        scope["traceparent"] = trace.decode() if _TRACEPARENT.fullmatch(trace) else None
        started = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        received = 0
        announced = headers.get(b"content-length", b"")

        async def limited() -> Message:
            nonlocal received
            if announced.isdigit() and len(announced) < 20 and int(announced) > self.max_body:  # noqa: PLR2004
                raise TooLarge(f"the body may have {self.max_body} bytes")
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body:
                raise TooLarge(f"the body may have {self.max_body} bytes")
            return message

        try:
            async with asyncio.timeout(self.timeout) as limit:
                await self.app(scope, limited, answer)
        except Exception as error:
            if status:
                raise
            request = Request(scope)
            expired = isinstance(error, TimeoutError) and limit.expired()
            refused = problem(request, Unavailable(_TIMED_OUT)) if expired else of_unexpected(request, error)
            await refused(scope, receive, answer)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(method, route, status).inc()
        self.metrics.latency.labels(method, route).observe(seconds)
        principal = scope.get("principal")
        self.log.info(
            "request",
            method=method,
            path=scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            request_id=scope["request_id"],
            traceparent=scope["traceparent"],
            key=principal.name if principal else None,
        )
