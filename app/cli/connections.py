"""Clients' connections: how long each may keep us waiting, how large a head may be, how many there are."""

from asyncio import TimerHandle
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from typing import Any

import httptools
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.kernel.errors import Malformed, Refusal, TooSlow
from app.kernel.problems import problem

_HEAD_BYTES = 65_536
_TOO_LARGE = f"the head of a request may have {_HEAD_BYTES} bytes"
_PIPELINED = 100  # requests that may wait behind one on its connection
_AT_ONCE = 100  # connections given up when there are too many


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with an end to every wait for the client.

    While no request is at work, uvicorn's timer for idle connections runs; another one runs while answers are not
    taken. Both abort in the end: `close` would wait for a client that does not read.
    """

    def __init__(self, *, head: float, most: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._patience = head
        self._most = most
        self._running: RequestResponseCycle | None = None  # `cycle` is the latest request, which may wait behind it
        self._in_head = False
        self._more_head = 0  # bytes that have come since the head began, but for the first piece
        self._until = 0.0  # when the head, or a body that nobody reads, must have come; 0 when nothing of it has
        self.untaken: TimerHandle | None = None
        self._wrong = "this is no HTTP request"

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait(self.timeout_keep_alive)
        if len(self.connections) > self._most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        self._unset_keepalive_if_required()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._more_head += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning("invalid HTTP: %s", self._wrong)
            self._refuse(Malformed(self._wrong))
        if self.transport.is_closing():
            return
        if self._in_head and self._more_head > _HEAD_BYTES:
            self._refuse(Malformed(_TOO_LARGE))
        elif self._running is None:
            self._until = self._until or self.loop.time() + self._patience
            self._wait(self._until - self.loop.time())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._more_head, self._until = True, 0, 0.0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what comes behind the body, without end perhaps, is no header of the request
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(map(len, chain.from_iterable(self.headers))) > _HEAD_BYTES:
            self._wrong = _TOO_LARGE
        elif len(self.pipeline) >= _PIPELINED:
            self._wrong = f"{_PIPELINED} requests may wait on one connection"
        else:
            self._in_head, self._until = False, 0.0
            super().on_headers_complete()
            return
        raise ValueError(self._wrong)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._running = None
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(self.timeout_keep_alive)
        elif self._running is None and not self.cycle.more_body:
            # A connection that idles keeps nothing of its last request.
            self.cycle = self.scope = self.headers = None  # type: ignore[assignment]

    def pause_writing(self) -> None:
        super().pause_writing()
        self.untaken = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.untaken is not None:
            self.untaken.cancel()
            self.untaken = None

    def timeout_keep_alive_handler(self) -> None:
        if self._in_head and not self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self._refuse(TooSlow(f"the head of a request must come within {self._patience:g} seconds"))
        else:
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        """Give the client so many seconds for what it has to do next."""
        self._unset_keepalive_if_required()
        if self in self.connections:
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _should_upgrade(self) -> bool:
        return True  # has uvicorn leave such a request to `_ignore_upgrade`

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Take the request as if it had not asked for another protocol: the parser would drop its body."""
        if self.scope["method"] == "CONNECT":
            self._refuse(Malformed("this is no proxy"))
            return
        version = self.parser.get_http_version()
        kept = (b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        head = b"%b %b HTTP/%b\r\n" % (self.scope["method"].encode(), self.url, version.encode())
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([head, *kept, b"\r\n", rest]))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what has not become a request, and hang up."""
        if self._running is not None and (self.pipeline or not self._running.more_body):
            self.transport.abort()  # the request before it would take the answer for its own
            return
        answer = problem(Request({"type": "http"}), refusal)
        headers = {**dict(self.server_state.default_headers), **dict(answer.raw_headers), b"connection": b"close"}
        lines = (b"%b: %b\r\n" % header for header in headers.items())
        self.transport.write(b"".join([STATUS_LINE[answer.status_code], *lines, b"\r\n", answer.body]))
        self.transport.close()
        self._wait(self._patience)

    def _make_room(self) -> None:
        """Give up those who have the least time left among the connections that wait for their clients."""
        found = [each for each in self.connections if isinstance(each, Connection)]
        timers = [(each.timeout_keep_alive_task or each.untaken, each) for each in found]
        waiting = [(timer.when(), each) for timer, each in timers if timer is not None]
        for _, each in nsmallest(_AT_ONCE, waiting, key=itemgetter(0)):
            self.connections.discard(each)
            each.transport.abort()
