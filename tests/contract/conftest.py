"""The service as it runs in production: its own process, its own database, reached over a socket."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.demo import loader
from app.kernel import auth
from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.settings import Settings
from tests.conftest import Server

BELLWETHER = Path(sys.executable).with_name("bellwether")
PATIENCE = 60.0


@dataclass(frozen=True)
class Running:
    """A service that answers, and a key that may do everything."""

    url: str
    token: str

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def _serving(database_url: str, log: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
    environment = inherited | {"BELLWETHER_DATABASE_URL": database_url, "BELLWETHER_LOG_LEVEL": "WARNING"}
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [BELLWETHER, "serve", "--port", str(port)], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not _answers(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _service(server: Server, settings: Settings, log: Path, *, demo: bool) -> AsyncIterator[Running]:
    name = server.clone()
    database = Database(settings, server.database(name))
    if demo:
        await loader.load(database, settings, lambda _label, _done, _total: None)
    async with database.transaction() as session:
        _, token = auth.issue(session, name="contract", scopes=tuple(Permission))
    await database.dispose()
    with _serving(server.database(name), log) as url:
        yield Running(url, token)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
async def empty_service(server: Server, settings: Settings, tmp_path: Path) -> AsyncIterator[Running]:
    async with _service(server, settings, tmp_path / "service.log", demo=False) as running:
        yield running


@pytest.fixture
async def northwind_service(server: Server, settings: Settings, tmp_path: Path) -> AsyncIterator[Running]:
    async with _service(server, settings, tmp_path / "service.log", demo=True) as running:
        yield running
