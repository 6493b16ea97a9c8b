"""Changes to leads."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.rules import ConsentEntry
from app.activities import service as activities
from app.activities.models import Activity
from app.activities.rules import ActivityCreate, ActivityKind, ActivityOutcome
from app.kernel import bulk, clock, money, outbox
from app.kernel.bulk import BulkResult, Rejected, accepted
from app.kernel.contact import normalise_phone, person_key
from app.kernel.errors import Conflict, Invalid
from app.leads import assigning
from app.leads.capture import capture
from app.leads.dedupe import Result, email_key
from app.leads.events import LeadContacted, LeadDisqualified, LeadQualified, LeadRecycled, LeadUpdated
from app.leads.models import Lead
from app.leads.repository import leads
from app.leads.rules import LeadStatus
from app.leads.schemas import LeadConsentCreate, LeadCreate, LeadDisqualify, LeadQualify, LeadUpdate
from app.leads.state import changes, move, reached, rescore

_REACHED = {ActivityOutcome.REACHED, ActivityOutcome.INTERESTED, ActivityOutcome.NOT_INTERESTED}
_MET = _REACHED | {ActivityOutcome.FOLLOW_UP, ActivityOutcome.DONE}  # a meeting after which there is something to do


async def capture_one(session: AsyncSession, *, body: LeadCreate, today: date) -> Result:
    """Take in one lead; a new one is given to somebody who is there today, if there are rules for it."""
    (done,) = await capture(session, rows={0: body}, today=today)
    return done


async def capture_many(session: AsyncSession, *, rows: Sequence[LeadCreate | Rejected], today: date) -> BulkResult:
    """Take in all good rows as `capture_one` does; a result for each row, in their order."""
    good = accepted(rows)
    done = {one.index: one for one in await capture(session, rows=good, today=today)} if good else {}
    results = [
        row if isinstance(row, Rejected) else (bulk.Outcome(done[index].outcome), done[index].lead_id)
        for index, row in enumerate(rows)
    ]
    return bulk.result(results, under="/leads")


async def update(session: AsyncSession, *, lead_id: UUID, expected: int, body: LeadUpdate) -> Lead:
    """Change the fields that were sent.

    Raises:
        Conflict: another lead is this person at this email.
        Invalid: nobody could be told by what would be left, or a value would be without its currency, or a day
            without its next step.

    """
    sent = body.sent()
    if {"email", "person_name"} & sent.keys():
        seen = await leads.get(session, lead_id)
        await leads.hold(session, [email_key(one) for one in {seen.email, body.email} if one])
    lead = await leads.lock(session, lead_id, expected=expected)
    before = lead.owner_id
    for name, value in sent.items():
        setattr(lead, name, value)
    activities.replan(lead, sent=sent)
    lead.person_key = person_key(lead.person_name)
    await _check_email(session, lead, sent)
    if not (lead.person_name or lead.company or lead.email or lead.telephone):
        raise Invalid.at("", "nobody", "would name neither person, company, email nor telephone")
    if (lead.estimated_value is None) != (lead.estimated_currency is None):
        raise Invalid.at("/estimated_currency", "currency", "estimated_value and estimated_currency go together")
    if lead.estimated_value is not None and lead.estimated_currency is not None:
        lead.estimated_value = money.quantise(lead.estimated_value, lead.estimated_currency)
    if {"telephone", "country"} & sent.keys():
        lead.telephone_e164 = lead.telephone and normalise_phone(lead.telephone, lead.country)
    rescore(lead)
    if changed := changes(lead):
        outbox.record(session, lead, LeadUpdated(changes=changed))
    if lead.owner_id != before:
        assigning.by_hand(session, lead, before=before, reason="by hand")
    return lead


async def _check_email(session: AsyncSession, lead: Lead, sent: dict[str, object]) -> None:
    """Whose keys are held: an email and a person belong to one lead."""
    if lead.email is None or not {"email", "person_name"} & sent.keys():
        return
    with session.no_autoflush:
        sharing = select(Lead.id, Lead.person_key).where(Lead.email == lead.email, Lead.id != lead.id)
        sharing = sharing.where(Lead.merged_into_id.is_(None))
        others = (await session.execute(sharing)).all()
    if same := [other for other in others if other.person_key == lead.person_key]:
        raise Conflict(f"lead {same[0].id} is this person at this email")
    if "email" in sent and "shared_email" not in sent:
        lead.shared_email = bool(others)


async def qualify(session: AsyncSession, *, lead_id: UUID, expected: int, body: LeadQualify) -> Lead:
    """Record what was found out, beside what was recorded before; a lead that is qualified already stays so.

    Raises:
        Conflict: the lead's status does not lead there.

    """
    lead = await leads.lock(session, lead_id, expected=expected)
    if lead.status is not LeadStatus.QUALIFIED:
        move(lead, LeadStatus.QUALIFIED)
        lead.qualified_by_id = None
    for name, value in body.sent().items():
        setattr(lead, name, value)
    lead.qualified_at = clock.now()
    lead.first_qualified_at = lead.first_qualified_at or lead.qualified_at
    reached(lead, lead.qualified_at)
    rescore(lead)
    outbox.record(session, lead, LeadQualified(changes=changes(lead), score=lead.score))
    return lead


async def disqualify(session: AsyncSession, *, lead_id: UUID, expected: int, body: LeadDisqualify) -> Lead:
    """Give the lead up, for a reason.

    Raises:
        Conflict: the lead's status does not lead there.

    """
    lead = await leads.lock(session, lead_id, expected=expected)
    move(lead, LeadStatus.DISQUALIFIED)
    lead.disqualify_reason, lead.disqualify_note = body.reason, body.note
    outbox.record(session, lead, LeadDisqualified(changes=changes(lead), reason=body.reason))
    return lead


async def recycle(session: AsyncSession, *, lead_id: UUID, expected: int) -> Lead:
    """Open the lead again.

    Raises:
        Conflict: the lead's status does not lead there.

    """
    lead = await leads.lock(session, lead_id, expected=expected)
    move(lead, LeadStatus.RECYCLED)
    outbox.record(session, lead, LeadRecycled(changes=changes(lead)))
    return lead


async def record_activity(session: AsyncSession, *, lead_id: UUID, body: ActivityCreate) -> Activity:
    """Record what was done with a lead; a next step that its newest activity names becomes the lead's.

    Whoever was reached, by call, email or meeting, and was new or back again is contacted.

    Raises:
        Invalid: the contact is not the one that the lead became, or a date is given without a next step.

    """
    lead = await leads.lock(session, lead_id)
    if body.contact_id is not None and body.contact_id != lead.contact_id:
        raise Invalid.at("/contact_id", "unknown", "names no contact of the lead")
    activity = activities.record(session, lead_id=lead_id, account_id=lead.account_id, body=body)
    activities.follow(lead, activity=activity)
    enough = _MET if body.kind is ActivityKind.MEETING else _REACHED
    in_contact = body.kind is not ActivityKind.NOTE and body.outcome in enough
    if in_contact:
        reached(lead, activity.at)
    if in_contact and lead.status in {LeadStatus.NEW, LeadStatus.RECYCLED}:
        move(lead, LeadStatus.CONTACTED)
        outbox.record(session, lead, LeadContacted(changes=changes(lead), activity_id=activity.id))
    lead.updated_at = clock.now()
    await session.flush()
    return activity


async def record_consent(session: AsyncSession, *, lead_id: UUID, body: LeadConsentCreate) -> Lead:
    """Keep what a lead said about being contacted; what its contact said too, when it has become one."""
    lead = await leads.lock(session, lead_id)
    said = body.model_dump() | {"at": body.at or clock.now()}
    news = await accounts.add_consents(
        session, lead_id=lead_id, contact_id=lead.contact_id, consents=[ConsentEntry.model_validate(said)]
    )
    if news:
        lead.updated_at = clock.now()
        await session.flush()
    return lead
