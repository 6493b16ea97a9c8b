"""The database is stopped, killed and cut off under load: callers are told to come back, and coming back is enough."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.soak.ground import Ground
from tests.soak.servers import QUEUE, SERVICE, OwnPostgres


@dataclass(frozen=True)
class Scale:
    """How much of it."""

    callers: int
    times: int
    away: float
    between: int


SHORT = pytest.param(Scale(callers=4, times=1, away=0.2, between=2), id="short")
LONG = pytest.param(Scale(callers=16, times=5, away=2.0, between=40), id="long", marks=pytest.mark.soak)

Fault = Callable[[OwnPostgres], None]
_AWAY: tuple[Fault, ...] = (
    lambda postgres: postgres.stop(),
    lambda postgres: postgres.stop(at_once=True),
    lambda postgres: postgres.kill(),
)
_CUT: tuple[Fault, ...] = (
    lambda postgres: postgres.kill_a_session(),
    lambda postgres: postgres.terminate(SERVICE, QUEUE),
)


@pytest.mark.parametrize("scale", [SHORT, LONG])
async def test_restarts_under_load(scale: Scale, ground: Ground) -> None:
    department, healed = ground.department, 0.0
    async with department.at_work(scale.callers):
        await department.rounds(scale.between)
        for _ in range(scale.times):
            for fault in _AWAY:
                await asyncio.to_thread(fault, ground.postgres)
                await ground.ready(wanted=False)
                await asyncio.sleep(scale.away)
                await asyncio.to_thread(ground.postgres.start)
                healed = max(healed, await ground.ready(wanted=True))
                await department.rounds(scale.between)
            for fault in _CUT:
                await asyncio.to_thread(fault, ground.postgres)
                await department.rounds(scale.between)
    faults = scale.times * (len(_AWAY) + len(_CUT))
    print(f"\n{faults} faults under {scale.callers} callers: {department.seen}; ready {healed:.2f} s after")  # noqa: T201
    assert department.seen.answers["503"]
    await ground.all_holds()
    await ground.jobs_are_done()


async def test_connections_that_died_while_they_idled_fail_no_request(ground: Ground) -> None:
    for _ in range(2):
        await asyncio.gather(*(ground.department.round() for _ in range(4)))
        ground.postgres.terminate(SERVICE)
        ground.postgres.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = %s", SERVICE)
        await asyncio.sleep(0.1)
    await asyncio.gather(*(ground.department.round() for _ in range(4)))
    assert set(ground.department.seen.answers) == {"200", "201"}
