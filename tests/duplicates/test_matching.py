"""What speaks for two records being one: names, companies, telephones; the rules alone."""

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from app.duplicates import names
from app.duplicates.fields import FIELDS, united
from app.duplicates.matching import Facts, compare, keys
from app.duplicates.rules import LEAST_SCORE, Kind, Side


def facts(kind: Kind = Kind.LEADS, **known: Any) -> Facts:
    return Facts(id=uuid7(), kind=kind, **known)


@pytest.mark.parametrize(
    ("written", "company"),
    [
        ("Müller GmbH & Co. KG", "muller"),
        ("MUELLER G.m.b.H.", "muller"),
        ("Muller Sp. z o.o.", "muller"),
        ("Café São Jorge, S. A.", "cafe sao jorge"),
        ("The Big Cheese, Inc.", "big cheese"),
        ("B's Beverages", "bs beverages"),
        ("Bólido Comidas S.p.A.", "bolido comidas"),
        ("Folk och fä HB", "folk fa hb"),
        ("Northwind Limted", "northwind"),
        ("GmbH", "gmbh"),
        ("", ""),
        (None, ""),
    ],
)
def test_companies_without_their_legal_form(written: str | None, company: str) -> None:
    assert names.company(written) == company


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Anna Berg", "company": "Acme GmbH"}, {"name": "Berg, Ana", "company": "ACME"}),
        ({"name": "Anna Berg", "email": "a@gmail.com"}, {"email": "a@gmail.com"}),
        (
            {"name": "Jürgen Groß", "telephone": "030 1234567", "country": "DE"},
            {"name": "Juergen Gross", "telephone": "+49301234567"},
        ),
        (
            {"company": "Acme GmbH", "telephone": "030 1234567", "country": "DE"},
            {"company": "Acme", "telephone": "+49 30 1234567"},
        ),
        (
            {"name": "Sara Berg", "company": "Acme", "country": "SE"},
            {"name": "SaraB erg", "company": "Acme", "country": "SE"},
        ),
    ],
)
def test_these_are_shown_to_somebody(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = facts(**one), facts(**other)
    score, reasons = compare(first, second)
    assert score >= LEAST_SCORE, reasons
    assert keys(first) & keys(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Anna Berg", "email": "info@acme.com"}, {"name": "Tom Jones", "email": "info@acme.com"}),
        ({"name": "Anna Berg", "company": "Acme"}, {"name": "Tom Jones", "company": "Acme"}),
        ({"name": "John Smith", "country": "US"}, {"name": "John Smith", "country": "US"}),
        ({"name": "Anna Berg", "email": "anna@gmail.com"}, {"name": "Anna Bergmann", "email": "anna.b@gmail.com"}),
        ({"name": "Anna Berg", "telephone": "+49301234567"}, {"name": "Tom Jones", "telephone": "+49301234567"}),
    ],
)
def test_these_are_two(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert compare(facts(**one), facts(**other))[0] < LEAST_SCORE


def test_a_parent_is_no_duplicate() -> None:
    top = facts(Kind.ACCOUNTS, company="Acme GmbH", country="DE")
    low = Facts(id=uuid7(), kind=Kind.ACCOUNTS, company="Acme", country="DE", related=frozenset({top.id}))
    assert compare(top, low) == compare(low, top) == (0, [])


WORDS = st.lists(st.sampled_from("anna berg ana jones smith li wei müller garcía".split()), max_size=3).map(" ".join)  # noqa: SIM905
SOME = st.builds(
    Facts,
    id=st.uuids(version=4),
    kind=st.just(Kind.LEADS),
    name=st.none() | WORDS,
    company=st.none() | WORDS,
    email=st.none() | st.sampled_from(["a@x.de", "b@x.de", "a@gmail.com"]),
    telephone=st.none() | st.sampled_from(["+49301234567", "030 1234567", "?"]),
    country=st.none() | st.sampled_from(["DE", "FR"]),
    website=st.none() | st.sampled_from(["https://www.x.de/shop", "x.de", "nothing"]),
)


@given(SOME, SOME)
def test_it_does_not_matter_who_is_named_first(one: Facts, other: Facts) -> None:
    score, reasons = compare(one, other)
    turned, others = compare(other, one)
    assert score == turned
    assert [(each.field, each.points) for each in reasons] == [(each.field, each.points) for each in others]
    assert score == max(0, min(100, sum(reason.points for reason in reasons)))
    assert all(reason.detail for reason in reasons)


@given(SOME)
def test_the_same_facts_have_the_same_keys(one: Facts) -> None:
    again = replace(one, id=uuid7())
    assert keys(one) == keys(again)
    assert len(keys(one)) <= 12


def test_few_records_of_many_share_a_key() -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time
    letters = "abcdefghiklmnoprstuvw"

    def word() -> str:
        return "".join(chance.choices(letters, k=8))

    many = [facts(name=f"{word()} {word()}", company=word()) for _ in range(300)]
    shared = [one for one, other in pairwise(many) if keys(one) & keys(other)]
    assert len(shared) < 3


def _lead(**known: object) -> dict[str, object]:
    columns = [column for names in FIELDS[Kind.LEADS].values() for column in names]
    blank: dict[str, object] = dict.fromkeys(columns)
    lists: dict[str, object] = {"product_skus": [], "attributes": {}, "person_key": ""}
    return blank | lists | {"budget": "unknown", "authority": "unknown", "need": "unknown"} | known


def test_what_is_empty_is_filled_and_what_is_kept_is_said() -> None:
    this = _lead(company="Acme", product_skus=["A", "B"], attributes={"a": 1}, estimated_value=None, budget="none")
    other = _lead(
        company="ACME", job_title="Boss", product_skus=["B", "C"], attributes={"a": 2, "b": 3}, budget="approved",
        need="explicit", telephone="1", telephone_e164="+1", estimated_value=5, estimated_currency="EUR",
    )  # fmt: skip
    assert united(Kind.LEADS, this, other, {}) == {
        "job_title": "Boss", "product_skus": ["A", "B", "C"], "attributes": {"a": 1, "b": 3}, "need": "explicit",
        "telephone": "1", "telephone_e164": "+1", "estimated_value": 5, "estimated_currency": "EUR",
    }  # fmt: skip
    kept = {"company": Side.OTHER, "job_title": Side.THIS, "product_skus": Side.THIS, "website": Side.OTHER}
    changed = united(Kind.LEADS, this, other, {**kept, "attributes": Side.OTHER, "telephone": Side.THIS})
    assert changed == {
        "company": "ACME", "attributes": {"a": 2, "b": 3}, "need": "explicit", "estimated_value": 5,
        "estimated_currency": "EUR",
    }  # fmt: skip
