"""Which lead an incoming row belongs to, and what it changes: the decision only, no I/O.

A row is decided by the first rule that applies, on the leads as the rows before it left them:

a. **Same source and external id**: that lead, whatever else the row says. The source is the authority on its record:
   non-blank values overwrite, blanks never do. The same payload as this identity sent last brings no news and is
   ``unchanged``, without a touch: a retry or a nightly export must not undo what sales or another source did since.
b. **Same email, same or absent person**: that lead; a touch, empty fields are filled, none is overwritten. Where leads
   share the email: the one of this person, else the one without a name, else (row without a name) the oldest.
c. **Same email, another person** (info@): a new lead with ``shared_email``.
d. **Nothing to find a lead by, or none found**: a new lead.

An email and a person together belong to one lead at most. Rule (a) could break that by giving lead A an email or a name
with which it would equal lead B. So the identity wins, and what clashes gives way:

- the row's email belongs to a B that may be the same person (same or absent name): A keeps its own email; an A that had
  none takes it, unless the pair would be B's;
- the row's name at A's email is B's: A keeps its own name;
- the row's email belongs only to other people: A takes it.

In each case ``shared_email`` asks a person to look. Nothing is lost: the touch keeps the payload. A pair may pass from
one lead to another within a batch, so a unique constraint on them would have to be deferred.

What a row says about consent is about its person at its email: it counts for the row's lead, and also for the leads
that have the email and the same or no person: those that it could belong to by rule (b). So no withdrawal stays with A
while B may still be written to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

Identity = tuple[str, str]  # source system, its id for the record

_NAME = "person_name"  # travels with the person key
COLUMNS = frozenset({"email", "person_key", "shared_email"})  # decided here, hence never among a row's fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A row as sent, normalised. Values that mean nothing apart (amount and currency) are one field, as a tuple.

    Raises:
        ValueError: a field has the name of one of ``COLUMNS``.

    """

    index: int
    source: str
    external_id: str | None
    email: str | None  # kernel.contact.normalise_email
    person_key: str  # kernel.contact.person_key, '' for no name
    fields: Mapping[str, object]
    fingerprint: str  # of the whole payload

    def __post_init__(self) -> None:
        if clash := COLUMNS & self.fields.keys():
            raise ValueError(f"not fillable fields: {', '.join(sorted(clash))}")

    @property
    def identity(self) -> Identity | None:
        return (self.source, self.external_id) if self.external_id else None

    def values(self) -> dict[str, object]:
        """The fields that say something; a name of punctuation only ("-") says nothing."""
        said = {name: value for name, value in self.fields.items() if not is_blank(value)}
        return said if self.person_key else _without_name(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A lead as far as deduplication is concerned."""

    id: UUID
    identities: Mapping[Identity, str]  # with the fingerprint of the last payload under each
    email: str | None
    person_key: str
    shared_email: bool = False  # another lead has the email that this one has or was given
    aliases: frozenset[tuple[str, str]] = frozenset()  # emails and person keys of leads that were merged into this one
    fields: Mapping[str, object]


class CaptureOutcome(StrEnum):
    """What became of a row; ``updated`` also where only a touch was added."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one row."""

    index: int
    outcome: CaptureOutcome
    lead_id: UUID


class IdentitySeen(NamedTuple):
    """An identity to insert, or whose last fingerprint to replace: an upsert by source and external id."""

    source: str
    external_id: str
    lead_id: UUID
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All there is to answer and to write for a batch."""

    results: tuple[Result, ...]  # a line per row, in input order
    touches: tuple[Result, ...]  # the rows to record as touches of their leads: all that are not ``unchanged``
    concerned: Mapping[int, tuple[UUID, ...]]  # by row: the other leads for which its consents count, if there are any
    identities: tuple[IdentitySeen, ...]
    leads: tuple[Known, ...]  # every lead afterwards, oldest first: the next batch's ``known``


def is_blank(value: object) -> bool:
    """None and blank text; zero and False are answers."""
    return value is None or (isinstance(value, str) and not value.strip())


def _without_name(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name != _NAME}


def email_key(email: str) -> str:
    """The lock key of an email; of an empty one, what comes before it."""
    return f"email:{email}"


def identity_key(source: str, external_id: str) -> str:
    """The lock key of a source system's id."""
    return f"ext:{source}:{external_id}"


def lock_keys(rows: Iterable[Incoming]) -> set[str]:
    """The keys a batch must hold before it reads the leads.

    Those of the emails of the leads that its identities name come to them: a row that renames such a lead without
    naming its email competes for that email too.
    """
    rows = tuple(rows)
    keys = {email_key(row.email) for row in rows if row.email}
    return keys | {identity_key(row.source, row.external_id) for row in rows if row.external_id}


def plan_capture(rows: Sequence[Incoming], known: Sequence[Known], new_id: Callable[[], UUID]) -> Plan:
    """Decide a batch exactly as if its rows had come one after the other.

    ``known``, oldest first: every lead that has an identity or the email of a row (also by an alias), and every lead
    that shares its email with one of those. ``new_id`` is called once per new lead, in input order.
    """
    book = _Book(known)
    results = tuple(book.take(row, new_id) for row in rows)
    before = {lead.id: lead for lead in known}
    after = tuple(book.leads.values())
    return Plan(
        results=results,
        touches=tuple(result for result in results if result.outcome is not CaptureOutcome.UNCHANGED),
        concerned=book.concerned,
        identities=tuple(
            IdentitySeen(*identity, lead.id, fingerprint)
            for lead in after
            for identity, fingerprint in lead.identities.items()
            if lead.id not in before or before[lead.id].identities.get(identity) != fingerprint
        ),
        leads=after,
    )


class _Book:
    """The leads as the rows so far left them, and the three ways to find one.

    Each takes constant time, but for a row without a name at an email where all have one: the oldest is looked for.
    """

    def __init__(self, known: Iterable[Known]) -> None:
        self.leads: dict[UUID, Known] = {}  # oldest first
        self.by_identity: dict[Identity, UUID] = {}
        self.by_pair: dict[tuple[str, str], UUID] = {}  # email and person key
        self.by_email: dict[str, set[UUID]] = {}
        self.concerned: dict[int, tuple[UUID, ...]] = {}  # by row taken: the other leads of its person at its email
        for lead in known:
            self.put(lead)

    def put(self, lead: Known) -> None:
        if (old := self.leads.get(lead.id)) and old.email:
            self.by_email[old.email].discard(old.id)
            if self.by_pair.get((old.email, old.person_key)) == old.id:
                del self.by_pair[old.email, old.person_key]
        self.leads[lead.id] = lead
        self.by_identity.update(dict.fromkeys(lead.identities, lead.id))
        if lead.email:
            self.by_email.setdefault(lead.email, set()).add(lead.id)
            if not self.has_owner(pair := (lead.email, lead.person_key)):
                self.by_pair[pair] = lead.id
        for email, key in lead.aliases:
            self.by_email.setdefault(email, set()).add(lead.id)
            self.by_pair.setdefault((email, key), lead.id)

    def has_owner(self, pair: tuple[str, str]) -> bool:
        """Whether a lead is found by the pair because it has it, and not only as an alias."""
        found = self.leads.get(self.by_pair[pair]) if pair in self.by_pair else None
        return found is not None and (found.email, found.person_key) == pair

    def take(self, row: Incoming, new_id: Callable[[], UUID]) -> Result:
        identity = row.identity
        own = self.leads[self.by_identity[identity]] if identity in self.by_identity else None
        if own and identity and own.identities[identity] == row.fingerprint:
            return Result(row.index, CaptureOutcome.UNCHANGED, own.id)
        same = self.same_person(row, own)
        found = own or (same[0] if same else None)
        lead = self.overwrite(own, row) if own else self.fill(found, row) if found else self.create(row, new_id())
        if identity and found:
            lead = replace(lead, identities={**lead.identities, identity: row.fingerprint})
        if others := tuple(each.id for each in same if each.id != lead.id):
            self.concerned[row.index] = others
        self.put(lead)
        return Result(row.index, CaptureOutcome.UPDATED if found else CaptureOutcome.CREATED, lead.id)

    def same_person(self, row: Incoming, own: Known | None) -> list[Known]:
        """The leads of the row's person at its email, the one that rule (b) finds first; ``own``: its identity's."""
        if not row.email:
            return []
        person = row.person_key or (own.person_key if own and own.email == row.email else "")
        keys = dict.fromkeys((person, ""))
        same = [self.leads[self.by_pair[row.email, key]] for key in keys if (row.email, key) in self.by_pair]
        sharing = self.by_email.get(row.email)
        if same or person or not sharing:
            return same
        return [next(lead for lead in self.leads.values() if lead.id in sharing)]

    def create(self, row: Incoming, lead_id: UUID) -> Known:
        return Known(
            id=lead_id,
            identities={identity: row.fingerprint} if (identity := row.identity) else {},
            email=row.email or None,
            person_key=row.person_key,
            shared_email=bool(row.email and self.by_email.get(row.email)),
            fields=row.values(),
        )

    def fill(self, lead: Known, row: Incoming) -> Known:
        news = {name: value for name, value in row.values().items() if is_blank(lead.fields.get(name))}
        return replace(lead, fields={**lead.fields, **news}, person_key=lead.person_key or row.person_key)

    def overwrite(self, lead: Known, row: Incoming) -> Known:
        news, key = row.values(), row.person_key or lead.person_key
        email, shared = lead.email, lead.shared_email
        if row.email and row.email != email:
            shared = bool(self.by_email.get(row.email, set()) - {lead.id})
            if not self.belongs_to_other(row.email, key, lead.id, may_be=email is not None):
                email = row.email
        if email and key != lead.person_key and self.by_pair.get((email, key), lead.id) != lead.id:
            news = _without_name(news)
            key, shared = lead.person_key, True
        return replace(lead, email=email, person_key=key, shared_email=shared, fields={**lead.fields, **news})

    def belongs_to_other(self, email: str, key: str, own: UUID, *, may_be: bool) -> bool:
        """Whether a lead other than ``own`` is this person at an email it has not, or (``may_be``) could be."""
        if self.by_pair.get((email, key), own) != own:
            return True
        nameless = self.by_pair.get((email, ""), own) != own
        return may_be and (nameless or (not key and bool(self.by_email.get(email, set()) - {own})))
