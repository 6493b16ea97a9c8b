"""Request id, trace context, access log, metrics, the limits of time and size, in one pure ASGI middleware."""

import asyncio
import re
import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from app.kernel.errors import Refusal, TooLarge, TooSlow, Unavailable
from app.kernel.problems import of_unexpected, problem

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


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_TIMED_OUT = "the request took too long and was given up: look whether it was done, or retry with its Idempotency-Key"
_TRICKLED = "the body did not come in time: nothing has been done, send it again"


class _Body:
    """A request's body on its way in: no larger than it may be. While it is awaited, its request is not at work."""

    __slots__ = ("_announced", "_more", "_most", "_observed", "_receive", "_received", "is_awaited")

    def __init__(self, receive: Receive, announced: bytes, most: int, observed: "Observed") -> None:
        self._receive = receive
        self._observed = observed
        self._announced = announced
        self._most = most
        self._received = 0
        self._more = True
        self.is_awaited = False

    async def __call__(self) -> Message:
        announced = self._announced
        if announced.isdigit() and len(announced) < 20 and int(announced) > self._most:  # noqa: PLR2004
            raise TooLarge(f"the body may have {self._most} bytes")
        if not self._more:
            return await self._receive()
        self.is_awaited = True
        self._observed.at_work -= 1
        try:
            message = await self._receive()
        finally:
            self._observed.at_work += 1
        self._more, self.is_awaited = message.get("more_body", False), False
        if not self._more:
            self._observed.check_work()
        self._received += len(message.get("body", b""))
        if self._received > self._most:
            raise TooLarge(f"the body may have {self._most} bytes")
        return message


class Observed:
    """The middleware: pure ASGI, since each `BaseHTTPMiddleware` costs half a millisecond."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, timeout: float, max_body: int, max_requests: int) -> None:
        self.app = app
        self.metrics = metrics
        self.timeout = timeout
        self.max_body = max_body
        self.max_requests = max_requests
        self.at_work = 0
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
        working = True
        self.at_work += 1

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.at_work -= 1
                if working:
                    limit.reschedule(None)  # how long the caller may take to read is the server's business
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        body = _Body(receive, headers.get(b"content-length", b""), self.max_body, self)
        try:
            async with asyncio.timeout(self.timeout) as limit:
                self.check_work()
                await self.app(scope, body, answer)
        except Exception as error:
            if status:
                raise
            working = False
            if isinstance(error, TimeoutError) and limit.expired():
                error = TooSlow(_TRICKLED) if body.is_awaited else Unavailable(_TIMED_OUT)
            request = Request(scope)
            refused = problem(request, error) if isinstance(error, Refusal) else of_unexpected(request, error)
            await refused(scope, receive, answer)
        finally:
            if not status:
                self.at_work -= 1
            self._record(scope, status, time.perf_counter() - started)

    def check_work(self) -> None:
        """Raises Unavailable when more requests are at work than may be."""
        if self.at_work > self.max_requests:
            raise Unavailable("too many requests are at work: nothing has been done, try again")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(method, route, status).inc()
        self.metrics.latency.labels(method, route).observe(seconds)
        principal = scope.get("principal")
        self.log.info(
            "request",
            method=method,
            path=route if "{secret}" in route else scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            request_id=scope["request_id"],
            traceparent=scope["traceparent"],
            key=principal.name if principal else None,
        )
