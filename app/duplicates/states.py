"""Which records may become one. Pure: no I/O."""

from typing import Protocol
from uuid import UUID

from app.accounts.rules import AccountStatus
from app.leads.rules import LeadStatus


class OfLead(Protocol):
    """What of a lead decides."""

    status: LeadStatus
    account_id: UUID | None
    contact_id: UUID | None


class OfContact(Protocol):
    """What of a contact decides."""

    account_id: UUID


class OfAccount(Protocol):
    """What of an account decides."""

    status: AccountStatus
    currency: str


def of_leads(this: OfLead, other: OfLead) -> str | None:
    """Why the other lead cannot become part of this one; None when it can."""
    if other.status is not LeadStatus.CONVERTED:
        return None
    if this.status is not LeadStatus.CONVERTED:
        return "the other lead is converted, this one is not: merge this one into that"
    if this.account_id != other.account_id:
        return f"they became two accounts: merge account {other.account_id} into {this.account_id} first, or back"
    if this.contact_id != other.contact_id:
        return f"they became two contacts: merge contact {other.contact_id} into {this.contact_id} first, or back"
    return None


def of_contacts(this: OfContact, other: OfContact) -> str | None:
    """Why the other contact cannot become part of this one; None when it can."""
    if this.account_id != other.account_id:
        return "they are contacts of two accounts: merge the accounts first"
    return None


def of_accounts(this: OfAccount, other: OfAccount) -> str | None:
    """Why the other account cannot become part of this one; None when it can."""
    if this.currency != other.currency:
        return f"this account is invoiced in {this.currency}, the other in {other.currency}: change one of them first"
    if this.status is AccountStatus.CLOSED and other.status is not AccountStatus.CLOSED:
        return f"this account is closed, the other {other.status}: reopen this one first"
    if other.status is AccountStatus.BLOCKED and this.status is not AccountStatus.BLOCKED:
        return "the other account is blocked, and its orders would not be any more: block this one first, or unblock it"
    return None
