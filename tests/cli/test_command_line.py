"""The command `bellwether`, as processes: what it prints, how it ends, what it leaves behind."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from typer.testing import CliRunner, Result

from app.cli import tokens
from app.cli.commands import cli
from app.cli.ground import CannotStart, database, demand_schema, listening
from app.kernel import clock, migrate
from app.kernel.auth import Permission, look_up
from app.kernel.db import Database, conninfo
from app.kernel.embedded import EmbeddedPostgres
from app.kernel.errors import Unauthenticated
from app.kernel.settings import Settings
from tests.conftest import Live, Server

BELLWETHER = Path(sys.executable).with_name("bellwether")
PATIENCE = 60.0

Finished = subprocess.CompletedProcess[str]


def environment(**settings: object) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BELLWETHER_")}
    return inherited | {f"BELLWETHER_{name.upper()}": str(value) for name, value in settings.items()}


def bellwether(*args: str, **settings: object) -> Finished:
    return subprocess.run(  # noqa: S603 - our own command
        [BELLWETHER, *args], env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def refusal(*args: str, **settings: object) -> str:
    """The one line with which a command refuses."""
    done = bellwether(*args, **settings)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (1, "", 1), done
    assert lines[0].startswith("bellwether: ")
    return lines[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Service:
    """A command that goes on until it is told to stop."""

    def __init__(self, command: str, **settings: object) -> None:
        self.url = f"http://127.0.0.1:{settings['port']}"
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [BELLWETHER, command], env=environment(**settings),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self._read: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()
        self.until(self._answers)

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            self._read.extend(self.process.stdout)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False

    @property
    def cpu_seconds(self) -> float:
        """What it has computed so far: unlike the time that passed, no matter of what else this machine does."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def printed(self) -> str:
        return "".join(self._read)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    name = server.clone()
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose embedded database is gone afterwards."""
    yield tmp_path
    with_root_it_lies_elsewhere = EmbeddedPostgres(tmp_path / "postgres").home
    shutil.rmtree(with_root_it_lies_elsewhere, ignore_errors=True)


def postgres_of(home: Path) -> list[str]:
    """The command lines of the processes that run an embedded database."""
    data = str(EmbeddedPostgres(home / "postgres").data)
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(each.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if data in line]


def keys_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)_KEY=(bw_\S+)$", text, re.MULTILINE))


def test_run_twice_with_a_kill_in_between(home: Path) -> None:
    settings = {"data_dir": home, "port": free_port()}

    def orders(service: Service, key: str) -> object:
        found = httpx.get(f"{service.url}/v1/orders", headers={"Authorization": f"Bearer {key}"})
        assert found.status_code == 200, found.text
        return found.json()["data"]

    first = Service("run", **settings)
    first.until(lambda: "DISPATCH_KEY=" in first.printed)
    file = home / "demo-keys"
    keys = keys_in(file.read_text())
    assert keys == keys_in(first.printed)
    assert set(keys) == {"MARKETING", "SALES", "ORDER_ADMINISTRATION", "PRODUCTION", "DISPATCH"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"{first.url}/docs" in first.printed
    seen = orders(first, keys["DISPATCH"])
    assert seen
    assert postgres_of(home)
    assert (first.stop(signal.SIGINT), postgres_of(home)) == (0, [])

    killed = Service("run", **settings)
    assert killed.cpu_seconds < 5
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL

    again = Service("run", **settings)
    again.until(lambda: "DISPATCH_KEY=" in again.printed)
    assert keys_in(again.printed) == keys
    assert orders(again, keys["DISPATCH"]) == seen
    assert (again.stop(signal.SIGTERM), postgres_of(home)) == (0, [])
    assert "Traceback" not in first.printed + killed.printed + again.printed


def test_requests_in_flight_finish_before_it_stops(url: str) -> None:
    service = Service("serve", port=free_port(), database_url=url)
    key = bellwether("token", "create", "t", "--scope", "staff:read", database_url=url).stdout.strip()
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.get(f"{service.url}/v1/staff", headers={"Authorization": f"Bearer {key}"}, timeout=20))

    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("LOCK TABLE staff")
        asking = threading.Thread(target=ask)
        asking.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        service.until(lambda: connection.execute(waiting).fetchone() == (1,))
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert service.process.poll() is None
        connection.rollback()
    asking.join(PATIENCE)
    assert [answer.status_code for answer in answers] == [200]
    assert service.process.wait(PATIENCE) == 0
    assert "server" not in answers[0].headers
    assert "Traceback" not in service.printed


def test_the_port_is_looked_at_first(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        line = refusal("run", data_dir=home, port=port)
    assert f"port {port} on 127.0.0.1 is taken" in line
    assert "BELLWETHER_PORT" in line
    assert not home.exists()


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_does_not_answer(command: str) -> None:
    nobody = f"postgresql://me:secret@127.0.0.1:{free_port()}/db"
    line = refusal(command, database_url=nobody, port=free_port())
    assert "the database does not answer" in line
    assert "BELLWETHER_DATABASE_URL" in line
    assert "secret" not in line


def test_an_old_schema_is_refused_until_it_is_migrated(url: str) -> None:
    migrate.downgrade(url, "staff")
    line = refusal("run", database_url=url, port=free_port())
    assert "the database's schema is staff" in line
    assert "run `bellwether migrate`" in line
    done = bellwether("migrate", database_url=url)
    assert (done.returncode, done.stdout) == (0, f"the schema is {migrate.head()}\n")
    service = Service("run", database_url=url, port=free_port())
    assert service.stop() == 0
    assert "_KEY=" not in service.printed


def test_what_cannot_be_right_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "BELLWETHER_PORT: " in refusal("serve", port="http")
    with pytest.raises(CannotStart, match=str(file / "data")), database(Settings(data_dir=file / "data")):
        pass
    with pytest.raises(CannotStart, match="BELLWETHER_HOST"), listening(Settings(host="no.such.host.invalid")):
        pass
    with pytest.raises(CannotStart, match="is not a URL"):
        demand_schema("localhost")


async def test_a_key_from_its_making_to_its_end(live: Live, settings: Settings) -> None:
    made = bellwether(
        *("token", "create", "erp", "--role", "marketing", "--scope", "metrics:read", "--expires", "2999-01-01"),
        database_url=live.url,
    )
    assert (made.returncode, made.stderr) == (0, "")
    secret = made.stdout.strip()
    async with live.database.read() as connection:
        principal = await look_up(connection, secret)
    assert principal.name == "erp"
    marketing = {"leads:read", "leads:capture", "products:read", "funnel:read", "events:read"}
    assert set(principal.scopes) == marketing | {"metrics:read"}
    listed = bellwether("token", "list", database_url=live.url).stdout
    assert "erp" in listed
    assert "2999-01-01" in listed
    assert secret not in listed
    assert bellwether("token", "revoke", "erp", database_url=live.url).returncode == 0
    fresh = Database(settings, live.url)
    with pytest.raises(Unauthenticated):
        async with fresh.read() as connection:
            await look_up(connection, secret)
    await fresh.dispose()


async def test_keys_that_nobody_could_use_are_refused(database: Database) -> None:
    scopes = [Permission.LEADS_READ]
    await tokens.create(database, "erp", scopes, None)
    with pytest.raises(CannotStart, match="there is a key named erp"):
        await tokens.create(database, "erp", scopes, None)
    with pytest.raises(CannotStart, match="could never be used"):
        await tokens.create(database, "late", scopes, clock.now())
    with pytest.raises(CannotStart, match="--scope"):
        await tokens.create(database, "idle", [], None)
    with pytest.raises(CannotStart, match="nobody"):
        await tokens.revoke(database, "nobody")


def test_openapi_is_written_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "api" / "openapi.json"

    def openapi(*args: str) -> Result:
        return CliRunner().invoke(cli, ["openapi", "--file", str(file), *args])

    def refused() -> bool:
        done = openapi("--check")
        return done.exit_code == 1 and "run `make openapi`" in done.stderr and done.stderr.count("\n") == 1

    assert openapi().exit_code == 0
    assert openapi("--check").exit_code == 0
    file.write_text(file.read_text().replace("Bellwether", "Other", 1))
    assert refused()
