from itertools import product

import pytest

from app.accounts.rules import MOVES, AccountStatus, Move, MoveNotAllowed, after
from app.kernel.address import Address, missing_fields


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


def test_what_an_address_lacks() -> None:
    assert missing_fields(None) == ["lines", "city", "postal_code", "country"]
    assert missing_fields(Address(country="DE").model_dump()) == ["lines", "city", "postal_code"]
    dublin = Address(lines=["8 Johnstown Road"], city="Cork", country="IE")
    assert missing_fields(dublin.model_dump()) == []
    assert missing_fields({**dublin.model_dump(), "country": "GB"}) == ["postal_code"]
