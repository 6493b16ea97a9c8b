"""The ground that the tests of faults in the database share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.kernel.settings import Settings
from tests.conftest import Server
from tests.soak import sockets
from tests.soak.callers import Seen
from tests.soak.ground import Ground, serving
from tests.soak.servers import own_postgres
from tests.soak.small_disk import forbidden, small_disks
from tests.soak.sockets import POOL, Served


@pytest.fixture(scope="session")
async def shared_ground(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> AsyncIterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("ground")
    with (own_postgres if forbidden() else small_disks)(folder / "postgres") as postgres:
        async with serving(settings, postgres, folder) as ground:
            yield ground


@pytest.fixture
def ground(shared_ground: Ground) -> Ground:
    """A service on a database of its own, as the test before left it, but with nothing seen yet."""
    shared_ground.department.seen = Seen()
    return shared_ground


@pytest.fixture(scope="session")
async def shared_plain(
    server: Server, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    async with sockets.serving(server, settings, tmp_path_factory.mktemp("plain"), {"pool_size": POOL}) as found:
        yield found


@pytest.fixture
def plain(shared_plain: Served) -> Served:
    """A service with the usual limits, whose log nobody looks at for what came before the test."""
    shared_plain.faults()
    return shared_plain
