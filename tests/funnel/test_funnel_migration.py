"""Leads that were there before the funnel get the times of their steps from what was recorded about them."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg

from app.kernel import clock, migrate
from app.kernel.db import conninfo
from tests.conftest import Live
from tests.leads.test_lead_capture import ANA, capture
from tests.leads.test_lead_life import ANSWERS, done

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
_TIMES = "SELECT id, contacted_at, first_qualified_at FROM leads ORDER BY id"


async def _lives(live: Live) -> None:
    """Leads that were called once or twice, not reached, only met, qualified twice, or left alone."""
    calls: list[list[dict[str, str]]] = [
        [
            {"kind": "call", "outcome": "reached", "at": "2026-03-11T09:00:00Z"},
            {"kind": "email", "outcome": "interested"},
        ],
        [{"kind": "call", "outcome": "not_reached"}, {"kind": "note", "outcome": "reached"}],
        [{"kind": "meeting", "outcome": "done"}],
        [],
    ]
    for number, acts in enumerate(calls * 2):
        with clock.at(NOON):
            lead = await capture(live.client, **ANA | {"email": f"{number}@example.com", "external_id": f"f-{number}"})
        with clock.at(NOON + timedelta(days=3)):
            for act in acts:
                body = {"subject": "Teas", **act}
                response = await live.client.post(f"/v1/leads/{lead['id']}/activities", json=body)
                assert response.status_code == 201, response.text
            lead = (await live.client.get(f"/v1/leads/{lead['id']}")).json()
        for days in (4, 9) if number < len(calls) else ():
            with clock.at(NOON + timedelta(days=days)):
                lead = await done(live.client, lead, "qualify", ANSWERS)


async def test_old_leads_get_the_times_that_new_ones_have(live: Live) -> None:
    await _lives(live)
    with psycopg.connect(conninfo(live.url)) as connection:
        before = connection.execute(_TIMES).fetchall()
    await asyncio.to_thread(migrate.downgrade, live.url, "account_groups")
    await asyncio.to_thread(migrate.upgrade, live.url)
    with psycopg.connect(conninfo(live.url)) as connection:
        assert connection.execute(_TIMES).fetchall() == before
    assert [sum(row[place] is not None for row in before) for place in (1, 2)] == [6, 4]
