"""A service that is told to stop finishes what it has begun."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from app.kernel import auth
from app.kernel.auth import Permission
from app.kernel.db import conninfo
from tests.conftest import Live

PATIENCE = 20.0


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    headers: dict[str, str]


@pytest.fixture
async def token(live: Live) -> str:
    async with live.database.transaction() as session:
        return auth.issue(session, name="a", scopes=tuple(Permission))[1]


@pytest.fixture
def served(live: Live, token: str, tmp_path: Path) -> Iterator[Served]:
    """`bellwether serve` as an operator runs it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
    environment = {**own, "BELLWETHER_DATABASE_URL": live.url, "BELLWETHER_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found = Served(process, f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"})
    try:
        _wait_until_ready(found)
        yield found
    finally:
        process.kill()
        process.communicate()


def _wait_until_ready(served: Served) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(f"{served.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            if served.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"did not start: {served.process.communicate()[0]}")
        time.sleep(0.05)


def _waiting(holder: psycopg.Connection) -> bool:
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE NOT granted AND datname = current_database()"
    )
    row = holder.execute(query).fetchone()
    return row is not None and row[0] > 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_and_then_the_process_ends_well(
    live: Live, served: Served, told: signal.Signals
) -> None:
    nancy = {"name": "N", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(httpx.post(f"{served.url}/v1/staff", json=nancy, headers=served.headers, timeout=PATIENCE))

    request = threading.Thread(target=send)
    with psycopg.connect(conninfo(live.url)) as holder:
        holder.execute("LOCK TABLE staff IN ACCESS EXCLUSIVE MODE")
        request.start()
        end = time.monotonic() + PATIENCE
        while not _waiting(holder):
            assert time.monotonic() < end
            time.sleep(0.02)
        served.process.send_signal(told)
        time.sleep(0.5)
        assert served.process.poll() is None, "did not wait for the request"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{served.url}/healthz")  # takes no new ones
    request.join(PATIENCE)
    output, _ = served.process.communicate(timeout=PATIENCE)
    assert [answer.status_code for answer in answers] == [201], output
    assert served.process.returncode == 0, output
    assert "Traceback" not in output
    with psycopg.connect(conninfo(live.url)) as reader:
        assert reader.execute("SELECT name FROM staff").fetchall() == [("N",)]


def test_an_idle_service_ends_at_once(served: Served) -> None:
    with httpx.Client() as kept_alive:
        kept_alive.get(f"{served.url}/healthz")
        started = time.monotonic()
        served.process.terminate()
        output, _ = served.process.communicate(timeout=PATIENCE)
    assert served.process.returncode == 0, output
    assert time.monotonic() - started < 5
