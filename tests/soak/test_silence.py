"""The database falls silent, as behind a dead network: no answer, no error. Nothing waits longer than it may."""

import asyncio
import signal

import pytest

from tests.soak.ground import LIMITS, REQUEST_TIMEOUT, Ground
from tests.soak.servers import QUEUE, SERVICE

_SOME = 2 * int(LIMITS["pool_size"])
_SLACK = 2  # seconds that a busy machine may add; one more is for leaving the silent connection


async def test_sessions_that_stay_silent_are_replaced(ground: Ground) -> None:
    """They held no lock: requests, the feed and its watcher go on with new ones while the old are still silent."""
    department, postgres = ground.department, ground.postgres
    await asyncio.gather(*(department.round() for _ in range(4)))
    with postgres.frozen(*postgres.sessions(SERVICE)):
        async with department.at_work(4):
            await department.rounds(4)
    print(f"\nsilent sessions: {department.seen}")  # noqa: T201 - what the run saw
    assert department.seen.answers["503"]
    assert REQUEST_TIMEOUT <= department.seen.slowest < REQUEST_TIMEOUT + 1 + _SLACK
    await ground.all_holds()


@pytest.mark.soak
async def test_a_server_that_falls_silent_under_load(ground: Ground) -> None:
    """In the middle of transactions, and not even a new connection is answered."""
    department, postgres = ground.department, ground.postgres
    async with department.at_work(4):
        await department.rounds(2)
        with postgres.frozen(postgres.postmaster, *postgres.sessions(SERVICE), *postgres.sessions(QUEUE)):
            await department.refusals(5 * _SOME)
            await ground.ready(wanted=False)
        await ground.ready(wanted=True)
        await department.rounds(4)
    print(f"\nsilent server: {department.seen}")  # noqa: T201 - what the run saw
    assert department.seen.slowest < REQUEST_TIMEOUT + 1 + _SLACK
    await ground.all_holds()
    await ground.jobs_are_done()


@pytest.mark.soak
async def test_a_service_whose_database_is_silent_ends_when_it_is_told_to(ground: Ground) -> None:
    postgres, process = ground.postgres, ground.served.process
    assert process is not None
    await ground.department.round()
    with postgres.frozen(*postgres.sessions(SERVICE), *postgres.sessions(QUEUE)):
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 2 * int(LIMITS["shutdown_timeout"]) + 5 + 5)
    await asyncio.to_thread(ground.served.start)
    await ground.department.round()
    await ground.all_holds()
    await ground.jobs_are_done()
