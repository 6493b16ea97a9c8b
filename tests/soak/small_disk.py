"""A PostgreSQL whose tables and whose log lie on small disks, to be filled until the kernel has no more room.

The disks are tmpfs, mounted where only the server sees them: in a mount namespace, which root makes by `unshare` alone
and everybody else with a user namespace around it. This file is also the program that runs in there.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from app.kernel import migrate
from app.kernel.db import conninfo
from app.kernel.embedded import EmbeddedPostgres
from tests.soak.servers import SETTINGS, OwnPostgres

_SIZES = {"tables": "400m", "log": "256m"}
_FEW_SEGMENTS = {"min_wal_size": "32MB", "max_wal_size": "96MB"}
_ROOT = os.geteuid() == 0
_MOUNT = ("mount", "-t", "tmpfs")
_UNSHARE = ("unshare", "--mount") if _ROOT else ("unshare", "--mount", "--user", "--map-current-user", "--keep-caps")


class FullDisk(OwnPostgres):
    """The server, and its disks."""

    def __init__(self, embedded: EmbeddedPostgres, inside: subprocess.Popen[str]) -> None:
        super().__init__(embedded)
        self._inside = inside

    def start(self) -> None:
        self._tell("start")

    def fill(self, disk: str) -> None:
        """Leave no byte free on the disk of `tables` or of the `log`."""
        self._tell("fill", disk)

    def free(self) -> None:
        """Make room again."""
        self._tell("free")

    @property
    def log(self) -> str:
        """What PostgreSQL has reported."""
        return (self._embedded.data / "log").read_text()

    def _tell(self, *command: str) -> None:
        assert self._inside.stdin
        assert self._inside.stdout
        self._inside.stdin.write(json.dumps(command) + "\n")
        self._inside.stdin.flush()
        answer = self._inside.stdout.readline()
        assert answer == "done\n", answer


def forbidden() -> str:
    """Why nobody may mount a disk here; empty where one may."""
    tried = subprocess.run([*_UNSHARE, *_MOUNT, "none", "/mnt"], capture_output=True, text=True, check=False)  # noqa: S603
    return (tried.returncode and (tried.stderr.strip() or "no mount")) or ""


@contextmanager
def small_disks(folder: Path) -> Iterator[FullDisk]:
    """The server with the schema in it; gone afterwards."""
    command = [*_UNSHARE, sys.executable, "-m", "tests.soak.small_disk", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as inside:  # noqa: S603 - ourselves
        found = FullDisk(EmbeddedPostgres(folder), inside)
        try:
            found.start()
            yield found
        finally:
            assert inside.stdin
            inside.stdin.close()
            inside.wait()
            shutil.rmtree(found._embedded.home)


class _Disks:
    """Inside the namespace."""

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self._embedded = embedded
        self._places = {"tables": embedded.home / "tables", "log": embedded.data / "pg_wal"}

    def lay(self) -> None:
        """Make the cluster, and move its tables and its log to the disks."""
        with self._embedded:
            owner = self._embedded.data.stat()
        segments = self._places["log"].rename(self._embedded.home / "pg_wal")
        for disk, place in self._places.items():
            place.mkdir()
            options = f"size={_SIZES[disk]},mode=0700" + (f",uid={owner.st_uid},gid={owner.st_gid}" if _ROOT else "")
            subprocess.run([*_MOUNT, "-o", options, "none", place], check=True)  # noqa: S603
        shutil.copytree(segments, self._places["log"], dirs_exist_ok=True)
        space = self._places["tables"] / "space"
        space.mkdir(mode=0o700)
        for path in (space, *self._places["log"].rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        with self._embedded:
            with psycopg.connect(conninfo(self._embedded.url), dbname="postgres", autocommit=True) as connection:
                connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
                connection.execute("ALTER DATABASE bellwether SET TABLESPACE small")
            migrate.upgrade(self._embedded.url)

    def start(self) -> None:
        self._embedded.start()

    def fill(self, disk: str) -> None:
        with (self._places[disk] / "ballast").open("ab", buffering=0) as ballast:
            for page in (bytes(1 << 20), bytes(1 << 12)):
                with suppress(OSError):
                    while True:
                        ballast.write(page)

    def free(self) -> None:
        for place in self._places.values():
            (place / "ballast").unlink(missing_ok=True)


def _obey(folder: Path) -> None:
    """Do what comes in, a line each, until nothing comes any more."""
    embedded = EmbeddedPostgres(folder, settings={**SETTINGS, **_FEW_SEGMENTS})
    disks = _Disks(embedded)
    disks.lay()
    try:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            getattr(disks, name)(*arguments)
            print("done", flush=True)  # noqa: T201 - the answer
    finally:
        embedded.stop()


if __name__ == "__main__":
    _obey(Path(sys.argv[1]))
