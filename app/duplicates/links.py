"""What refers to leads, contacts and accounts, and what a merge does with it.

Every foreign key to one of the three stands here; a test looks whether one is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Alias, ColumnElement, Uuid, and_, bindparam, func, or_

from app.duplicates.rules import Kind

Same = Callable[[Alias, Alias], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Link:
    """A column that names a record, and names the surviving one after a merge.

    `same` says whether a row of the merged record goes, because the survivor has the same already in the other one.
    Of a `single` link a record has one row: where the survivor has one, the merged one keeps its own, and its id
    answers with the survivor. `renews` tells whether the row is a resource that gets a new version by it.
    """

    table: str
    column: str
    same: Same | None = None
    single: bool = False
    renews: bool = True

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


def _equal(*names: str) -> Same:
    return lambda row, other: and_(*(other.c[name] == row.c[name] for name in names))


def _said(row: Alias, other: Alias) -> ColumnElement[bool]:
    """What is said once is kept once: a unique index says so."""
    plain = _equal("purpose", "channel", "granted", "at", "source")(row, other)
    return plain & func.md5(other.c.evidence).is_not_distinct_from(func.md5(row.c.evidence))


def _said_as_lead(row: Alias, other: Alias) -> ColumnElement[bool]:
    """Also by the contact that a lead has become: `contact`."""
    become = func.coalesce(row.c.contact_id, bindparam("contact", type_=Uuid))
    theirs = (other.c.contact_id.is_not_distinct_from(each) for each in (row.c.contact_id, become))
    return _said(row, other) & or_(*theirs)


def _said_as_contact(row: Alias, other: Alias) -> ColumnElement[bool]:
    return _said(row, other) & other.c.lead_id.is_not_distinct_from(row.c.lead_id)


LINKS: Mapping[Kind, tuple[Link, ...]] = {
    Kind.LEADS: (
        Link("meetings", "lead_id"),
        Link("orders", "lead_id"),
        Link("opportunities", "lead_id", single=True),
        Link("activities", "lead_id"),
        Link("lead_touches", "lead_id"),
        Link("lead_identities", "lead_id"),
        Link("consents", "lead_id", same=_said_as_lead),
        Link("leads", "merged_into_id", renews=False),
    ),
    Kind.CONTACTS: (
        Link("meeting_participants", "contact_id", same=_equal("meeting_id")),
        Link("leads", "contact_id"),
        Link("orders", "contact_id"),
        Link("opportunity_contacts", "contact_id", same=_equal("opportunity_id")),
        Link("activities", "contact_id"),
        Link("consents", "contact_id", same=_said_as_contact),
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
