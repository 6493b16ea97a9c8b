"""A service that is told to stop finishes what it has begun."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from app.kernel import auth
from app.kernel.auth import Permission
from app.kernel.db import conninfo
from tests.conftest import Live
from tests.service import PATIENCE, Service, service


@pytest.fixture
async def headers(live: Live) -> dict[str, str]:
    async with live.database.transaction() as session:
        return {"Authorization": f"Bearer {auth.issue(session, name='a', scopes=tuple(Permission))[1]}"}


@pytest.fixture
def served(live: Live, tmp_path: Path) -> Iterator[Service]:
    with service(live.url, tmp_path) as running:
        yield running


def _waiting(holder: psycopg.Connection) -> bool:
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE NOT granted AND datname = current_database()"
    )
    row = holder.execute(query).fetchone()
    return row is not None and row[0] > 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_and_then_the_process_ends_well(
    live: Live, served: Service, headers: dict[str, str], told: signal.Signals
) -> None:
    nancy = {"name": "N", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(httpx.post(f"{served.url}/v1/staff", json=nancy, headers=headers, timeout=PATIENCE))

    request = threading.Thread(target=send)
    with psycopg.connect(conninfo(live.url)) as holder:
        holder.execute("LOCK TABLE staff IN ACCESS EXCLUSIVE MODE")
        request.start()
        end = time.monotonic() + PATIENCE
        while not _waiting(holder):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert served.process is not None
        served.process.send_signal(told)
        time.sleep(0.5)
        assert served.process.poll() is None, "did not wait for the request"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{served.url}/healthz")  # takes no new ones
    request.join(PATIENCE)
    code = served.process.wait(PATIENCE)
    output = served.log.read_text()
    assert [answer.status_code for answer in answers] == [201], output
    assert code == 0, output
    assert "Traceback" not in output
    with psycopg.connect(conninfo(live.url)) as reader:
        assert reader.execute("SELECT name FROM staff").fetchall() == [("N",)]


def test_an_idle_service_ends_at_once(served: Service) -> None:
    with httpx.Client() as kept_alive:
        kept_alive.get(f"{served.url}/healthz")
        started = time.monotonic()
        assert served.stop() == 0, served.log.read_text()
    assert time.monotonic() - started < 5
