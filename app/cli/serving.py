"""The web server around the application."""

import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn

from app.cli.connections import Connection
from app.kernel.settings import Settings
from app.main import create_app

_FILES = 65_536  # open at once: as many connections cost half a gigabyte
_OTHER_FILES = 100  # that are no connections of clients or of the database
_LAST = 5  # seconds to end in beyond what requests and jobs get, then the process is killed


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
        # Requests have their time, then jobs; then a database that fell silent could hold the process for ever.
        signal.alarm(2 * (self.config.timeout_graceful_shutdown or 0) + _LAST)
        await super().shutdown(sockets)
        signal.alarm(0)


def _connections(settings: Settings) -> int:
    """How many clients may be connected: what the system lets this process open, but for what else it needs.

    Running out of files would be worse than giving up idle connections: the database could not be reached, and uvloop
    may stop listening for good.
    """
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(_FILES, most) if most != resource.RLIM_INFINITY else _FILES
    if files != resource.RLIM_INFINITY and files < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return max(wanted - _OTHER_FILES - 2 * settings.pool_size, wanted // 2)


def serve(settings: Settings, listener: socket.socket, announce: Callable[[], None] = lambda: None) -> None:
    """Answer requests until SIGINT or SIGTERM, then finish those in flight. `announce` is called once it answers."""
    app = create_app(settings)
    connection: Any = partial(Connection, head=settings.head_timeout, most=_connections(settings))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.idle_timeout,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again after it has stopped: being told to is no error
        _Server(config, announce, app.state.watcher.stop).run(sockets=[listener])
