"""Who gets a new lead: the first rule that matches and has somebody, and whose turn it is there. Pure, no I/O.

**Turns.** Among the people of a rule leads are given in turn, in proportion to their capacities. With each lead all who
are there are owed a part of it, the parts making one, and who gets it is owed one less. Among those who are owed enough
it goes to who could wait least, before being owed more than the bound below. That is Tijdeman's algorithm for the
chairman assignment problem (Discrete Mathematics 32, 1980): as long as people and capacities stay the same, nobody is
ever further from his or her share than 1 - 1/(2n - 2) of a lead, n being how many they are. Whoever picks who is owed
most keeps no such bound.

Who is away is owed nothing meanwhile, and keeps what was owed: nobody is flooded when back, and whoever joins begins
at nothing. All numbers are whole, so the same leads on the same state always give the same turns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

LEAD = 10**12
"""One lead, in the units in which members are owed."""


class Away(StrEnum):
    """Why somebody gets no lead today."""

    ABSENT = "absent"
    INACTIVE = "inactive"
    NO_CAPACITY = "no_capacity"


def away(*, active: bool, absent: bool, capacity: Decimal) -> Away | None:
    """Why somebody gets no lead today; None when he or she does."""
    if not active:
        return Away.INACTIVE
    if absent:
        return Away.ABSENT
    return None if capacity > 0 else Away.NO_CAPACITY


@dataclass(slots=True, kw_only=True)
class Member:
    """Somebody among whom a rule's leads are given in turn; `id` is the membership's, `credit` what is owed."""

    id: UUID
    staff_id: UUID
    capacity: Decimal
    away: Away | None
    given: int
    credit: int


class Rota:
    """A rule's people, in the order of the list."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = list(members)
        self._present = [each for each in self.members if each.away is None]
        self._shares = _shares([each.capacity for each in self._present])
        self.used = False

    def next(self) -> Member | None:
        """Whose turn it is; None when nobody is there. Nothing changes."""
        count = len(self._present)
        if count <= 1:
            return self._present[0] if count else None
        scale = 2 * count - 2
        owed = [(each.credit + share, share) for each, share in zip(self._present, self._shares, strict=True)]
        enough = [place for place, (credit, _) in enumerate(owed) if credit * scale >= LEAD]

        def deadline(place: int) -> tuple[int, int]:
            credit, share = owed[place]
            return ((scale - 1) * LEAD - scale * credit) * LEAD // share, place

        return self._present[min(enough or range(count), key=deadline)]

    def give(self) -> Member | None:
        """Let the next one have a lead; None when nobody is there."""
        chosen = self.next()
        if chosen is None:
            return None
        for each, share in zip(self._present, self._shares, strict=True):
            each.credit += share
        chosen.credit -= LEAD
        chosen.given += 1
        self.used = True
        return chosen


def _shares(capacities: Sequence[Decimal]) -> list[int]:
    """One lead in proportion to the capacities; what cannot be divided goes to the first ones."""
    if not capacities:
        return []
    whole = [int(each.scaleb(4)) for each in capacities]  # a capacity has four places
    total = sum(whole)
    shares = [LEAD * each // total for each in whole]
    left = LEAD - sum(shares)
    return [share + (place < left) for place, share in enumerate(shares)]


class Condition(StrEnum):
    """What a rule may ask of a lead: one of several values."""

    COUNTRY = "country"
    CAMPAIGN = "campaign"
    SOURCE = "source"
    PRODUCT = "product"
    SIZE = "company size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules look at; SKUs in small letters. An unknown fact has no values."""

    values: Mapping[Condition, frozenset[str]]
    amount: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which leads a rule is for. A condition that is not among `wanted` is not asked for."""

    id: UUID
    name: str
    position: int
    version: int
    active: bool
    wanted: Mapping[Condition, frozenset[str]]
    min_value: Decimal | None = None
    currency: str | None = None

    def matches(self, lead: Facts) -> bool:
        """Whether the lead meets every condition."""
        return all(self.wanted[each] & lead.values[each] for each in self.wanted) and self._is_worth_it(lead)

    def _is_worth_it(self, lead: Facts) -> bool:
        if self.min_value is None:
            return True
        return lead.amount is not None and lead.currency == self.currency and lead.amount >= self.min_value

    def why(self, lead: Facts) -> str:
        """What of the lead matches, in words."""
        met = [f"{each} {_either(self.wanted[each] & lead.values[each])}" for each in self.wanted]
        met += [] if self.min_value is None else [f"value of {self.min_value:f} {self.currency} or more"]
        return ", ".join(met) or "every lead"

    def why_not(self, lead: Facts) -> str:
        """What does not match, in words."""
        unmet = [
            f"{each} is {_either(lead.values[each]) or 'not known'}, not {_either(self.wanted[each])}"
            for each in self.wanted
            if not self.wanted[each] & lead.values[each]
        ]
        if not self._is_worth_it(lead):
            known = "not known" if lead.amount is None else f"{lead.amount:f} {lead.currency}"
            unmet.append(f"value is {known}, not {self.min_value:f} {self.currency} or more")
        return "; ".join(unmet)


_SHOWN = 5  # values; a rule may have hundreds


def _either(values: Iterable[str]) -> str:
    shown = sorted(values)
    more = [f"{len(shown) - _SHOWN} others"] if len(shown) > _SHOWN else []
    return " or ".join(shown[:_SHOWN] + more)


class Decision(NamedTuple):
    """Who gets a lead, by which rule, and why in words; neither when no rule has anybody for it."""

    rule: Rule | None
    member: Member | None
    reason: str


class RuleOutcome(StrEnum):
    """What a rule has to say about a lead."""

    DECIDES = "decides"
    NOBODY_THERE = "nobody_there"
    NO_MATCH = "no_match"
    TOO_LATE = "too_late"
    INACTIVE = "inactive"


class Verdict(NamedTuple):
    """One rule's part in a decision."""

    rule: Rule
    outcome: RuleOutcome
    why: str


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """The order in which rules are asked."""
    return sorted(rules, key=lambda rule: (rule.position, rule.id))


def decide(rules: Sequence[Rule], rotas: Mapping[UUID, Rota], lead: Facts) -> Decision:
    """Give a lead to whoever's turn it is. `rules` are the active ones, `in_order`."""
    passed: list[str] = []
    for rule in rules:
        if rule.matches(lead):
            chosen = rotas[rule.id].give()
            if chosen is not None:
                return Decision(rule, chosen, "; ".join([*passed, _chosen(rule, lead)]))
            passed.append(_nobody(rule))
    return Decision(None, None, "; ".join(passed or ["no rule matches"]))


def explain(rules: Sequence[Rule], rotas: Mapping[UUID, Rota], lead: Facts) -> tuple[Decision, list[Verdict]]:
    """What `decide` would do, and what each rule has to say. Nobody is given anything."""
    decision, passed, verdicts = Decision(None, None, ""), list[str](), list[Verdict]()
    for rule in rules:
        if not rule.active:
            verdicts.append(Verdict(rule, RuleOutcome.INACTIVE, "it is not active"))
        elif not rule.matches(lead):
            verdicts.append(Verdict(rule, RuleOutcome.NO_MATCH, rule.why_not(lead)))
        elif decision.rule is not None:
            verdicts.append(Verdict(rule, RuleOutcome.TOO_LATE, f'rule "{decision.rule.name}" comes first'))
        elif (chosen := rotas[rule.id].next()) is None:
            passed.append(_nobody(rule))
            verdicts.append(Verdict(rule, RuleOutcome.NOBODY_THERE, "it matches, but nobody of it is there today"))
        else:
            decision = Decision(rule, chosen, "; ".join([*passed, _chosen(rule, lead)]))
            verdicts.append(Verdict(rule, RuleOutcome.DECIDES, rule.why(lead)))
    if decision.rule is None:
        decision = Decision(None, None, "; ".join(passed or ["no rule matches"]))
    return decision, verdicts


def _chosen(rule: Rule, lead: Facts) -> str:
    return f'rule "{rule.name}" matches ({rule.why(lead)}): next in turn'


def _nobody(rule: Rule) -> str:
    return f'rule "{rule.name}" matches, but nobody of it is there today'
