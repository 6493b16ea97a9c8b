"""What is exported of each kind: the fields that its import reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, inspect, select

from app.accounts.models import Account, AccountIdentity, Consent, Contact, ContactIdentity
from app.accounts.rules import ConsentCreate
from app.accounts.schemas import ContactSaid
from app.kernel.db import Base
from app.kernel.shape import json_list_of
from app.leads.models import Lead, LeadIdentity
from app.opportunities.models import Opportunity, OpportunityContact, OpportunityLine, Stage
from app.opportunities.rows import OpportunityLineRow
from app.opportunities.schemas import OpportunityContactCreate
from app.products.models import Price, PriceList, Product
from app.staff.models import StaffMember
from app.transfer.kinds import KINDS


@dataclass(frozen=True)
class Export:
    """The rows of a table, as a file has them.

    `computed` are the fields that are no columns of the table: names in place of ids, and what other tables know.
    """

    name: str
    model: type[Base]
    computed: Mapping[str, ColumnElement[Any]]
    conditions: Sequence[ColumnElement[bool]] = ()

    @cached_property
    def fields(self) -> dict[str, ColumnElement[Any]]:
        """The fields in the order of the file."""
        kind = KINDS[self.name]
        named = {reference.target: field for field, reference in kind.references.items() if field in self.computed}
        columns = inspect(self.model).columns
        found: dict[str, ColumnElement[Any]] = {}
        for name in kind.row.model_fields:
            field = named.get(name, name)
            if field in self.computed:
                found[field] = self.computed[field]
            elif name in columns:
                found[name] = columns[name]
        ours = {"id": found.pop("id")} if "id" in found else {}
        return ours | found

    @cached_property
    def columns(self) -> list[str]:
        """The columns of CSV: a field with fields of its own has one for each."""
        shapes = KINDS[self.name].shapes
        parts = {name: [one for one in shapes if one.startswith(f"{name}.")] for name in self.fields}
        return [column for name in self.fields for column in (parts[name] or [name])]


def _of(found: Any, *where: ColumnElement[bool], parent: type[Base]) -> ColumnElement[Any]:
    """A value of another table that belongs to the row."""
    return select(found).where(*where).correlate(parent).scalar_subquery()


def _first_name(model: Any, owner: Any, parent: Any, column: Any) -> ColumnElement[Any]:
    """What the first other system in the order of the alphabet calls the row."""
    named = select(column).where(owner == parent.id).order_by(model.source, model.external_id).limit(1)
    return named.correlate(parent).scalar_subquery()


def _email_of(member_id: Any, parent: type[Base]) -> ColumnElement[Any]:
    return _of(StaffMember.email, StaffMember.id == member_id, parent=parent)


def _said(schema: Any, link: Any, parent: Any) -> ColumnElement[Any]:
    """All that a person said about being contacted."""
    return json_list_of(schema, Consent, where=link == parent.id, order_by=Consent.id, parent=parent)


_manager, _parent = StaffMember.__table__.alias("manager"), Account.__table__.alias("parent")
_code = _of(PriceList.code, PriceList.id == Account.price_list_id, parent=Account)
_own_name = (LeadIdentity.lead_id == Lead.id, LeadIdentity.source == Lead.source)
_lead_name = select(LeadIdentity.external_id).where(*_own_name).order_by(LeadIdentity.external_id).limit(1)
_in_currency = _of(PriceList.currency, PriceList.id == Price.price_list_id, parent=Price)

EXPORTS: Mapping[str, Export] = {
    each.name: each
    for each in (
        Export(
            "staff",
            StaffMember,
            {"reports_to": _of(_manager.c.email, _manager.c.id == StaffMember.reports_to_id, parent=StaffMember)},
        ),
        Export("products", Product, {}),
        Export(
            "prices",
            Price,
            {
                "price_list": _of(PriceList.code, PriceList.id == Price.price_list_id, parent=Price),
                "currency": _in_currency,
                "sku": _of(Product.sku, Product.id == Price.product_id, parent=Price),
            },
        ),
        Export(
            "accounts",
            Account,
            {
                "source": _first_name(AccountIdentity, AccountIdentity.account_id, Account, AccountIdentity.source),
                "external_id": _first_name(
                    AccountIdentity, AccountIdentity.account_id, Account, AccountIdentity.external_id
                ),
                "parent": _of(_parent.c.number, _parent.c.id == Account.parent_id, parent=Account),
                "owner": _email_of(Account.owner_id, Account),
                "price_list": _code,
            },
            [Account.merged_into_id.is_(None)],
        ),
        Export(
            "contacts",
            Contact,
            {
                "source": _first_name(ContactIdentity, ContactIdentity.contact_id, Contact, ContactIdentity.source),
                "external_id": _first_name(
                    ContactIdentity, ContactIdentity.contact_id, Contact, ContactIdentity.external_id
                ),
                "account": _of(Account.number, Account.id == Contact.account_id, parent=Contact),
                "consents": _said(ContactSaid, Consent.contact_id, Contact),
            },
            [Contact.merged_into_id.is_(None)],
        ),
        Export(
            "opportunities",
            Opportunity,
            {
                "account": _of(Account.number, Account.id == Opportunity.account_id, parent=Opportunity),
                "owner": _email_of(Opportunity.owner_id, Opportunity),
                "stage": _of(Stage.code, Stage.id == Opportunity.stage_id, parent=Opportunity),
                "lines": json_list_of(
                    OpportunityLineRow,
                    OpportunityLine,
                    where=OpportunityLine.opportunity_id == Opportunity.id,
                    order_by=OpportunityLine.line_no,
                    parent=Opportunity,
                ),
                "contacts": json_list_of(
                    OpportunityContactCreate,
                    OpportunityContact,
                    where=OpportunityContact.opportunity_id == Opportunity.id,
                    order_by=OpportunityContact.contact_id,
                    parent=Opportunity,
                ),
            },
        ),
        Export(
            "leads",
            Lead,
            {
                "external_id": _lead_name.correlate(Lead).scalar_subquery(),
                "consents": _said(ConsentCreate, Consent.lead_id, Lead),
            },
            [Lead.merged_into_id.is_(None)],
        ),
    )
}
