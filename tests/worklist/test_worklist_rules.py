"""Reasons in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.worklist import rules
from app.worklist.rules import View

DAY = date(2026, 6, 15)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
BERLIN = View(DAY, NOON, NOON - timedelta(hours=14), NOON + timedelta(hours=10), "Europe/Berlin", 24, 14, 7)


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (NOON, NOON + timedelta(hours=1), "from 14:00 to 15:00"),
        (NOON - timedelta(days=1), NOON, "from 2026-06-14 14:00 to 14:00"),
        (NOON, NOON + timedelta(hours=10), "from 14:00 to 2026-06-16 00:00"),
    ],
)
def test_meetings_are_told_in_the_companys_time(starts: datetime, ends: datetime, said: str) -> None:
    assert rules.reason_of_meeting(BERLIN, starts_at=starts, ends_at=ends, subject="Teas") == f"Meeting {said}: Teas"


@pytest.mark.parametrize(("late", "said"), [(0, "due today"), (1, "due 1 day ago"), (30, "due 30 days ago")])
def test_next_steps(late: int, said: str) -> None:
    due = DAY - timedelta(days=late)
    assert rules.reason_of_next_step(BERLIN, due_on=due, step="Call") == f"Next step {said}: Call"


@pytest.mark.parametrize(
    ("hours", "contacted", "said"),
    [
        (24, False, "came in 24 hours ago, no contact yet"),
        (47.9, True, "last contact 47 hours ago"),
        (48, True, "last contact 2 days ago"),
        (1.5, True, "last contact 1 hour ago"),
    ],
)
def test_strong_leads(hours: float, contacted: bool, said: str) -> None:
    heard_at = NOON - timedelta(hours=hours)
    assert rules.reason_of_lead(BERLIN, score=82, heard_at=heard_at, contacted=contacted) == f"Score 82: {said}"


def test_quotes_and_decision_makers() -> None:
    heard_at, opened_on = NOON - timedelta(days=9, hours=1), DAY - timedelta(days=20)
    assert rules.reason_of_quote(BERLIN, stage="Proposal", heard_at=heard_at) == (
        "Proposal: nothing done or heard for 9 days"
    )
    never = rules.reason_of_decision_maker(BERLIN, contacted_at=None, opened_on=opened_on)
    once = rules.reason_of_decision_maker(BERLIN, contacted_at=heard_at, opened_on=opened_on)
    assert (never, once) == ("Decides: never contacted, opened 20 days ago", "Decides: last contact 9 days ago")
