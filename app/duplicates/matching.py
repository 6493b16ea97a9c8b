"""Whether two records may be one: which are compared at all, and what speaks for it. Pure: no I/O.

Records are compared when they share a key (`keys`). Each key is narrow enough for few to have it, and there are several
ways to share one, so that what is misspelt in one of them is still found by another. What two have in common earns
points (`compare`), each with a reason that a person can read; what tells them apart costs some.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from rapidfuzz import fuzz

from app.duplicates import names
from app.duplicates.rules import Kind, Reason
from app.kernel.contact import email_domain, is_freemail, normalise_phone

_MOST = 100
_SAME, _NEAR, _LIKE = 99.9, 90.0, 82.0  # per cent of likeness
_OTHER = 60.0  # two names below are two people
_HALF_KEY, _BEGINNING = 6, 4  # letters


@dataclass(frozen=True)
class Facts:
    """What is compared of a record. `telephone` is as typed; `telephone_e164` where it is known already."""

    id: UUID
    kind: Kind
    name: str | None = None  # of the person
    company: str | None = None
    email: str | None = None
    telephone: str | None = None
    telephone_e164: str | None = None
    country: str | None = None
    website: str | None = None
    postal_code: str | None = None
    related: frozenset[UUID] = field(default=frozenset())  # the parent of an account: no duplicate of it

    @cached_property
    def person(self) -> str:
        return names.person(self.name)

    @cached_property
    def spelt(self) -> str:
        """The letters of the person's name as written: a blank in the wrong place does not count."""
        return "".join(names.words(self.name or ""))

    @cached_property
    def firm(self) -> str:
        return names.company(self.company)

    @cached_property
    def number(self) -> str | None:
        return self.telephone_e164 or (normalise_phone(self.telephone, self.country) if self.telephone else None)

    @cached_property
    def place(self) -> tuple[str | None, str] | None:
        """The postal code in its country."""
        return (self.country, "".join(names.words(self.postal_code))) if self.postal_code else None

    @cached_property
    def domains(self) -> frozenset[str]:
        """The domains that are the company's: of the email, unless anybody can have one there, and the website."""
        mail = email_domain(self.email) if self.email else ""
        host = (self.website or "").lower().removeprefix("https://").removeprefix("http://").removeprefix("www.")
        site = host.split("/")[0].split("?")[0].split(":")[0]
        return frozenset(each for each in (mail, site) if "." in each and not is_freemail(each))


def keys(facts: Facts) -> frozenset[int]:
    """What a record is found by, hashed: records that share one are compared."""
    return frozenset(_hashed(facts.kind, key) for key in _keys(facts))


def _hashed(kind: Kind, key: Sequence[str]) -> int:
    digest = hashlib.blake2b("\0".join((kind, *key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _keys(facts: Facts) -> Iterator[tuple[str, ...]]:
    if facts.number:
        yield "tel", facts.number
    if facts.email:
        yield "email", facts.email
    country, firm = facts.country or "", facts.firm
    if facts.kind is Kind.ACCOUNTS:
        yield from (("domain", domain) for domain in facts.domains)
        yield from _of_company(firm, country)
        return
    person = facts.person.split()
    initials = "".join(sorted({word[0] for word in person}))
    if not person:
        if firm:
            yield "firm", firm, country
        return
    yield "person", " ".join(person), country
    if firm:
        yield "initials", initials, firm.split()[0][:_HALF_KEY]
        yield "person of", " ".join(person), firm[:3]
        yield "begins of", facts.spelt[:_BEGINNING], firm.split()[0][:_HALF_KEY]
    for domain in facts.domains:
        yield "initials at", initials, domain


def _of_company(firm: str, country: str) -> Iterator[tuple[str, ...]]:
    """The whole name anywhere; in a country its beginning, its longest word, and the consonants that begin it."""
    if not firm:
        return
    joined = firm.replace(" ", "")
    consonants = "".join(letter for letter in joined if letter not in "aeiouy")
    yield "firm", joined
    yield "first", firm.split(maxsplit=1)[0], country
    yield "longest", max(firm.split(), key=len), country
    yield "begins", joined[:_HALF_KEY], country
    yield "sounds", consonants[:_HALF_KEY], country
    yield "ends", joined[-_HALF_KEY:], country


def compare(one: Facts, other: Facts) -> tuple[int, list[Reason]]:
    """The score, 0 to 100, and what it is made of."""
    if one.id in other.related or other.id in one.related:
        return 0, []
    found = _of_accounts(one, other) if one.kind is Kind.ACCOUNTS else _of_people(one, other)
    reasons = [reason for reason in found if reason is not None]
    return max(0, min(_MOST, sum(reason.points for reason in reasons))), reasons


def _of_people(one: Facts, other: Facts) -> Iterator[Reason | None]:
    alike = _likeness(one, other) if one.person and other.person else None
    strangers = alike is not None and alike < _OTHER
    yield _email(one, other, strangers=strangers)
    if one.number and one.number == other.number:
        yield Reason(field="telephone", detail=f"the same number, {one.number}", points=35)
    if alike is not None:
        yield _person(one, other, alike)
    firm = _company(one, other, same=27, near=24)
    yield firm
    yield _domain(one, other, points=5 if firm else 12)
    yield _country(one, other, same=5, differs=-5)


def _of_accounts(one: Facts, other: Facts) -> Iterator[Reason | None]:
    firm = _company(one, other, same=55, near=51)
    yield firm or Reason(field="name", detail=f"{one.company} and {other.company} are other names", points=-15)
    if one.number and one.number == other.number:
        yield Reason(field="telephone", detail=f"the same number, {one.number}", points=30)
    if one.email and one.email == other.email:
        yield Reason(field="email", detail=f"the same address, {one.email}", points=30)
    yield _domain(one, other, points=30)
    yield _country(one, other, same=10, differs=-25)
    if one.place and one.place == other.place:
        yield Reason(field="postal_code", detail=f"the same postal code, {one.postal_code}", points=15)


def _likeness(one: Facts, other: Facts) -> float:
    """Of two people's names, in per cent."""
    return max(fuzz.token_sort_ratio(one.person, other.person), fuzz.ratio(one.spelt, other.spelt))


def _email(one: Facts, other: Facts, *, strangers: bool) -> Reason | None:
    """One address of two people says nothing: many share one. One that differs by a letter may be misspelt."""
    if not one.email or not other.email or strangers:
        return None
    if one.email == other.email:
        return Reason(field="email", detail=f"the same address, {one.email}", points=60)
    alike = fuzz.ratio(one.email, other.email)
    if alike < _NEAR:
        return None
    detail = f"{one.email} and {other.email} are nearly the same address ({alike:.0f} %)"
    return Reason(field="email", detail=detail, points=15)


def _person(one: Facts, other: Facts, alike: float) -> Reason | None:
    both = f"{one.name} and {other.name}"
    if alike >= _SAME:
        return Reason(field="name", detail=f"the same name, {one.name}" if one.name == other.name else
                      f"{both} have the same words", points=36)  # fmt: skip
    if alike >= _NEAR:
        return Reason(field="name", detail=f"{both} are nearly the same name ({alike:.0f} %)", points=33)
    if alike >= _LIKE:
        return Reason(field="name", detail=f"{both} are like each other ({alike:.0f} %)", points=28)
    if alike < _OTHER:
        return Reason(field="name", detail=f"{both} are other names", points=-40)
    return Reason(field="name", detail=f"{both} are hardly like each other ({alike:.0f} %)", points=-10)


def _company(one: Facts, other: Facts, *, same: int, near: int) -> Reason | None:
    if not one.firm or not other.firm:
        return None
    field = "name" if one.kind is Kind.ACCOUNTS else "company"
    both = f"{one.company} and {other.company}"
    if one.firm == other.firm:
        written = f"the same company, {one.company}" if one.company == other.company else f"{both} are one name"
        return Reason(field=field, detail=written, points=same)
    joined = fuzz.ratio(one.firm.replace(" ", ""), other.firm.replace(" ", ""))
    alike = max(joined, fuzz.token_sort_ratio(one.firm, other.firm))
    if alike < _NEAR and not (alike >= _LIKE and len(one.firm) + len(other.firm) < 4 * _HALF_KEY):
        return None
    return Reason(field=field, detail=f"{both} are nearly one name ({alike:.0f} %)", points=near)


def _domain(one: Facts, other: Facts, *, points: int) -> Reason | None:
    shared = sorted(one.domains & other.domains)
    return Reason(field="domain", detail=f"both are at {shared[0]}", points=points) if shared else None


def _country(one: Facts, other: Facts, *, same: int, differs: int) -> Reason | None:
    if not one.country or not other.country:
        return None
    if one.country == other.country:
        return Reason(field="country", detail=f"both are in {one.country}", points=same)
    return Reason(field="country", detail=f"one is in {one.country}, one in {other.country}", points=differs)
