import itertools
from datetime import UTC, datetime, timedelta

import pytest

from app.leads import rules
from app.leads.rules import (
    MOVES,
    Authority,
    Budget,
    DisqualifyReason,
    Intention,
    Interest,
    LeadStatus,
    MoveNotAllowed,
    Need,
    ScoreFacts,
    ScoreReason,
    check_move,
    comes_back,
    score,
    total,
)

BEST = ScoreFacts(
    interest=Interest.STRONG,
    intention=Intention.COMMITTED,
    horizon_months=0,
    budget=Budget.APPROVED,
    authority=Authority.DECISION_MAKER,
    need=Need.EXPLICIT,
    email="anna@acme.com",
    telephone="+4930123456",
    products=2,
    message=True,
    touches=9,
    campaign=True,
)


def points(facts: ScoreFacts) -> dict[str, int]:
    return {line.reason: line.points for line in score(facts)}


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(LeadStatus, LeadStatus)))
def test_the_table_alone_decides(current: LeadStatus, wanted: LeadStatus) -> None:
    if wanted in MOVES[current]:
        check_move(current, wanted)
    else:
        with pytest.raises(MoveNotAllowed) as refused:
            check_move(current, wanted)
        assert (refused.value.current, refused.value.wanted) == (current, wanted)
        assert refused.value.allowed == MOVES[current]


def test_the_shape_of_a_lead_s_life() -> None:
    assert MOVES.keys() == set(LeadStatus)
    assert not MOVES[LeadStatus.CONVERTED]
    assert MOVES[LeadStatus.DISQUALIFIED] == {LeadStatus.RECYCLED}
    assert [s for s in LeadStatus if LeadStatus.CONVERTED in MOVES[s]] == [LeadStatus.QUALIFIED]
    assert not any(LeadStatus.NEW in ways or status in ways for status, ways in MOVES.items())


def test_a_refusal_says_where_the_lead_can_go() -> None:
    with pytest.raises(
        ValueError, match="new cannot become converted; it can become contacted, qualified, disqualified"
    ):
        check_move(LeadStatus.NEW, LeadStatus.CONVERTED)
    with pytest.raises(ValueError, match="this is final"):
        check_move(LeadStatus.CONVERTED, LeadStatus.NEW)


def test_who_was_given_up_comes_back_when_something_happens_afterwards() -> None:
    noon, minute = datetime(2026, 6, 1, 12, tzinfo=UTC), timedelta(minutes=1)

    def back(reason: DisqualifyReason | None, after: timedelta = minute, *, withdraws: bool = False) -> bool:
        return comes_back(reason, given_up_at=noon, heard_at=noon + after, withdraws=withdraws)

    final = {reason for reason in DisqualifyReason if not back(reason)}
    assert final == {DisqualifyReason.SPAM, DisqualifyReason.DUPLICATE, DisqualifyReason.WRONG_DATA}
    assert back(DisqualifyReason.NO_BUDGET, 0 * minute)
    assert not back(DisqualifyReason.NO_BUDGET, -minute)
    assert not back(DisqualifyReason.NO_BUDGET, withdraws=True)


def test_nothing_known_scores_nothing() -> None:
    assert score(ScoreFacts()) == []
    assert total([]) == 0


def test_the_best_lead_scores_exactly_100_and_capture_alone_20() -> None:
    assert sum(points(BEST).values()) == total(score(BEST)) == 100
    assert points(BEST).keys() == set(ScoreReason)
    captured = ScoreFacts(
        email=BEST.email, telephone=BEST.telephone, products=1, message=True, touches=99, campaign=True
    )
    assert total(score(captured)) == 20


def test_the_worst_lead_is_clipped_at_0_with_its_lines_shown() -> None:
    worst = ScoreFacts(
        interest=Interest.NONE,
        intention=Intention.NONE,
        horizon_months=36,
        budget=Budget.NONE,
        authority=Authority.NONE,
        need=Need.NONE,
        email="anna@gmail.com",
    )
    assert points(worst) == {
        "budget": -10, "authority": -5, "need": -15, "interest": -10, "intention": -10, "timing": 0, "email": 0,
    }  # fmt: skip
    assert total(score(worst)) == 0


def test_each_better_answer_earns_more() -> None:
    for table in rules._ANSWERS.values():
        assert list(table.values()) == sorted(set(table.values()))
    horizons = [points(ScoreFacts(horizon_months=months))["timing"] for months in (0, 3, 4, 6, 7, 12, 13, 99)]
    assert horizons == [10, 10, 7, 7, 3, 3, 0, 0]
    assert [points(ScoreFacts(touches=count)).get("touches") for count in (1, 2, 3, 4, 5)] == [None, 1, 2, 3, 3]


def test_lines_are_readable() -> None:
    details = [line.detail for line in score(BEST)]
    assert "authority: decision maker" in details
    assert "company address at acme.com" in details
    assert "heard of 9 times" in details
