"""What an account may become, and what a person may say about being written to. Pure: no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.kernel.schema import Body, Flag, Instant, Line, Query, Read, Text


class AccountType(StrEnum):
    """What an account does with what it buys: uses it, or sells it on."""

    END_CUSTOMER = "end_customer"
    RESELLER = "reseller"
    WHOLESALER = "wholesaler"
    DISTRIBUTOR = "distributor"


class CompanySize(StrEnum):
    """How many people an account employs: up to 9, up to 49, up to 249, more."""

    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class AccountStatus(StrEnum):
    """A `prospect` has not bought yet; a `blocked` one gets no orders confirmed; a `closed` one is no customer."""

    PROSPECT = "prospect"
    ACTIVE = "active"
    BLOCKED = "blocked"
    CLOSED = "closed"


class Move(StrEnum):
    """What changes an account's status."""

    ACTIVATE = "activate"
    BLOCK = "block"
    UNBLOCK = "unblock"
    CLOSE = "close"
    REOPEN = "reopen"


_OPEN = frozenset({AccountStatus.PROSPECT, AccountStatus.ACTIVE})


@dataclass(frozen=True, slots=True)
class _Rule:
    """From which statuses a move starts and where it leads; None: to what the account was before."""

    start: frozenset[AccountStatus]
    target: AccountStatus | None


MOVES: Mapping[Move, _Rule] = MappingProxyType(
    {
        Move.ACTIVATE: _Rule(frozenset({AccountStatus.PROSPECT}), AccountStatus.ACTIVE),
        Move.BLOCK: _Rule(_OPEN, AccountStatus.BLOCKED),
        Move.UNBLOCK: _Rule(frozenset({AccountStatus.BLOCKED}), None),
        Move.CLOSE: _Rule(_OPEN | {AccountStatus.BLOCKED}, AccountStatus.CLOSED),
        Move.REOPEN: _Rule(frozenset({AccountStatus.CLOSED}), None),
    }
)


class MoveNotAllowed(ValueError):  # noqa: N818 - reads as what it is: the move is not allowed
    """The account's status does not allow the move."""


def after(move: Move, current: AccountStatus, before: AccountStatus) -> AccountStatus:
    """The status after a move. `before` is what the account last was while open: prospect or active.

    Raises:
        MoveNotAllowed: the move does not start from the current status.

    """
    rule = MOVES[move]
    if current not in rule.start:
        starts = " or ".join(status for status in AccountStatus if status in rule.start)
        raise MoveNotAllowed(f"to {move}, an account must be {starts}; this one is {current}")
    return rule.target or before


class PurchaseKind(StrEnum):
    """A completed order, or goods that came back."""

    SALE = "sale"
    RETURN = "return"


class ConsentPurpose(StrEnum):
    """What a person may be contacted for, or their data used for."""

    MARKETING = "marketing"
    NEWSLETTER = "newsletter"
    OFFERS = "offers"
    SURVEYS = "surveys"
    PROFILING = "profiling"


class ConsentChannel(StrEnum):
    """By which way."""

    EMAIL = "email"
    POST = "post"
    TELEPHONE = "telephone"
    SMS = "sms"


class ConsentCreate(Body):
    """A person agreed (`granted`) or withdrew. A grant after a withdrawal counts only with evidence."""

    purpose: ConsentPurpose
    channel: ConsentChannel
    granted: Flag = Field(examples=[True])
    at: Instant | None = Field(None, description="When they said so; now when left out, and never later than now.")
    evidence: Text | None = Field(None, examples=["double opt-in, mail 4711 confirmed"])


class ConsentEntry(Read):
    """What a person said about one purpose and channel, and who told us (`source`)."""

    purpose: ConsentPurpose
    channel: ConsentChannel
    granted: bool
    at: datetime
    evidence: str | None
    source: Annotated[Line, Field(examples=["web-form"])]


class ConsentRead(ConsentEntry):
    """Something that was said, whether it counts or has been overtaken."""

    id: UUID
    created_at: datetime = Field(description="When we were told.")


class ConsentQuery(Query):
    """How to list what somebody said about being contacted."""

    sort: Literal["at", "-at"] = "-at"
