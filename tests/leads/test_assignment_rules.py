"""Whose turn it is, and which rule decides: the decision alone."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.leads.assignment import (
    LEAD,
    Away,
    Condition,
    Facts,
    Member,
    Rota,
    Rule,
    RuleOutcome,
    away,
    decide,
    explain,
    in_order,
)

CAPACITIES = st.one_of(
    st.integers(1, 10).map(Decimal),
    st.integers(1, 99_999_999).map(lambda parts: Decimal(parts).scaleb(-4)),
    st.sampled_from([Decimal("0.0001"), Decimal("0.5"), Decimal(9999)]),
)
AWAY = st.sampled_from([None, None, None, *Away])


def people(*capacities: Decimal | str, gone: Sequence[Away | None] = ()) -> list[Member]:
    reasons = [*gone, *[None] * len(capacities)]
    return [
        Member(id=UUID(int=n), staff_id=UUID(int=100 + n), capacity=Decimal(each), away=reason, given=0, credit=0)
        for n, (each, reason) in enumerate(zip(capacities, reasons, strict=False))
    ]


def rule(number: int = 1, position: int = 1, **asked: Any) -> Rule:
    known = {"min_value", "currency", "active"}
    wanted = {Condition[name.upper()]: frozenset(values) for name, values in asked.items() if name not in known}
    rest: dict[str, Any] = {"active": True} | {name: value for name, value in asked.items() if name in known}
    return Rule(id=UUID(int=number), name=f"R{number}", position=position, version=1, wanted=wanted, **rest)


def facts(amount: str | None = None, currency: str | None = None, **values: str) -> Facts:
    said = {each: frozenset[str]() for each in Condition}
    said |= {Condition[name.upper()]: frozenset(value.split()) for name, value in values.items()}
    return Facts(values=said, amount=None if amount is None else Decimal(amount), currency=currency)


@given(st.lists(CAPACITIES, min_size=1, max_size=9), st.integers(1, 400))
def test_nobody_is_a_whole_lead_from_their_share_at_any_time(capacities: list[Decimal], leads: int) -> None:
    rota, total = Rota(people(*capacities)), Fraction(sum(capacities))
    bound = 1 - Fraction(1, max(2 * len(capacities) - 2, 1)) + Fraction(1, 10**6)
    for number in range(1, leads + 1):
        assert rota.give() is not None
        for each in rota.members:
            assert abs(each.given - number * Fraction(each.capacity) / total) <= bound


def test_to_pick_who_is_owed_most_would_leave_some_too_far_behind() -> None:
    capacities = [3, 100, 1, 100, 1, 1, 100, 100, 1]
    total, rota = sum(capacities), Rota(people(*map(Decimal, capacities)))
    plain, ours, owed = Fraction(), Fraction(), [0] * len(capacities)
    for number in range(1, total + 1):
        owed = [old + each for old, each in zip(owed, capacities, strict=True)]
        owed[owed.index(max(owed))] -= total
        plain = max(plain, *(Fraction(each, total) for each in owed))
        rota.give()
        shares = zip(rota.members, capacities, strict=True)
        ours = max(ours, *(abs(each.given - Fraction(number * share, total)) for each, share in shares))
    assert plain > Fraction(5, 4)
    assert ours <= Fraction(15, 16)


def test_equal_people_take_turns_in_the_order_of_the_list() -> None:
    rota = Rota(people("1", "1", "1"))
    assert [chosen.staff_id.int - 100 for _ in range(7) if (chosen := rota.give())] == [0, 1, 2, 0, 1, 2, 0]


def test_half_a_capacity_gets_half_as_many() -> None:
    rota = Rota(people("1", "0.5"))
    turns = [chosen.staff_id.int - 100 for _ in range(9) if (chosen := rota.give())]
    assert Counter(turns) == {0: 6, 1: 3}
    assert [Counter(turns[n : n + 3])[1] for n in (0, 3, 6)] == [1, 1, 1]


@given(st.data())
def test_nobody_away_gets_one_and_debts_sum_to_nothing(data: st.DataObject) -> None:
    """People come and go: leads go to those who are there, and what one is owed another was given too much."""
    members = people(*data.draw(st.lists(CAPACITIES, min_size=2, max_size=7)))
    for _ in range(data.draw(st.integers(1, 6))):
        for each in members:
            each.away = data.draw(AWAY)
        rota, frozen = Rota(members), {each.id: (each.given, each.credit) for each in members if each.away}
        for _ in range(data.draw(st.integers(1, 30))):
            chosen = rota.give()
            assert (chosen is None) == (len(frozen) == len(members))
            assert chosen is None or chosen.away is None
        assert {each.id: (each.given, each.credit) for each in members if each.away} == frozen
        assert sum(each.credit for each in members) == 0
        assert all(abs(each.credit) < len(members) * LEAD for each in members)


@given(st.lists(CAPACITIES, min_size=1, max_size=6), st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_a_thousand_at_once_are_given_as_if_one_by_one(capacities: list[Decimal], batches: list[int]) -> None:
    """The state that is kept between two captures is all that turns rest on."""
    whole, parts, turns = Rota(people(*capacities)), people(*capacities), list[UUID]()
    for batch in batches:
        parts = [
            Member(
                id=each.id,
                staff_id=each.staff_id,
                capacity=each.capacity,
                away=None,
                given=each.given,
                credit=each.credit,
            )
            for each in parts
        ]
        rota = Rota(parts)
        turns += [chosen.id for _ in range(batch) if (chosen := rota.give())]
    one_by_one = [chosen.id for _ in range(sum(batches)) if (chosen := whole.give())]
    assert turns == one_by_one


def test_whoever_comes_back_or_joins_is_not_flooded() -> None:
    members = people("1", "1", "1", gone=[Away.ABSENT])
    rota = Rota(members)
    for _ in range(100):
        rota.give()
    assert [each.given for each in members] == [0, 50, 50]
    members[0].away = None
    back = Rota(members)
    turns = Counter(chosen.id.int for _ in range(6) if (chosen := back.give()))
    assert turns == {0: 2, 1: 2, 2: 2}


def test_next_changes_nothing() -> None:
    rota = Rota(people("1", "2"))
    for _ in range(10):
        expected = rota.next()
        assert rota.next() is expected
        assert rota.give() is expected


@pytest.mark.parametrize(
    ("active", "absent", "capacity", "why"),
    [
        (False, True, "0", Away.INACTIVE),
        (True, True, "0", Away.ABSENT),
        (True, False, "0", Away.NO_CAPACITY),
        (True, False, "0.0001", None),
    ],
)
def test_why_somebody_gets_nothing(active: bool, absent: bool, capacity: str, why: Away | None) -> None:
    assert away(active=active, absent=absent, capacity=Decimal(capacity)) == why


def test_a_rule_matches_when_every_condition_does() -> None:
    lead = facts(country="DE", campaign="SPRING", source="web", product="chai-10 cola", size="small")
    assert rule().matches(lead)
    assert rule(country=["AT", "DE"], campaign=["SPRING"], product=["chai-10", "x"], size=["small"]).matches(lead)
    for name, value in (("country", "AT"), ("campaign", "F"), ("source", "crm"), ("product", "x"), ("size", "micro")):
        wrong: dict[str, Any] = {name: [value]}
        assert not rule(**wrong).matches(lead)
        assert not rule(**{"country": ["DE"], **wrong}).matches(lead)
        assert not rule(**wrong).matches(facts())


def test_a_least_value_is_one_in_its_currency() -> None:
    large = rule(min_value=Decimal(5000), currency="EUR")
    assert large.matches(facts("5000", "EUR"))
    for amount, currency in (("4999.99", "EUR"), ("50000", "USD"), (None, None)):
        assert not large.matches(facts(amount, currency))
    assert large.why_not(facts("4999.99", "EUR")) == "value is 4999.99 EUR, not 5000 EUR or more"
    assert large.why_not(facts()) == "value is not known, not 5000 EUR or more"


def test_the_first_rule_with_somebody_decides() -> None:
    first, second, third = rule(3, 1, country=["DE"]), rule(1, 2, country=["DE"]), rule(2, 2)
    rules = in_order([third, second, first])
    assert [each.id.int for each in rules] == [3, 1, 2]
    rotas = {
        first.id: Rota(people("1", gone=[Away.ABSENT])),
        second.id: Rota(people("1")),
        third.id: Rota(people("1")),
    }
    german, other = decide(rules, rotas, facts(country="DE")), decide(rules, rotas, facts(country="FR"))
    assert (german.rule, other.rule) == (second, third)
    assert german.reason == (
        'rule "R3" matches, but nobody of it is there today; rule "R1" matches (country DE): next in turn'
    )
    assert other.reason == 'rule "R2" matches (every lead): next in turn'
    assert decide([first], rotas, facts(country="FR")) == (None, None, "no rule matches")
    assert decide([first], rotas, facts(country="DE")).reason == 'rule "R3" matches, but nobody of it is there today'


def test_a_long_condition_is_told_in_brief() -> None:
    wide = rule(country=[f"{n:02}" for n in range(20)])
    assert wide.why_not(facts()) == "country is not known, not 00 or 01 or 02 or 03 or 04 or 15 others"


RULES = st.lists(
    st.builds(
        rule,
        number=st.integers(1, 40),
        position=st.integers(0, 3),
        country=st.sets(st.sampled_from("AB"), max_size=2).map(lambda values: values or {"A", "B", "C"}),
        active=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda each: each.id,
)


@settings(max_examples=60)
@given(RULES, st.sampled_from("ABC"), st.data())
def test_an_explanation_says_what_would_happen(rules: list[Rule], country: str, data: st.DataObject) -> None:
    lead, ordered = facts(country=country), in_order(rules)
    gone = {each.id: data.draw(st.lists(AWAY, min_size=2, max_size=2)) for each in rules}

    def rotas() -> dict[UUID, Rota]:
        return {key: Rota(people("1", "2", gone=reasons)) for key, reasons in gone.items()}

    told, verdicts = explain(ordered, rotas(), lead)
    done = decide([each for each in ordered if each.active], rotas(), lead)
    assert (told.rule, told.reason, told.member and told.member.id) == (
        done.rule,
        done.reason,
        done.member and done.member.id,
    )
    assert [each.rule for each in verdicts] == ordered
    assert [each.rule for each in verdicts if each.outcome is RuleOutcome.DECIDES] == ([done.rule] if done.rule else [])
    assert all(each.why for each in verdicts)
