"""Consents in the database: what PostgreSQL finds to stand is what the rule finds; leads hand theirs over."""

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service
from app.accounts.models import Account, Consent, Contact, standing_consents
from app.accounts.rules import ConsentEntry
from app.accounts.service import Said
from app.kernel.outbox import OutboxEvent
from app.leads.models import Lead
from app.leads.rules import LeadStatus

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def said(granted: bool, minutes: int = 0, evidence: str | None = None, **fields: object) -> ConsentEntry:
    values = {"purpose": "newsletter", "channel": "email", "granted": granted, "evidence": evidence, "source": "form"}
    return ConsentEntry.model_validate({**values, "at": NOON + timedelta(minutes=minutes), **fields})


async def contact(tx: AsyncSession) -> Contact:
    account = await service.create_account(tx, account=Account(name="Alfreds", currency="EUR"))
    return await service.create_contact(tx, contact=Contact(account_id=account.id, name="Maria"))


async def lead(tx: AsyncSession) -> Lead:
    found = Lead(source="web", status=LeadStatus.NEW, person_name="Maria", email="m@example.com", person_key="maria")
    tx.add(found)
    await tx.flush()
    return found


async def shown(tx: AsyncSession, contact_id: UUID) -> list[ConsentEntry]:
    text = await tx.scalar(
        select(cast(standing_consents(Consent.contact_id, Contact), Text)).where(Contact.id == contact_id)
    )
    return [ConsentEntry.model_validate(each) for each in json.loads(text or "[]")]


def standing(entries: Iterable[ConsentEntry]) -> list[ConsentEntry]:
    """What counts for each purpose and channel, by the rule that `standing_consents` states in SQL."""
    counts: dict[tuple[str, str], ConsentEntry] = {}
    for entry in entries:
        key = (entry.purpose, entry.channel)
        if key not in counts or weight(entry) >= weight(counts[key]):
            counts[key] = entry
    return [counts[key] for key in sorted(counts)]


def weight(entry: ConsentEntry) -> tuple[bool, datetime, bool]:
    return (not entry.granted or entry.evidence is not None, entry.at, not entry.granted)


@pytest.mark.parametrize(
    ("entries", "granted"),
    [
        ([said(True)], True),
        ([said(False)], False),
        ([said(True), said(False, 1)], False),
        ([said(False), said(True, 1)], False),  # no evidence
        ([said(False), said(True, 1, "mail 7")], True),
        ([said(False, 2), said(True, 1, "mail 7")], False),  # not newer
        ([said(False, 1), said(True, 1, "mail 7")], False),  # not newer either
        ([said(False), said(True, 1, "mail 7"), said(False, 2), said(True, 3)], False),
        ([said(True, 0, "mail 7"), said(True, 1)], True),
    ],
)
async def test_a_withdrawal_wins_until_a_newer_grant_with_evidence(
    tx: AsyncSession, entries: list[ConsentEntry], granted: bool
) -> None:
    for order in permutations(entries):
        person = await contact(tx)
        await service.add_consents(tx, contact_id=person.id, consents=order)
        assert [entry.granted for entry in await shown(tx, person.id)] == [granted]


async def test_postgresql_finds_what_the_rule_finds(tx: AsyncSession) -> None:
    dice = random.Random(20260601)  # noqa: S311 - a fixed sequence of cases
    for _ in range(30):
        person = await contact(tx)
        entries = [
            said(
                dice.random() < 0.5,
                dice.randrange(6),
                dice.choice([None, "mail 7"]),
                source=f"form {number}",
                purpose=dice.choice(["newsletter", "offers"]),
                channel=dice.choice(["email", "telephone"]),
            )
            for number in range(dice.randrange(10))
        ]
        await service.add_consents(tx, contact_id=person.id, consents=entries)
        assert await shown(tx, person.id) == standing(entries)


async def test_a_leads_consents_become_the_contacts_and_stay_the_leads(tx: AsyncSession) -> None:
    origin, person, other = await lead(tx), await contact(tx), await lead(tx)
    await service.add_consents(tx, contact_id=person.id, consents=[said(True, 1, "card"), said(True, channel="sms")])
    await service.add_consents_of_many(
        tx,
        said=[
            Said(entry=said(False, 2), lead_id=origin.id),
            Said(entry=said(True, 0, channel="post"), lead_id=origin.id),
            Said(entry=said(False, 9), lead_id=other.id),
        ],
    )
    version = person.version
    await service.hand_over_consents(tx, lead_id=origin.id, contact_id=person.id)
    await tx.flush()
    assert [(each.channel, each.granted) for each in await shown(tx, person.id)] == [
        ("email", False),
        ("post", True),
        ("sms", True),
    ]
    assert person.version == version + 1
    of_lead = select(func.count()).where(Consent.lead_id == origin.id, Consent.contact_id == person.id)
    assert await tx.scalar(of_lead) == 2

    await service.add_consents(tx, lead_id=origin.id, contact_id=person.id, consents=[said(False, 2)])
    assert await tx.scalar(of_lead) == 2
    await service.add_consents(tx, lead_id=origin.id, contact_id=person.id, consents=[said(True, 3, "mail 8")])
    assert [each.granted for each in await shown(tx, person.id)] == [True, True, True]
    types = select(OutboxEvent.type).where(OutboxEvent.subject_id.in_([origin.id, person.id])).order_by(OutboxEvent.seq)
    assert [each for each in await tx.scalars(types) if "consents" in each] == [
        "contact.consents_recorded",
        "lead.consents_recorded",
        "contact.consents_recorded",
        "lead.consents_recorded",
        "contact.consents_recorded",
    ]


async def test_nothing_said_is_nothing_done(tx: AsyncSession) -> None:
    await service.add_consents_of_many(tx, said=[])
    await service.add_consents(tx, lead_id=UUID(int=1), consents=[])
    assert await tx.scalar(select(func.count()).select_from(OutboxEvent)) == 0
