"""The ground that the tests of faults in the database share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.kernel.settings import Settings
from tests.soak.callers import Seen
from tests.soak.ground import Ground, serving
from tests.soak.servers import own_postgres


@pytest.fixture(scope="session")
async def shared_ground(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> AsyncIterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("ground")
    with own_postgres(folder / "postgres") as postgres:
        async with serving(settings, postgres, folder) as ground:
            yield ground


@pytest.fixture
def ground(shared_ground: Ground) -> Ground:
    """A service on a database of its own, as the test before left it, but with nothing seen yet."""
    shared_ground.department.seen = Seen()
    return shared_ground
