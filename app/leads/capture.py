"""Capture: what machines send becomes leads, each stored once and every touch kept.

One path for one row and for a thousand, in three statements: hold the keys of the rows, read the leads they may belong
to, write all that the plan says (`dedupe.plan_capture`), events included. Where there are rules for it, new leads are
given to people (`assigning`), in two statements before the last.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.rules import ConsentEntry
from app.accounts.service import Said, add_consents_of_many
from app.kernel import clock, money, outbox
from app.kernel.contact import normalise_phone, person_key
from app.kernel.errors import StartOver
from app.kernel.writes import Writes
from app.leads import assigning
from app.leads.assignment_models import AssignmentMember
from app.leads.assignment_repository import rules_of
from app.leads.dedupe import CaptureOutcome, Incoming, Known, Plan, Result, email_key, lock_keys, plan_capture
from app.leads.events import LeadCaptured, LeadRecycled, LeadTouched, LeadUpdated
from app.leads.models import Lead, LeadIdentity, LeadTouch
from app.leads.repository import leads
from app.leads.rules import Authority, Budget, LeadStatus, Need, comes_back
from app.leads.schemas import LeadCreate
from app.leads.state import DERIVED, PERSONAL, scored

Columns = dict[str, Any]

_PLAIN = (
    *("campaign", "offer", "person_name", "job_title", "company", "company_size"),
    *("country", "website", "interest", "message"),
)
_ATTRIBUTE = "attributes."
_AFTER = timedelta(microseconds=1)  # what a later row says, it says later: of two consents the later one counts
_MOST_ATTRIBUTES = 100  # of a lead, from all its touches
_DECIDED = frozenset(
    {*_PLAIN, "email", "shared_email", "telephone", "telephone_e164", "product_skus", "estimated_value"}
    | {"estimated_currency", "attributes"}
)
_WRITTEN = sorted(_DECIDED | DERIVED | {"id", "status", "updated_at", "owner_id"})
_SORTED = json.JSONEncoder(sort_keys=True).encode
_BLANK: Columns = {
    **dict.fromkeys(Lead.__table__.columns.keys()),
    "status": LeadStatus.NEW.value,
    "budget": Budget.UNKNOWN.value,
    "authority": Authority.UNKNOWN.value,
    "need": Need.UNKNOWN.value,
    "touch_count": 0,
    "version": 0,
}


async def capture(session: AsyncSession, *, rows: Mapping[int, LeadCreate], today: date) -> tuple[Result, ...]:
    """Take in rows, named by their position in the body; a result for each, in their order.

    `today` is the company's business day: nobody who is away then is given a new lead.
    """
    payloads = {index: row.model_dump(mode="json", exclude_unset=True) for index, row in rows.items()}
    sent = [_incoming(index, row, payloads[index]) for index, row in rows.items()]
    found, rules = await _hold_and_read(session, sent)
    before = {row["id"]: row for row in found}
    plan = plan_capture(sent, [_known(lead) for lead in before.values()], uuid7)
    if plan.touches:
        await _write(session, rows, payloads, before, plan, rules=rules, today=today)
    return plan.results


async def _hold_and_read(session: AsyncSession, rows: Sequence[Incoming]) -> tuple[list[Columns], str | None]:
    """The leads that decide about the rows, oldest first; nobody else can change what decides until the end.

    And the active rules of assignment, as they come.

    Raises:
        StartOver: a lead that an identity names was given another email while this waited, whose key is not held. Keys
            are always taken all at once, in order: so they are given back, and taken again with it.

    """
    identities = [row.identity for row in rows if row.identity]
    emails = {row.email for row in rows if row.email}
    wanted = lock_keys(rows)
    held = await leads.hold(session, wanted, identities)
    found = await leads.known(session, emails, identities)
    if not (wanted | held.keys).issuperset(email_key(lead["email"]) for lead in found if lead["email"]):
        raise StartOver
    return sorted(found, key=lambda lead: (lead["created_at"], lead["id"])), held.rules


def _incoming(index: int, row: LeadCreate, payload: Columns) -> Incoming:
    fields: Columns = {name: value for name in _PLAIN if (value := getattr(row, name)) is not None}
    if row.telephone:
        fields["telephone"] = (row.telephone, normalise_phone(row.telephone, row.country))
    if row.product_skus:
        fields["product_skus"] = tuple(dict.fromkeys(row.product_skus))
    for name, value in row.attributes.items():
        fields[f"{_ATTRIBUTE}{name}"] = value
    if row.estimated_value is not None and row.estimated_currency is not None:
        amount = money.quantise(row.estimated_value, row.estimated_currency)
        fields["estimated_value"] = (amount, row.estimated_currency)
    return Incoming(
        index=index,
        source=row.source,
        external_id=row.external_id,
        email=row.email,
        person_key=person_key(row.person_name),
        fields=fields,
        fingerprint=hashlib.sha256(_SORTED(payload).encode()).hexdigest(),
    )


def _known(lead: Mapping[str, Any]) -> Known:
    """A lead's row as deduplication sees it."""
    return Known(
        id=lead["id"],
        identities={(source, external): mark for source, external, mark in lead["identities"] or ()},
        email=lead["email"],
        person_key=lead["person_key"],
        shared_email=lead["shared_email"],
        aliases=_aliases(lead),
        fields={
            **{name: lead[name] for name in _PLAIN},
            "telephone": (lead["telephone"], lead["telephone_e164"]) if lead["telephone"] else None,
            "product_skus": tuple(lead["product_skus"]) or None,
            "estimated_value": (lead["estimated_value"], lead["estimated_currency"])
            if lead["estimated_currency"]
            else None,
            **{f"{_ATTRIBUTE}{name}": value for name, value in lead["attributes"].items()},
        },
    )


def _aliases(lead: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Each of its emails with each of its names, where leads were merged: it is one person, however called at which."""
    merged = lead["aliases"]
    if not merged:
        return frozenset()
    emails = {lead["email"], *(email for email, _ in merged)} - {None}
    people = {lead["person_key"], *(person_key(name) for _, name in merged)}
    return frozenset((email, person) for email in emails for person in people) - {(lead["email"], lead["person_key"])}


def _columns(lead: Known) -> Columns:
    """The columns that hold what deduplication decides, but for fields that never said anything: `_known` undone."""
    attributes: Columns = {}
    columns: Columns = {
        "email": lead.email,
        "person_key": lead.person_key,
        "shared_email": lead.shared_email,
        "product_skus": [],
        "attributes": attributes,
    }
    fields: Mapping[str, Any] = lead.fields
    for name, value in fields.items():
        if value is None:
            continue
        if name == "telephone":
            columns["telephone"], columns["telephone_e164"] = value
        elif name == "estimated_value":
            columns["estimated_value"], columns["estimated_currency"] = value
        elif name == "product_skus":
            columns["product_skus"] = list(value)
        elif not name.startswith(_ATTRIBUTE):
            columns[name] = value
        elif len(attributes) < _MOST_ATTRIBUTES:
            attributes[name.removeprefix(_ATTRIBUTE)] = value
    return columns


async def _write(
    session: AsyncSession,
    rows: Mapping[int, LeadCreate],
    payloads: Mapping[int, Columns],
    before: dict[UUID, Columns],
    plan: Plan,
    *,
    rules: str | None,
    today: date,
) -> None:
    now = clock.now()
    heard: dict[UUID, list[LeadCreate]] = {}
    for touch in plan.touches:
        heard.setdefault(touch.lead_id, []).append(rows[touch.index])
    said = [
        (lead_id, rows[touch.index], now + order * _AFTER)
        for order, touch in enumerate(plan.touches)
        for lead_id in (touch.lead_id, *plan.concerned.get(touch.index, ()))
        if rows[touch.index].consents
    ]
    after = {
        lead.id: _after(before.get(lead.id) or _start(lead.id, touches[0], now), lead, touches, now)
        for lead in plan.leads
        if (touches := heard.get(lead.id))
    }
    given = await _given(session, before, after, rules=rules, today=today)
    actor = outbox.origin(session).name
    writes = Writes(session)
    writes.insert(Lead, [lead for lead_id, lead in after.items() if lead_id not in before])
    writes.update(Lead, [{name: after[lead_id][name] for name in _WRITTEN} for lead_id in before if lead_id in after])
    writes.insert(
        LeadTouch,
        [
            {
                "id": uuid7(),
                "lead_id": touch.lead_id,
                "at": _happened(row := rows[touch.index], now),
                "source": row.source,
                "external_id": row.external_id,
                "campaign": row.campaign,
                "offer": row.offer,
                "payload": payloads[touch.index],
                "actor": actor,
            }
            for touch in plan.touches
        ],
    )
    seen = [identity._asdict() for identity in plan.identities]
    writes.insert(LeadIdentity, seen, replaces=("lead_id", "fingerprint"))
    writes.update(AssignmentMember, given.members)
    for lead_id, event in (*_events(rows, before, after, plan), *given.events):
        writes.tell(lead_id, event)
    await writes.send()
    known = before | after
    news = await add_consents_of_many(
        session, said=[one for lead_id, row, at in said for one in _said(known[lead_id], row, at)]
    )
    if others := news - heard.keys():
        await leads.renew(session, others)


async def _given(
    session: AsyncSession,
    before: Mapping[UUID, Columns],
    after: Mapping[UUID, Columns],
    *,
    rules: str | None,
    today: date,
) -> assigning.Given:
    """New leads, and those that are open again, have been given to people where there are rules for it."""
    if rules is None:
        return assigning.Given()
    new = [lead for lead_id, lead in after.items() if lead_id not in before]
    recycled = [lead for lead_id, lead in after.items() if lead_id in before and lead["status"] is LeadStatus.RECYCLED]
    back = [lead for lead in recycled if before[lead["id"]]["status"] is not LeadStatus.RECYCLED]
    return await assigning.give(session, rules=rules_of(rules), today=today, new=new, back=back)


def _happened(row: LeadCreate, now: datetime) -> datetime:
    """When the person did it: never in the future, so that nothing that comes later can be outrun."""
    return min(row.occurred_at or now, now)


def _start(lead_id: UUID, row: LeadCreate, now: datetime) -> Columns:
    return {**_BLANK, "id": lead_id, "source": row.source, "created_at": now, "status_changed_at": now}


def _after(before: Columns, lead: Known, heard: Sequence[LeadCreate], now: datetime) -> Columns:
    """All columns of a lead as the batch leaves it; `heard`: its touches."""
    row = {**before, **_columns(lead)}
    if before["status"] is LeadStatus.DISQUALIFIED and any(_back(before, touch, now) for touch in heard):
        row |= {"status": LeadStatus.RECYCLED, "status_changed_at": now}
    row |= {"touch_count": row["touch_count"] + len(heard), "version": row["version"] + 1, "updated_at": now}
    row |= scored(row)
    return row


def _back(lead: Columns, touch: LeadCreate, now: datetime) -> bool:
    return comes_back(
        lead["disqualify_reason"],
        given_up_at=lead["status_changed_at"],
        heard_at=_happened(touch, now),
        withdraws=touch.only_withdraws,
    )


def _said(lead: Columns, row: LeadCreate, now: datetime) -> list[Said]:
    """The consents in a row; those of a converted lead are its contact's as well."""
    default = _happened(row, now)
    return [
        Said(
            entry=ConsentEntry(**dict(one) | {"at": one.at or default, "source": row.source}),
            lead_id=lead["id"],
            contact_id=lead["contact_id"],
        )
        for one in row.consents
    ]


def _events(
    rows: Mapping[int, LeadCreate],
    before: Mapping[UUID, Columns],
    after: Mapping[UUID, Columns],
    plan: Plan,
) -> list[tuple[UUID, outbox.Event]]:
    found: list[tuple[UUID, outbox.Event]] = []
    for touch in plan.touches:
        row, lead = rows[touch.index], after[touch.lead_id]
        told = {"source": row.source, "external_id": row.external_id, "campaign": row.campaign, "offer": row.offer}
        created = touch.outcome is CaptureOutcome.CREATED
        event = LeadCaptured(**told, shared_email=lead["shared_email"]) if created else LeadTouched(**told)
        found.append((touch.lead_id, event))
    for lead_id, old in before.items():
        new = after.get(lead_id, old)
        changes = outbox.difference(old, {name: new[name] for name in sorted(_DECIDED)}, personal=PERSONAL)
        found += [(lead_id, LeadUpdated(changes=changes))] if changes else []
        back = outbox.difference(old, {"status": new["status"]})
        found += [(lead_id, LeadRecycled(changes=back))] if back else []
    return found
