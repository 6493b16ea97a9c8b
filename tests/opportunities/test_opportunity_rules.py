"""What a move to a stage needs and refuses, and whom an order names."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.opportunities.rules import LostReason, Part, StageType, who_orders, wrong_in_move

OPENED, TODAY = date(2026, 1, 10), date(2026, 3, 10)
NOTHING: dict[str, Any] = {"lost_reason": None, "lost_note": None, "probability": None, "closed_on": None}


def wrong(to: StageType, *, has_account: bool = True, **said: Any) -> list[tuple[str, str]]:
    found = wrong_in_move(to, has_account=has_account, opened_on=OPENED, today=TODAY, **NOTHING | said)
    return [(each.pointer, each.code) for each in found]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (StageType.OPEN, {}),
        (StageType.OPEN, {"probability": Decimal("0.3"), "has_account": False}),
        (StageType.WON, {"closed_on": TODAY}),
        (StageType.WON, {"closed_on": OPENED}),
        (StageType.LOST, {"lost_reason": LostReason.PRICE, "lost_note": "too dear", "has_account": False}),
    ],
)
def test_what_is_fine(to: StageType, said: dict[str, Any]) -> None:
    assert wrong(to, **said) == []


@pytest.mark.parametrize(
    ("to", "said", "places"),
    [
        (StageType.WON, {"has_account": False}, [("/stage", "account")]),
        (StageType.LOST, {}, [("/lost_reason", "missing")]),
        (StageType.WON, {"lost_reason": LostReason.OTHER}, [("/lost_reason", "out_of_place")]),
        (StageType.OPEN, {"lost_note": "x"}, [("/lost_note", "out_of_place")]),
        (StageType.WON, {"probability": Decimal(1)}, [("/probability", "out_of_place")]),
        (StageType.OPEN, {"closed_on": TODAY}, [("/closed_on", "out_of_place")]),
        (StageType.WON, {"closed_on": date(2026, 3, 11)}, [("/closed_on", "future")]),
        (StageType.WON, {"closed_on": date(2026, 1, 9)}, [("/closed_on", "period")]),
        (
            StageType.WON,
            {"has_account": False, "lost_reason": LostReason.OTHER, "lost_note": "x", "probability": Decimal(0)},
            [
                ("/stage", "account"),
                ("/lost_reason", "out_of_place"),
                ("/lost_note", "out_of_place"),
                ("/probability", "out_of_place"),
            ],
        ),
    ],
)
def test_everything_wrong_is_named(to: StageType, said: dict[str, Any], places: list[tuple[str, str]]) -> None:
    assert wrong(to, **said) == places


@pytest.mark.parametrize(
    ("people", "who"),
    [
        ([], None),
        ([("Ana", Part.USER)], "Ana"),
        ([("Ana", Part.USER), ("Ben", Part.CHAMPION)], None),
        ([("Ana", Part.USER), ("Ben", Part.DECISION_MAKER)], "Ben"),
        ([("Ana", Part.DECISION_MAKER), ("Ben", Part.DECISION_MAKER)], None),
    ],
)
def test_who_decides_or_is_the_only_one_orders(people: list[tuple[str, Part]], who: str | None) -> None:
    assert who_orders(people) == who
