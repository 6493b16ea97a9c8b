"""Conversion: a qualified lead becomes an account's contact, in one transaction and once."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus
from app.activities import service as activities
from app.kernel import outbox
from app.kernel.company import Company
from app.kernel.contact import person_key
from app.kernel.errors import Invalid, PreconditionFailed
from app.leads import assigning
from app.leads.events import LeadConverted
from app.leads.models import Lead
from app.leads.repository import leads
from app.leads.rules import Authority, LeadStatus
from app.leads.schemas import LeadConvert, NewAccount, NewOpportunity
from app.leads.state import changes, check, move
from app.opportunities import service as opportunities
from app.opportunities.models import Opportunity


async def convert(session: AsyncSession, *, lead_id: UUID, expected: int, company: Company, body: LeadConvert) -> Lead:
    """Make the lead a contact of a new or an existing account, and hand its consents and activities over.

    A lead that is converted stays as it is, whatever the version and the body say: asking twice is safe. The
    company's currency is the new account's when neither body nor lead name one.

    Raises:
        Conflict: the lead is not qualified.
        Invalid: account or contact are unknown or do not belong together, or the contact would have no name, or two.

    """
    lead = await leads.lock(session, lead_id)
    if lead.status is LeadStatus.CONVERTED:
        return lead
    if lead.version != expected:
        raise PreconditionFailed(f"version {expected} was read, version {lead.version} is the latest: read again")
    check(lead, LeadStatus.CONVERTED)
    owner_id = body.owner_id or lead.owner_id
    contact = await _known_contact(session, body)
    account = await _account(session, lead, contact, owner_id, company.currency, body)
    contact = contact or await _contact(session, lead, account, body.contact_name)
    move(lead, LeadStatus.CONVERTED)
    before = lead.owner_id
    lead.account_id, lead.contact_id, lead.owner_id = account.id, contact.id, owner_id
    lead.converted_at = lead.status_changed_at
    told = changes(lead)
    await session.flush()
    opportunity = await _opportunity(session, lead, account, contact, company, body.opportunity)
    event = LeadConverted(
        changes=told,
        account_id=account.id,
        contact_id=contact.id,
        opportunity_id=opportunity.id if opportunity else None,
    )
    outbox.record(session, lead, event)
    if lead.owner_id != before:
        assigning.by_hand(session, lead, before=before, reason="by hand, when it was converted")
    await session.flush()
    await accounts.hand_over_consents(session, lead_id=lead.id, contact_id=contact.id)
    await activities.hand_over(session, lead_id=lead.id, account_id=account.id)
    return lead


async def _opportunity(
    session: AsyncSession,
    lead: Lead,
    account: Account,
    contact: Contact,
    company: Company,
    asked: NewOpportunity | None,
) -> Opportunity | None:
    if asked is None:
        return None
    given = asked.model_dump()
    given["name"] = asked.name or account.name
    said = asked.amount is not None or asked.lines or asked.currency not in {None, lead.estimated_currency}
    if lead.estimated_value is not None and not said:
        given |= {"amount": lead.estimated_value, "currency": lead.estimated_currency}
    return await opportunities.from_lead(
        session,
        company=company,
        lead_id=lead.id,
        contact_id=contact.id,
        decides=lead.authority is Authority.DECISION_MAKER,
        account_id=account.id,
        owner_id=lead.owner_id,
        campaign=lead.campaign,
        **given,
    )


async def _known_contact(session: AsyncSession, body: LeadConvert) -> Contact | None:
    if body.contact_id is None:
        return None
    if body.contact_name is not None:
        raise Invalid.at("/contact_name", "contact_id", "is a new contact's, contact_id is one that is there: send one")
    contact = await accounts.standing_contact(session, contact_id=body.contact_id)
    if body.account_id is not None and contact.account_id != body.account_id:
        raise Invalid.at("/contact_id", "other_account", "is a contact of another account")
    return contact


async def _account(
    session: AsyncSession, lead: Lead, contact: Contact | None, owner_id: UUID | None, currency: str, body: LeadConvert
) -> Account:
    account_id = contact.account_id if contact else body.account_id
    if account_id is None:
        return await accounts.create_account(
            session, account=_new_account(lead, owner_id, currency, body.account or NewAccount())
        )
    account = await accounts.standing_account(session, account_id=account_id)
    if account.status is AccountStatus.CLOSED:
        raise Invalid.at("/account_id", "closed", "is a closed account: reopen it first")
    return account


def _new_account(lead: Lead, owner_id: UUID | None, currency: str, asked: NewAccount) -> Account:
    name = asked.name or lead.company or lead.person_name
    if name is None:
        raise Invalid.at("/account/name", "missing", "is needed: the lead names neither company nor person")
    return Account(
        name=name,
        type=asked.type,
        industry=asked.industry,
        size=asked.size or lead.company_size,
        owner_id=owner_id,
        website=lead.website,
        billing_address={"country": lead.country} if lead.country else None,
        currency=asked.currency or lead.estimated_currency or currency,
    )


async def _contact(session: AsyncSession, lead: Lead, account: Account, asked: str | None) -> Contact:
    """The lead's person as a contact: the one who is there with this email and name, or a new one."""
    name = asked or lead.person_name
    if name is None:
        raise Invalid.at("/contact_name", "missing", "is needed: the lead names no person")
    if lead.email is not None:
        there = select(Contact).where(Contact.account_id == account.id, Contact.email == lead.email)
        for contact in await session.scalars(there.order_by(Contact.id)):
            if person_key(contact.name) == person_key(name):
                return await session.get_one(Contact, contact.merged_into_id or contact.id)
    new = Contact(
        account_id=account.id,
        name=name,
        job_title=lead.job_title,
        email=lead.email,
        telephone=lead.telephone_e164 or lead.telephone,
        decision_maker=lead.authority is Authority.DECISION_MAKER,
    )
    return await accounts.create_contact(session, contact=new)
