"""The web server around the application."""

import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from app.kernel.settings import Settings
from app.main import create_app

_IDLE = 75  # seconds a connection may idle: longer than load balancers keep theirs (60), so that they close first
_CONNECTIONS = 900  # at once, then 503: most systems allow a process 1,024 open files


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()  # the lifespan's end is too late: it comes after the last request, which may wait for events
        await super().shutdown(sockets)


def serve(settings: Settings, listener: socket.socket, announce: Callable[[], None] = lambda: None) -> None:
    """Answer requests until SIGINT or SIGTERM, then finish those in flight. `announce` is called once it answers."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again after it has stopped: being told to is no error
        _Server(config, announce, app.state.watcher.stop).run(sockets=[listener])
