from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import (
    MOVES,
    AccountStatus,
    ConsentChannel,
    ConsentEntry,
    ConsentPurpose,
    Move,
    MoveNotAllowed,
    after,
    standing,
)
from app.kernel.address import Address, missing_fields

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def said(granted: bool, minutes: int = 0, evidence: str | None = None, **fields: object) -> ConsentEntry:
    return ConsentEntry.model_validate(
        {
            "purpose": "newsletter",
            "channel": "email",
            "granted": granted,
            "at": NOON + timedelta(minutes=minutes),
            "evidence": evidence,
            "source": "form",
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("move", "current", "target"),
    [
        (Move.ACTIVATE, AccountStatus.PROSPECT, AccountStatus.ACTIVE),
        (Move.BLOCK, AccountStatus.PROSPECT, AccountStatus.BLOCKED),
        (Move.BLOCK, AccountStatus.ACTIVE, AccountStatus.BLOCKED),
        (Move.UNBLOCK, AccountStatus.BLOCKED, AccountStatus.PROSPECT),
        (Move.CLOSE, AccountStatus.PROSPECT, AccountStatus.CLOSED),
        (Move.CLOSE, AccountStatus.ACTIVE, AccountStatus.CLOSED),
        (Move.CLOSE, AccountStatus.BLOCKED, AccountStatus.CLOSED),
        (Move.REOPEN, AccountStatus.CLOSED, AccountStatus.PROSPECT),
    ],
)
def test_moves(move: Move, current: AccountStatus, target: AccountStatus) -> None:
    assert after(move, current, AccountStatus.PROSPECT) is target


def test_all_other_moves_are_refused() -> None:
    allowed = {(move, start) for move, rule in MOVES.items() for start in rule.start}
    assert len(allowed) == 8
    for move, current in set(product(Move, AccountStatus)) - allowed:
        with pytest.raises(MoveNotAllowed, match=f"to {move}, .* is {current}"):
            after(move, current, AccountStatus.ACTIVE)


@pytest.mark.parametrize(
    ("entries", "granted"),
    [
        ([said(True)], True),
        ([said(False)], False),
        ([said(True), said(False, 1)], False),
        ([said(False), said(True, 1)], False),  # no evidence
        ([said(False), said(True, 1, "mail 7")], True),
        ([said(False, 2), said(True, 1, "mail 7")], False),  # not newer
        ([said(False, 1), said(True, 1, "mail 7")], False),  # not newer either
        ([said(False), said(True, 1, "mail 7"), said(False, 2), said(True, 3)], False),
        ([said(True, 0, "mail 7"), said(True, 1)], True),
    ],
)
def test_a_withdrawal_wins_until_a_newer_grant_with_evidence(entries: list[ConsentEntry], granted: bool) -> None:
    for order in permutations(entries):
        assert [entry.granted for entry in standing(order)] == [granted]


def test_purposes_and_channels_stand_for_themselves() -> None:
    entries = [said(True), said(False, channel="telephone"), said(True, 1, purpose="offers")]
    assert standing(entries) == [entries[0], entries[1], entries[2]]


SAID = st.builds(
    said,
    st.booleans(),
    st.integers(0, 5),
    st.sampled_from([None, "mail 7"]),
    purpose=st.sampled_from(list(ConsentPurpose)[:2]),
    channel=st.sampled_from(list(ConsentChannel)[:2]),
)


@given(st.lists(SAID, max_size=12))
def test_what_stands_is_what_going_through_them_in_time_would_find(entries: list[ConsentEntry]) -> None:
    found: dict[tuple[str, str], bool] = {}
    for entry in sorted(entries, key=lambda each: (each.at, not each.granted)):
        key = (entry.purpose, entry.channel)
        if not entry.granted or entry.evidence is not None or key not in found:
            found[key] = entry.granted
    assert {(entry.purpose, entry.channel): entry.granted for entry in standing(entries)} == found


def test_what_an_address_lacks() -> None:
    assert missing_fields(None) == ["lines", "city", "postal_code", "country"]
    assert missing_fields(Address(country="DE").model_dump()) == ["lines", "city", "postal_code"]
    dublin = Address(lines=["8 Johnstown Road"], city="Cork", country="IE")
    assert missing_fields(dublin.model_dump()) == []
    assert missing_fields({**dublin.model_dump(), "country": "GB"}) == ["postal_code"]
