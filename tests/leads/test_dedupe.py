from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import count
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.leads.dedupe import CaptureOutcome, IdentitySeen, Incoming, Known, Plan, lock_keys, plan_capture

A, B, N = UUID(int=1), UUID(int=2), UUID(int=101)
CREATED, UPDATED, UNCHANGED = CaptureOutcome.CREATED, CaptureOutcome.UPDATED, CaptureOutcome.UNCHANGED


def ids(used: int = 0) -> Callable[[], UUID]:
    numbers = count(101 + used)
    return lambda: UUID(int=next(numbers))


# fmt: off
def row(index: int = 0, ext: str | None = None, email: str | None = None, name: str = "", fingerprint: str = "p1",
        **fields: object) -> Incoming:
    return Incoming(index=index, source="web", external_id=ext, email=email, person_key=name, fingerprint=fingerprint,
                    fields={"person_name": name.title() or None, **fields})


def lead(lead_id: UUID = A, ext: str | None = None, email: str | None = None, name: str = "", fingerprint: str = "p0",
         **fields: object) -> Known:
    return Known(id=lead_id, identities={("web", ext): fingerprint} if ext else {}, email=email, person_key=name,
                 fields={**({"person_name": name.title()} if name else {}), **fields})
# fmt: on


def stored(one: Known) -> dict[str, object]:
    return {**one.fields, "email": one.email, "person_key": one.person_key, "shared_email": one.shared_email}


@dataclass(frozen=True, kw_only=True)
class Decided(Plan):
    """A plan beside the leads that it was made from."""

    known: Sequence[Known]

    @property
    def created(self) -> list[Known]:
        before = {one.id for one in self.known}
        return [one for one in self.leads if one.id not in before]

    @property
    def changed(self) -> dict[UUID, dict[str, object]]:
        """Of leads known before: only what differs."""
        after = {one.id: stored(one) for one in self.leads}
        differs = {one.id: dict(after[one.id].items() - stored(one).items()) for one in self.known}
        return {lead_id: fields for lead_id, fields in differs.items() if fields}


def decide(rows: Sequence[Incoming], known: Sequence[Known], new_id: Callable[[], UUID]) -> Decided:
    plan = plan_capture(rows, known, new_id)
    return Decided(known=known, **{each.name: getattr(plan, each.name) for each in fields(plan)})


def run(rows: Sequence[Incoming], known: Sequence[Known] = ()) -> Decided:
    return decide(rows, known, ids())


def outcomes(plan: Plan) -> list[tuple[CaptureOutcome, UUID]]:
    return [(result.outcome, result.lead_id) for result in plan.results]


def test_rule_a_the_source_overwrites_its_own_record_and_blanks_do_not() -> None:
    known = lead(ext="1", email="a@x.de", name="anna", company="Acme", city="Ulm", size=5)
    plan = run([row(ext="1", company="ACME Inc", city=" ", size=0, title=None)], [known])
    assert outcomes(plan) == [(UPDATED, A)]
    assert plan.changed == {A: {"company": "ACME Inc", "size": 0}}
    assert plan.touches == plan.results
    assert plan.identities == (IdentitySeen("web", "1", A, "p1"),)


def test_rule_a_a_new_payload_without_a_difference_is_a_touch() -> None:
    plan = run([row(ext="1", company="Acme")], [lead(ext="1", company="Acme")])
    assert outcomes(plan) == [(UPDATED, A)]
    assert plan.changed == {}
    assert len(plan.touches) == 1


def test_rule_a_the_same_payload_again_is_unchanged_even_after_sales_corrected_the_lead() -> None:
    plan = run([row(ext="1", company="Acme")], [lead(ext="1", fingerprint="p1", company="Acme GmbH, corrected")])
    assert outcomes(plan) == [(UNCHANGED, A)]
    assert (plan.changed, plan.touches, plan.identities, plan.created) == ({}, (), (), [])


def test_rule_a_the_source_can_rename_and_move_its_person() -> None:
    plan = run([row(ext="1", email="b@x.de", name="bob")], [lead(ext="1", email="a@x.de", name="anna")])
    assert plan.changed == {A: {"email": "b@x.de", "person_key": "bob", "person_name": "Bob"}}


def test_rule_b_fills_what_is_empty_and_overwrites_nothing() -> None:
    known = lead(email="a@x.de", name="anna", company="Acme", city="")
    plan = run([row(ext="9", email="a@x.de", name="anna", company="Other", city="Ulm")], [known])
    assert outcomes(plan) == [(UPDATED, A)]
    assert plan.changed == {A: {"city": "Ulm"}}
    assert plan.identities == (IdentitySeen("web", "9", A, "p1"),)


def test_rule_b_a_retry_of_a_filling_row_is_unchanged() -> None:
    known = lead(email="a@x.de", name="anna", company="Acme")
    plan = run([row(ext="9", email="a@x.de", company="Other")] * 2, [known])
    assert outcomes(plan) == [(UPDATED, A), (UNCHANGED, A)]
    assert plan.changed == {}


@pytest.mark.parametrize(
    ("names", "incoming", "found"),
    [
        (["", "bob"], "bob", B),  # the person before the nameless
        (["anna", ""], "bob", B),  # the nameless before a new lead
        (["anna", ""], "", B),  # no name: the nameless
        (["anna", "bob"], "", A),  # no name, no nameless: the oldest
        (["anna"], "", A),
        ([""], "bob", A),
    ],
)
def test_rule_b_whom_a_shared_email_finds(names: list[str], incoming: str, found: UUID) -> None:
    known = [lead(one, email="info@x.de", name=name) for one, name in zip([A, B], names, strict=False)]
    assert outcomes(run([row(email="info@x.de", name=incoming)], known)) == [(UPDATED, found)]


def test_rule_b_a_person_names_a_nameless_lead_and_the_next_row_sees_it() -> None:
    rows = [row(i, email="info@x.de", name=name) for i, name in enumerate(["bob", "anna", "bob", ""])]
    plan = run(rows, [lead(email="info@x.de")])
    assert outcomes(plan) == [(UPDATED, A), (CREATED, N), (UPDATED, A), (UPDATED, A)]
    assert plan.changed == {A: {"person_key": "bob", "person_name": "Bob"}}


def test_rule_c_another_person_at_the_same_email_is_a_flagged_lead() -> None:
    plan = run([row(email="info@x.de", name="bob")], [lead(email="info@x.de", name="anna")])
    assert outcomes(plan) == [(CREATED, N)]
    assert plan.created[0].shared_email
    assert plan.changed == {}


def test_rule_d_nothing_to_recognise_is_always_new() -> None:
    plan = run([row(0, name="anna"), row(1, name="anna")])
    assert [result.outcome for result in plan.results] == [CREATED, CREATED]
    assert len({result.lead_id for result in plan.results}) == 2


def test_a_batch_merges_into_the_leads_it_creates() -> None:
    plan = run([row(0, ext="1", email="a@x.de", city="Ulm"), row(1, email="a@x.de", name="anna", size=3)])
    (created,) = plan.created
    assert stored(created) == {
        "email": "a@x.de", "person_key": "anna", "shared_email": False, "city": "Ulm", "person_name": "Anna", "size": 3,
    }  # fmt: skip
    assert [(touch.index, touch.lead_id) for touch in plan.touches] == [(0, N), (1, N)]
    assert plan.changed == {}


@pytest.mark.parametrize(
    ("own", "other", "sent", "change"),
    [
        # the email is somebody else's: taken, flagged
        (("a@x.de", "anna"), "bob", ("b@x.de", ""), {"email": "b@x.de", "shared_email": True}),
        # the email is the same person's other lead: kept apart, flagged
        (("a@x.de", "anna"), "anna", ("b@x.de", ""), {"shared_email": True}),
        ((None, "anna"), "anna", ("b@x.de", ""), {"shared_email": True}),
        # perhaps the same person's: an own email is kept, none is filled
        (("a@x.de", "anna"), "", ("b@x.de", ""), {"shared_email": True}),
        (("a@x.de", ""), "bob", ("b@x.de", ""), {"shared_email": True}),
        ((None, "anna"), "", ("b@x.de", ""), {"email": "b@x.de", "shared_email": True}),
        ((None, ""), "bob", ("b@x.de", ""), {"email": "b@x.de", "shared_email": True}),
        # the new name is the other lead's at this email: the name is kept
        (("b@x.de", "anna"), "bob", (None, "bob"), {"shared_email": True}),
        (("b@x.de", ""), "bob", ("b@x.de", "bob"), {"shared_email": True}),
        # email and name together are the other lead's: email kept, name taken
        (
            ("a@x.de", "anna"),
            "bob",
            ("b@x.de", "bob"),
            {"person_key": "bob", "person_name": "Bob", "shared_email": True},
        ),
    ],
)
def test_the_identity_wins_and_what_clashes_gives_way(
    own: tuple[str | None, str], other: str, sent: tuple[str | None, str], change: dict[str, object]
) -> None:
    known = [lead(A, ext="1", email=own[0], name=own[1]), lead(B, email="b@x.de", name=other)]
    plan = run([row(ext="1", email=sent[0], name=sent[1])], known)
    assert outcomes(plan) == [(UPDATED, A)]
    assert plan.changed == {A: change}


C = UUID(int=3)


@pytest.mark.parametrize(
    ("own", "others", "sent", "concerned"),
    [
        # by identity: whom the email and person would find without it
        ((None, ""), ["bob"], "bob", [B]),
        ((None, "anna"), ["bob"], "bob", [B]),
        ((None, "anna"), [""], "anna", [B]),
        ((None, "anna"), ["anna", ""], "anna", [B, C]),
        ((None, ""), ["anna", "bob"], "", [B]),  # no name at all: the oldest, as without the identity
        (("a@x.de", "anna"), ["anna"], "", [B]),
        (("b@x.de", "anna"), [""], "anna", [B]),
        # other people at the same email are not concerned
        ((None, "anna"), ["bob"], "anna", []),
        (("b@x.de", "anna"), ["bob"], "", []),
        (("b@x.de", ""), ["bob"], "", []),
        (("a@x.de", "anna"), [], "anna", []),
    ],
)
def test_consents_concern_the_other_leads_of_the_person_at_the_email(
    own: tuple[str | None, str], others: list[str], sent: str, concerned: list[UUID]
) -> None:
    known = [lead(A, ext="1", email=own[0], name=own[1])]
    known += [lead(one, email="b@x.de", name=name) for one, name in zip([B, C], others, strict=False)]
    plan = run([row(ext="1", email="b@x.de", name=sent)], known)
    assert outcomes(plan) == [(UPDATED, A)]
    assert plan.concerned == ({0: tuple(concerned)} if concerned else {})


def test_consents_without_an_identity_concern_the_nameless_lead_too() -> None:
    known = [lead(A, email="b@x.de"), lead(B, email="b@x.de", name="bob")]
    plan = run([row(0, email="b@x.de", name="bob"), row(1, email="b@x.de"), row(2, email="b@x.de", name="anna")], known)
    assert outcomes(plan) == [(UPDATED, B), (UPDATED, A), (UPDATED, A)]
    assert plan.concerned == {0: (A,)}


def test_a_name_of_punctuation_is_no_name() -> None:
    plan = run([row(email="a@x.de", person_name="-"), row(1, email="a@x.de", name="anna")])
    assert plan.created[0].fields == {"person_name": "Anna"}


def test_decided_columns_are_no_fields() -> None:
    with pytest.raises(ValueError, match="shared_email"):
        row(shared_email=True)


def test_locks_are_those_of_emails_and_identities() -> None:
    rows = [row(0, ext="2", email="b@x.de"), row(1, ext="1", email="b@x.de"), row(2), row(3, ext="2", email="a@x.de")]
    assert lock_keys(rows) == {"email:a@x.de", "email:b@x.de", "ext:web:1", "ext:web:2"}


def test_the_largest_batch_at_one_address_is_quick() -> None:
    rows = [row(i, ext=str(i), email="info@x.de", name=f"person {i}") for i in range(1000)]
    started = perf_counter()
    assert len(run(rows).created) == 1000
    assert perf_counter() - started < 1


emails = st.sampled_from([None, "info@x.de", "a@x.de"])
names = st.sampled_from(["", "anna", "bob"])
exts = st.sampled_from([None, "1", "2", "3"])
texts = st.sampled_from([None, "", "x", "y"])


@st.composite
def batches(draw: st.DrawFn) -> list[Incoming]:
    drawn = draw(st.lists(st.tuples(exts, emails, names, texts, texts), max_size=12))
    return [
        row(i, ext=ext, email=email, name=name, fingerprint=repr(one), company=company, city=city)
        for i, one in enumerate(drawn)
        for ext, email, name, company, city in [one]
    ]


@given(batches(), batches())
@settings(max_examples=300, deadline=None)
def test_a_batch_is_its_rows_one_after_the_other(first: list[Incoming], second: list[Incoming]) -> None:
    known = run(first).leads
    at_once = plan_capture(second, known, ids(len(known)))
    leads, new_id, steps = known, ids(len(known)), []
    for one in second:
        steps.append(plan_capture([one], leads, new_id))
        leads = steps[-1].leads
    assert at_once.leads == leads
    assert at_once.results == tuple(result for step in steps for result in step.results)
    assert at_once.touches == tuple(touch for step in steps for touch in step.touches)
    assert at_once.concerned == {index: them for step in steps for index, them in step.concerned.items()}


@given(batches(), batches())
@settings(max_examples=300, deadline=None)
def test_what_holds_whatever_is_sent(first: list[Incoming], second: list[Incoming]) -> None:
    known = run(first).leads
    plan = decide(second, known, ids(len(known)))
    pairs = Counter((one.email, one.person_key) for one in plan.leads if one.email)
    identities = Counter(identity for one in plan.leads for identity in one.identities)
    assert not [pair for pair, times in pairs.items() if times > 1]
    assert not [identity for identity, times in identities.items() if times > 1]
    assert [result.index for result in plan.results] == [one.index for one in second]

    before, after = ({one.id: one for one in leads} for leads in (known, plan.leads))
    assert [one.id for one in plan.created] == [lead_id for lead_id in after if lead_id not in before]
    for lead_id, old in before.items():  # what is to be written leads from before to after, and empties nothing
        assert {**stored(old), **plan.changed.get(lead_id, {})} == stored(after[lead_id])
        assert {name for name, value in stored(old).items() if value} <= {
            name for name, value in stored(after[lead_id]).items() if value or name == "shared_email"
        }
    written = {(one.source, one.external_id): (one.lead_id, one.fingerprint) for one in plan.identities}
    kept = {identity: (one.id, print_) for one in known for identity, print_ in one.identities.items()}
    assert kept | written == {i: (one.id, print_) for one in plan.leads for i, print_ in one.identities.items()}


@given(batches(), batches())
@settings(max_examples=200, deadline=None)
def test_a_repeated_row_with_an_identity_changes_nothing(first: list[Incoming], second: list[Incoming]) -> None:
    for one in (one for one in second if one.identity):
        once = run([*first, one])
        again = plan_capture([one], once.leads, ids(len(once.leads)))
        assert [result.outcome for result in again.results] == [UNCHANGED]
        assert again.leads == once.leads
