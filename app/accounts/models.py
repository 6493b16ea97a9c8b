"""Tables of the customers: accounts, their contacts, what people consented to, what was bought."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Sequence,
    Text,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from app.accounts.rules import (
    AccountStatus,
    AccountType,
    CompanySize,
    ConsentChannel,
    ConsentEntry,
    ConsentPurpose,
    PurchaseKind,
)
from app.kernel import clock
from app.kernel.db import Base, Identified, Stored
from app.kernel.shape import json_list_of
from app.kernel.words import document

ACCOUNT_NUMBERS = Sequence("account_numbers", metadata=Base.metadata)


class Account(Stored, Base):
    """A company that buys, or may buy.

    `credit_limit` (NULL: none) and `open_exposure`, what its confirmed orders amount to, are in the company's
    currency; `group_credit_limit` bounds the exposure of the account and of all that belongs to it, directly or through
    others; `currency` is the one it is invoiced in. `open_status` is what it was when last open, prospect or
    active: what unblocking and reopening lead back to. The addresses are `kernel.address.Address`.
    """

    __tablename__ = "accounts"

    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    type: Mapped[AccountType] = mapped_column(default=AccountType.END_CUSTOMER)
    industry: Mapped[str | None]
    size: Mapped[CompanySize | None]
    key_account: Mapped[bool] = mapped_column(default=False)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    status: Mapped[AccountStatus] = mapped_column(default=AccountStatus.PROSPECT)
    open_status: Mapped[AccountStatus] = mapped_column(default=AccountStatus.PROSPECT)
    block_reason: Mapped[str | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))

    email: Mapped[str | None]
    telephone: Mapped[str | None]
    website: Mapped[str | None]
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    delivery_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    currency: Mapped[str]
    price_list_id: Mapped[UUID | None] = mapped_column(ForeignKey("price_lists.id"))
    payment_terms_days: Mapped[int] = mapped_column(default=30)
    credit_limit: Mapped[Decimal | None]
    open_exposure: Mapped[Decimal] = mapped_column(default=Decimal(0))
    group_credit_limit: Mapped[Decimal | None]

    last_activity_at: Mapped[datetime | None]
    next_step: Mapped[str | None]
    next_step_on: Mapped[date | None]
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))  # then it is never listed or changed

    __table_args__ = (
        Index("ix_accounts_merged_into", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        CheckConstraint("(status = 'blocked') = (block_reason IS NOT NULL)", name="block_reason"),
        CheckConstraint("open_status IN ('prospect', 'active')", name="open_status"),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
        CheckConstraint("group_credit_limit >= 0", name="group_credit_limit"),
        CheckConstraint("payment_terms_days >= 0", name="payment_terms_days"),
        CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name="day_has_step"),
        Index("ix_accounts_name", "name", "id"),
        Index("ix_accounts_created_at", "created_at", "id"),
        Index("ix_accounts_status", "status", "name", "id"),
        Index("ix_accounts_status_number", "status", "number", "id"),
        Index("ix_accounts_status_created_at", "status", "created_at", "id"),
        Index("ix_accounts_type", "type", "name", "id"),
        Index("ix_accounts_owner", "owner_id", "name", "id"),
        Index("ix_accounts_parent", "parent_id", "name", "id"),
        Index("ix_accounts_industry", "industry", "name", "id"),
        Index("ix_accounts_key", "name", "id", postgresql_where=text("key_account")),
        Index("ix_accounts_next_step", "next_step_on", "id", postgresql_where=text("next_step_on IS NOT NULL")),
        Index(
            "ix_accounts_owner_next_step",
            "owner_id",
            "next_step_on",
            "id",
            postgresql_where=text("next_step_on IS NOT NULL AND status <> 'closed'"),
        ),
    )


ACCOUNT_WORDS = document(Account.name, Account.number)
Index("ix_accounts_words", ACCOUNT_WORDS, postgresql_using="gin")
account_country = Account.billing_address.op("->>", return_type=Text())(literal_column("'country'"))
Index("ix_accounts_country", account_country, Account.name, Account.id)


class Contact(Stored, Base):
    """A person at an account. `telephone` is as typed; `telephone_e164` can be dialled, or is NULL."""

    __tablename__ = "contacts"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    job_title: Mapped[str | None]
    department: Mapped[str | None]
    email: Mapped[str | None]
    telephone: Mapped[str | None]
    telephone_e164: Mapped[str | None]
    language: Mapped[str | None]
    decision_maker: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))  # then it is never listed or changed

    __table_args__ = (
        Index("ix_contacts_merged_into", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index("ix_contacts_account", "account_id", "name", "id"),
        Index("ix_contacts_name", "name", "id"),
        Index("ix_contacts_created_at", "created_at", "id"),
        Index("ix_contacts_email", "email", "name", "id"),
    )


CONTACT_WORDS = document(Contact.name, Contact.email)
Index("ix_contacts_words", CONTACT_WORDS, postgresql_using="gin")


class AccountIdentity(Base):
    """What another system calls an account."""

    __tablename__ = "account_identities"

    external_id: Mapped[str] = mapped_column(primary_key=True)  # first: asked for without the source as well
    source: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)


class ContactIdentity(Base):
    """What another system calls a contact."""

    __tablename__ = "contact_identities"

    external_id: Mapped[str] = mapped_column(primary_key=True)  # first: asked for without the source as well
    source: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), index=True)


class Consent(Identified, Base):
    """Something a person said about being contacted, as a lead, as a contact, or both.

    Rows are added and stay as they are; only a lead's become its contact's too when it is converted.
    """

    __tablename__ = "consents"

    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    purpose: Mapped[ConsentPurpose]
    channel: Mapped[ConsentChannel]
    granted: Mapped[bool]
    at: Mapped[datetime]
    evidence: Mapped[str | None]
    source: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __table_args__ = (
        CheckConstraint("num_nonnulls(lead_id, contact_id) > 0", name="somebodys"),
        Index("ix_consents_contact", "contact_id", "at", "id"),
        Index("ix_consents_lead", "lead_id", "at", "id"),
        # What was said once is kept once, however often a source sends it again. Evidence may be long: its digest.
        Index(
            "uq_consents_said",
            "lead_id", "contact_id", "purpose", "channel", "granted", "at", "source", text("md5(evidence)"),
            unique=True, postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip


class PurchaseEntry(Identified, Base):
    """What an order added to its account's purchase record, or a return took from it, in the company's currency."""

    __tablename__ = "purchase_entries"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    order_id: Mapped[UUID]
    kind: Mapped[PurchaseKind]
    amount: Mapped[Decimal]
    day: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __table_args__ = (
        Index("ix_purchase_entries_account", "account_id", "day"),
        Index("uq_purchase_entries_sale", "order_id", unique=True, postgresql_where=text("kind = 'sale'")),
    )


def standing_consents(
    link: InstrumentedAttribute[UUID | None] | InstrumentedAttribute[UUID], parent: Any
) -> ColumnElement[Any]:
    """The JSON array of what counts for a row of `parent`, for its read statement.

    For each purpose and channel a withdrawal wins until a newer grant with evidence. Withdrawals and grants with
    evidence are decisive: the latest of them counts, a withdrawal before a grant of the same instant. Only where there
    is none, the latest grant without evidence does. The order in which they were told plays no part but between equals,
    where the later one counts.

    `link` is the column of `Consent` that names the parent: `standing_consents(Consent.lead_id, Lead)`.
    """
    row = Consent
    decisive = or_(~row.granted, row.evidence.is_not(None))
    counts = (
        select(row.id)
        .ext(distinct_on(row.purpose, row.channel))
        .where(link == parent.id)
        .order_by(row.purpose, row.channel, decisive.desc(), row.at.desc(), row.granted, row.id.desc())
        .correlate(parent)
    )
    return json_list_of(
        ConsentEntry, row, where=row.id.in_(counts), order_by=tuple_(row.purpose, row.channel), parent=parent
    )
