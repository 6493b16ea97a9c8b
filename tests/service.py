"""`bellwether serve` as an operator runs it: a process of its own, that tests may stop, kill and start again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PATIENCE = 20.0
_COMMAND: tuple[str, ...] = (sys.executable, "-c", "from app.cli import main; main()", "serve")


class Service:
    """One process of the service on `database_url`; `settings` are environment variables without their prefix.

    The port stays the same over restarts, as it would behind a load balancer. What it prints goes to `log`.
    """

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"serve-{self.port}.log"
        own = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
        given = {"DATABASE_URL": database_url, "DATA_DIR": str(folder), "PORT": str(self.port), **settings}
        self._environment = {**own, **{f"BELLWETHER_{name.upper()}": value for name, value in given.items()}}
        self.command = _COMMAND
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self._environment, stdout=log, stderr=log)  # noqa: S603
        end = time.monotonic() + PATIENCE
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the service did not start: {self.log.read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: nothing of the process gets to say goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.process.wait()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def service(database_url: str, folder: Path, **settings: str) -> Iterator[Service]:
    """A running service, killed at the end of the block."""
    found = Service(database_url, folder, **settings)
    try:
        found.start()
        yield found
    finally:
        found.kill()
