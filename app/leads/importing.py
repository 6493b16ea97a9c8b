"""Many leads at once, as they come from files: captured like any others, or corrected when they name our id."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Consent
from app.accounts.rules import ConsentCreate, ConsentEntry
from app.accounts.service import Said, add_consents_of_many
from app.kernel import bulk, clock, money
from app.kernel.bulk import BulkResult, Done, Outcome, Rejected
from app.kernel.errors import Conflict, Invalid
from app.kernel.upsert import rejected
from app.leads import service
from app.leads.models import Lead
from app.leads.repository import leads
from app.leads.schemas import LeadCreate, LeadUpdate

_CORRECTED = LeadUpdate.model_fields.keys() & LeadCreate.model_fields.keys()
_KEPT = ("source", "message", "attributes")


class LeadRow(LeadCreate):
    """A lead of many; with `id`, what is known of one that is there, to be corrected."""

    id: UUID | None = Field(None, description="One that is there.")


async def take_leads(session: AsyncSession, *, rows: Sequence[LeadRow | Rejected], today: date) -> BulkResult:
    """Capture the rows without an id as `capture_many` does; let those with one correct the lead, silently if equal.

    What a row leaves out stays. The source, a message and free attributes are what was sent, and not corrected.

    Raises:
        StartOver: others change the same leads at the same moment.

    """
    good = bulk.accepted(rows)
    for row in good.values():
        if row.id is None:
            row.model_fields_set.discard("id")  # what is sent of a lead has none
    captured = [index for index, row in good.items() if row.id is None]
    done: dict[int, Done] = {index: row for index, row in enumerate(rows) if isinstance(row, Rejected)}
    if captured:
        found = await service.capture_many(session, rows=[good[index] for index in captured], today=today)
        results = zip(captured, found.data, strict=True)
        done |= {index: (one.status, one.id) for index, one in results if one.id is not None}
    done |= await _correct(session, {index: row for index, row in good.items() if row.id is not None})
    return bulk.result((done[index] for index in range(len(rows))), under="/leads")


async def _correct(session: AsyncSession, rows: dict[int, LeadRow]) -> dict[int, Done]:
    if not rows:
        return {}
    ids = {row.id for row in rows.values() if row.id is not None}
    known = {lead.id: lead for lead in await session.scalars(select(Lead).where(Lead.id.in_(ids)))}
    heard = await _heard(session, ids)
    done: dict[int, Done] = {}
    for index, row in rows.items():
        lead = known.get(row.id) if row.id is not None else None
        if lead is None:
            done[index] = Rejected.at("/id", "unknown", "no lead has this id; leave it out for a new one")
            continue
        try:
            done[index] = (await _corrected(session, lead, row, heard.get(lead.id, set())), lead.id)
        except (Invalid, Conflict) as refusal:
            done[index] = rejected(refusal)
    return done


async def _heard(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, set[tuple[Any, ...]]]:
    row, heard = Consent, {}  # type: ignore[var-annotated]
    for one in await session.scalars(select(row).where(row.lead_id.in_(ids))):
        heard.setdefault(one.lead_id, set()).add((one.purpose, one.channel, one.granted, one.at, one.evidence))
    return heard


async def _corrected(session: AsyncSession, lead: Lead, row: LeadRow, heard: set[tuple[Any, ...]]) -> Outcome:
    for name in _KEPT:
        if name in row.model_fields_set and getattr(row, name) != getattr(lead, name):
            raise Invalid.at(f"/{name}", "kept", "is what was sent once, and not corrected: leave it out")
    sent = {name: getattr(row, name) for name in _CORRECTED & row.model_fields_set}
    if sent.get("estimated_value") is not None and row.estimated_currency is not None:
        sent["estimated_value"] = money.quantise(sent["estimated_value"], row.estimated_currency)
    news = {name: value for name, value in sent.items() if value != getattr(lead, name)}
    new_consents = [said for said in row.consents if _answer(said) not in heard]
    if news:
        body = LeadUpdate.model_construct(_fields_set=set(news), **news)
        await service.update(session, lead_id=lead.id, expected=lead.version, body=body)
        await session.flush()
    if new_consents:
        now = clock.now()
        entries = (ConsentEntry(**dict(said) | {"at": said.at or now, "source": row.source}) for said in new_consents)
        said = [Said(entry=entry, lead_id=lead.id, contact_id=lead.contact_id) for entry in entries]
        if renewed := await add_consents_of_many(session, said=said):
            await leads.renew(session, renewed)
            await session.refresh(lead)
    return Outcome.UPDATED if news or new_consents else Outcome.UNCHANGED


def _answer(said: ConsentCreate) -> tuple[Any, ...]:
    return (said.purpose, said.channel, said.granted, said.at, said.evidence)
