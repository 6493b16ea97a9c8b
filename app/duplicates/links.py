"""What refers to leads, contacts and accounts, and what a merge does with it.

Every foreign key to one of the three stands here; a test looks whether one is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.duplicates.rules import Kind


@dataclass(frozen=True, slots=True)
class Link:
    """A column that names a record, and names the surviving one after a merge.

    `same` says when a row `t` of the merged record goes, because the survivor has the same already in `o`; `stays`
    when it keeps naming the merged one, whose id answers with the survivor. `renews` tells whether the row is a
    resource that gets a new version by it.
    """

    table: str
    column: str
    same: str | None = None
    stays: str | None = None
    renews: bool = True

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


# What is said once is kept once: a unique index says so. `:contact` is that of a lead which was converted.
_SAID = (
    "o.purpose = t.purpose AND o.channel = t.channel AND o.granted = t.granted AND o.at = t.at"
    " AND o.source = t.source AND md5(o.evidence) IS NOT DISTINCT FROM md5(t.evidence)"
)
_SAID_AS_LEAD = (
    f"{_SAID} AND (o.contact_id IS NOT DISTINCT FROM t.contact_id"
    " OR o.contact_id IS NOT DISTINCT FROM coalesce(t.contact_id, CAST(:contact AS uuid)))"
)
_SAID_AS_CONTACT = f"{_SAID} AND o.lead_id IS NOT DISTINCT FROM t.lead_id"

LINKS: Mapping[Kind, tuple[Link, ...]] = {
    Kind.LEADS: (
        Link("meetings", "lead_id"),
        Link("orders", "lead_id"),
        # A lead makes one opportunity.
        Link("opportunities", "lead_id", stays="EXISTS (SELECT FROM opportunities AS o WHERE o.lead_id = :survivor)"),
        Link("activities", "lead_id"),
        Link("lead_touches", "lead_id"),
        Link("lead_identities", "lead_id"),
        Link("consents", "lead_id", same=_SAID_AS_LEAD),
        Link("leads", "merged_into_id", renews=False),
    ),
    Kind.CONTACTS: (
        Link("meeting_participants", "contact_id", same="o.meeting_id = t.meeting_id"),
        Link("leads", "contact_id"),
        Link("orders", "contact_id"),
        Link("opportunity_contacts", "contact_id", same="o.opportunity_id = t.opportunity_id"),
        Link("activities", "contact_id"),
        Link("consents", "contact_id", same=_SAID_AS_CONTACT),
        Link("contact_identities", "contact_id"),
        Link("contacts", "merged_into_id", renews=False),
    ),
    Kind.ACCOUNTS: (
        Link("meetings", "account_id"),
        Link("leads", "account_id"),
        Link("orders", "account_id"),
        Link("opportunities", "account_id"),
        Link("activities", "account_id"),
        Link("contacts", "account_id"),
        Link("accounts", "parent_id"),
        Link("purchase_entries", "account_id"),
        Link("account_identities", "account_id"),
        Link("accounts", "merged_into_id", renews=False),
    ),
}

OF_CUSTOMER = (Link("activities", "account_id"), Link("meetings", "account_id"), Link("consents", "contact_id"))
"""What a lead's rows get besides when it has become a customer: its account, or its contact."""

LOCKED_BEFORE: Mapping[Kind, tuple[str, ...]] = {
    Kind.LEADS: ("meetings.lead_id",),
    Kind.CONTACTS: ("leads.contact_id", "orders.contact_id"),
    Kind.ACCOUNTS: ("meetings.account_id", "leads.account_id", "orders.account_id", "opportunities.account_id"),
}
"""Whose rows others lock before they lock the record itself: so does a merge, or each would wait for the other."""
