"""What a lead may become, and how far it is qualified: enums, one table of moves, one open score.

Pure: no I/O, no clock. The score follows BANT (budget, authority, need, timing), the qualification questions that
IBM's sales force made common, with interest and intention to buy asked beside them. Every point is a line that can be
shown to a sales person; there is no hidden weight. What sales found out can earn 80 points, what the lead brought along
when it was captured 20, so that no lead counts as warm before somebody has talked to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from app.kernel.contact import email_domain, is_freemail


class LeadStatus(StrEnum):
    """Where a lead stands. ``converted`` is final; ``recycled`` is back with us after a "not now" or a "no"."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    DISQUALIFIED = "disqualified"
    RECYCLED = "recycled"


MOVES: Mapping[LeadStatus, frozenset[LeadStatus]] = MappingProxyType(
    {
        LeadStatus.NEW: frozenset({LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.DISQUALIFIED}),
        LeadStatus.CONTACTED: frozenset({LeadStatus.QUALIFIED, LeadStatus.DISQUALIFIED, LeadStatus.RECYCLED}),
        LeadStatus.QUALIFIED: frozenset({LeadStatus.CONVERTED, LeadStatus.DISQUALIFIED, LeadStatus.RECYCLED}),
        LeadStatus.CONVERTED: frozenset(),
        LeadStatus.DISQUALIFIED: frozenset({LeadStatus.RECYCLED}),
        LeadStatus.RECYCLED: frozenset({LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.DISQUALIFIED}),
    }
)


class MoveNotAllowed(ValueError):  # noqa: N818 - reads as what it is: the move is not allowed
    """A lead was asked to become what its status does not lead to; ``allowed`` lists where it can go."""

    def __init__(self, current: LeadStatus, wanted: LeadStatus, allowed: frozenset[LeadStatus]) -> None:
        self.current, self.wanted, self.allowed = current, wanted, allowed
        ways = ", ".join(status for status in LeadStatus if status in allowed)
        super().__init__(
            f"a lead that is {current} cannot become {wanted}; "
            + (f"it can become {ways}" if ways else "this is final")
        )


def check_move(current: LeadStatus, wanted: LeadStatus) -> None:
    """Refuse a move that is not in the table; staying where one is, is no move either.

    Raises:
        MoveNotAllowed: with the moves there are.

    """
    if wanted not in MOVES[current]:
        raise MoveNotAllowed(current, wanted, MOVES[current])


class DisqualifyReason(StrEnum):
    """Why a lead is not pursued; asked for with every disqualification."""

    NO_INTEREST = "no_interest"
    NO_BUDGET = "no_budget"
    NO_AUTHORITY = "no_authority"
    COMPETITOR = "competitor"
    NOT_REACHABLE = "not_reachable"
    DUPLICATE = "duplicate"
    WRONG_DATA = "wrong_data"
    SPAM = "spam"
    OUT_OF_TERRITORY = "out_of_territory"
    OTHER = "other"


_NOBODY_TO_COME_BACK = frozenset({DisqualifyReason.DUPLICATE, DisqualifyReason.WRONG_DATA, DisqualifyReason.SPAM})


def comes_back(reason: DisqualifyReason | None, *, given_up_at: datetime, heard_at: datetime, withdraws: bool) -> bool:
    """Whether hearing of a disqualified lead again opens it again (``recycled``).

    Not when it happened before we gave the lead up, when they only withdrew a consent (``withdraws``), or when there
    was nobody to begin with: a duplicate, wrong data, spam.
    """
    return heard_at >= given_up_at and not withdraws and reason not in _NOBODY_TO_COME_BACK


class Interest(StrEnum):
    """How much the person cares for what we offer."""

    NONE = "none"
    SOME = "some"
    STRONG = "strong"


class Intention(StrEnum):
    """How far the decision to buy has gone, from whomever."""

    NONE = "none"
    CONSIDERING = "considering"
    INTENDS = "intends"
    COMMITTED = "committed"


class Budget(StrEnum):
    """Whether there is money for it; ``none`` was asked and denied, ``unknown`` was not asked."""

    UNKNOWN = "unknown"
    NONE = "none"
    PLANNED = "planned"
    APPROVED = "approved"


class Authority(StrEnum):
    """What the person has to say in the decision."""

    UNKNOWN = "unknown"
    NONE = "none"
    INFLUENCER = "influencer"
    DECISION_MAKER = "decision_maker"


class Need(StrEnum):
    """Whether there is a problem we solve: felt but not put into words (latent), or stated (explicit)."""

    UNKNOWN = "unknown"
    NONE = "none"
    LATENT = "latent"
    EXPLICIT = "explicit"


class ScoreReason(StrEnum):
    """What a line of the score is given for."""

    BUDGET = "budget"
    AUTHORITY = "authority"
    NEED = "need"
    TIMING = "timing"
    INTEREST = "interest"
    INTENTION = "intention"
    EMAIL = "email"
    TELEPHONE = "telephone"
    PRODUCTS = "products"
    MESSAGE = "message"
    TOUCHES = "touches"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFacts:
    """All the score rests on. None and ``unknown`` mean nobody asked: no line, no points."""

    interest: Interest | None = None
    intention: Intention | None = None
    horizon_months: int | None = None  # whole months until they mean to buy, 0 is now
    budget: Budget = Budget.UNKNOWN
    authority: Authority = Authority.UNKNOWN
    need: Need = Need.UNKNOWN
    email: str | None = None  # normalised
    telephone: str | None = None  # E.164, so it can be dialled
    products: int = 0  # distinct products named
    message: bool = False  # they wrote something of their own
    touches: int = 1  # times we heard of them, the first included
    campaign: bool = False  # answered a campaign of ours


class Points(NamedTuple):
    """One line of a score."""

    reason: ScoreReason
    detail: str
    points: int


# A table per question: StrEnum members of the same text are equal, Budget.NONE == Need.NONE.
_ANSWERS: Mapping[ScoreReason, Mapping[str, int]] = {
    ScoreReason.BUDGET: {Budget.NONE: -10, Budget.PLANNED: 8, Budget.APPROVED: 15},
    ScoreReason.AUTHORITY: {Authority.NONE: -5, Authority.INFLUENCER: 8, Authority.DECISION_MAKER: 15},
    ScoreReason.NEED: {Need.NONE: -15, Need.LATENT: 7, Need.EXPLICIT: 15},
    ScoreReason.INTEREST: {Interest.NONE: -10, Interest.SOME: 5, Interest.STRONG: 10},
    ScoreReason.INTENTION: {
        Intention.NONE: -10,
        Intention.CONSIDERING: 5,
        Intention.INTENDS: 10,
        Intention.COMMITTED: 15,
    },
}
_TIMING = ((3, 10), (6, 7), (12, 3))  # (months at most, points); later than all of them is worth nothing
_COMPANY_EMAIL, _TELEPHONE, _PRODUCTS, _MESSAGE, _CAMPAIGN = 4, 4, 4, 3, 2
_TOUCHES_MOST = 3  # one for each touch after the first


def score(facts: ScoreFacts) -> list[Points]:
    """Every known fact as a line, worth something or not: BANT first, then what came with the capture."""
    answers: Sequence[str | None] = (facts.budget, facts.authority, facts.need, facts.interest, facts.intention)
    lines = [
        Points(reason, f"{reason}: {answer.replace('_', ' ')}", worth)
        for (reason, worths), answer in zip(_ANSWERS.items(), answers, strict=True)
        if answer and (worth := worths.get(answer)) is not None
    ]
    if (months := facts.horizon_months) is not None:
        worth = next((points for most, points in _TIMING if months <= most), 0)
        lines.append(Points(ScoreReason.TIMING, f"wants to buy within {months} months", worth))
    return lines + list(_from_capture(facts))


def _from_capture(facts: ScoreFacts) -> Iterable[Points]:
    if facts.email:
        private = is_freemail(domain := email_domain(facts.email))
        detail = f"private mailbox at {domain}" if private else f"company address at {domain}"
        yield Points(ScoreReason.EMAIL, detail, 0 if private else _COMPANY_EMAIL)
    if facts.telephone:
        yield Points(ScoreReason.TELEPHONE, "a telephone number that can be dialled", _TELEPHONE)
    if facts.products > 0:
        yield Points(ScoreReason.PRODUCTS, f"products named: {facts.products}", _PRODUCTS)
    if facts.message:
        yield Points(ScoreReason.MESSAGE, "wrote a message", _MESSAGE)
    if facts.touches > 1:
        yield Points(ScoreReason.TOUCHES, f"heard of {facts.touches} times", min(facts.touches - 1, _TOUCHES_MOST))
    if facts.campaign:
        yield Points(ScoreReason.CAMPAIGN, "answered a campaign", _CAMPAIGN)


def total(lines: Iterable[Points]) -> int:
    """The score: the sum of its lines, kept within 0 and 100."""
    return max(0, min(100, sum(line.points for line in lines)))
