"""Tables of leads, of everything heard from them, and of what other systems call them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.rules import CompanySize
from app.kernel import clock, words
from app.kernel.db import Base, Identified, Stored
from app.leads.rules import Authority, Budget, DisqualifyReason, Intention, Interest, LeadStatus, Need


class Lead(Stored, Base):
    """Somebody who may buy.

    `source` is the first touch's. `campaign` and `offer` are the first that a touch named, until a later touch with an
    id that we know, or somebody by hand, overwrites them. `contacted_at` is when it was first reached, or qualified
    if no contact before that is known.
    """

    __tablename__ = "leads"

    source: Mapped[str]
    campaign: Mapped[str | None]
    offer: Mapped[str | None]
    person_name: Mapped[str | None]
    person_key: Mapped[str] = mapped_column(default="")  # the name as compared, '' for none
    job_title: Mapped[str | None]
    company: Mapped[str | None]
    company_size: Mapped[CompanySize | None]
    email: Mapped[str | None]
    shared_email: Mapped[bool] = mapped_column(default=False)
    telephone: Mapped[str | None]  # as typed
    telephone_e164: Mapped[str | None]
    country: Mapped[str | None]
    website: Mapped[str | None]
    interest: Mapped[str | None]
    product_skus: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    message: Mapped[str | None]
    estimated_value: Mapped[Decimal | None]
    estimated_currency: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    touch_count: Mapped[int] = mapped_column(default=1)

    status: Mapped[LeadStatus] = mapped_column(default=LeadStatus.NEW)
    status_changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    disqualify_reason: Mapped[DisqualifyReason | None]
    disqualify_note: Mapped[str | None]

    interest_level: Mapped[Interest | None]
    intention: Mapped[Intention | None]
    horizon_months: Mapped[int | None]
    budget: Mapped[Budget] = mapped_column(default=Budget.UNKNOWN)
    authority: Mapped[Authority] = mapped_column(default=Authority.UNKNOWN)
    need: Mapped[Need] = mapped_column(default=Need.UNKNOWN)
    qualified_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    qualified_at: Mapped[datetime | None]  # the last time
    contacted_at: Mapped[datetime | None]
    first_qualified_at: Mapped[datetime | None]
    score: Mapped[int] = mapped_column(default=0)
    score_lines: Mapped[list[Any]] = mapped_column(default=list)

    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    assigned_by_rule_id: Mapped[UUID | None] = mapped_column(ForeignKey("lead_assignment_rules.id"))
    assigned_at: Mapped[datetime | None]
    assignment_reason: Mapped[str | None]
    next_step: Mapped[str | None]
    next_step_on: Mapped[date | None]
    last_activity_at: Mapped[datetime | None]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    converted_at: Mapped[datetime | None]
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"))  # then it is never listed or changed

    __table_args__ = (
        # Deferred: within one batch a pair may pass from one lead to another.
        UniqueConstraint("email", "person_key", deferrable=True, initially="DEFERRED"),
        CheckConstraint("(estimated_value IS NULL) = (estimated_currency IS NULL)", name="value_has_currency"),
        CheckConstraint("status <> 'converted' OR account_id IS NOT NULL", name="converted_has_account"),
        CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name="day_has_step"),
    )


Index("ix_leads_created_at", Lead.created_at, Lead.id)
Index("ix_leads_updated_at", Lead.updated_at, Lead.id)
Index("ix_leads_score", Lead.score, Lead.id)
Index("ix_leads_status_created_at", Lead.status, Lead.created_at, Lead.id)
Index("ix_leads_status_updated_at", Lead.status, Lead.updated_at, Lead.id)
Index("ix_leads_status_score", Lead.status, Lead.score, Lead.id)
Index("ix_leads_owner_id", Lead.owner_id, Lead.created_at, Lead.id)
Index("ix_leads_owner_updated_at", Lead.owner_id, Lead.updated_at, Lead.id)
Index("ix_leads_owner_score", Lead.owner_id, Lead.score, Lead.id)
Index("ix_leads_source", Lead.source, Lead.created_at, Lead.id)
Index("ix_leads_campaign", Lead.campaign, Lead.created_at, Lead.id)
# Which leads somebody works on: read the longest promised first, or the strongest, of equals who waits the longest.
PURSUED = "status NOT IN ('converted', 'disqualified')"
LAST_HEARD_AT = func.coalesce(Lead.last_activity_at, Lead.created_at)
_PROMISED = text(f"next_step_on IS NOT NULL AND {PURSUED}")
Index("ix_leads_owner_next_step", Lead.owner_id, Lead.next_step_on, Lead.id, postgresql_where=_PROMISED)
_OWNED = text(f"owner_id IS NOT NULL AND {PURSUED}")
Index("ix_leads_owner_strongest", Lead.owner_id, Lead.score.desc(), LAST_HEARD_AT, postgresql_where=_OWNED)
Index(
    "ix_leads_assigned_by_rule_id", Lead.assigned_by_rule_id, postgresql_where=text("assigned_by_rule_id IS NOT NULL")
)
_MERGED = text("merged_into_id IS NOT NULL")
Index("ix_leads_merged_into", Lead.merged_into_id, postgresql_where=_MERGED)
Index("ix_leads_merged_email", Lead.email, postgresql_where=_MERGED)
Index("ix_leads_next_step_on", Lead.next_step_on, Lead.id, postgresql_where=text("next_step_on IS NOT NULL"))

WORDS = words.document(
    Lead.person_name, Lead.company, Lead.email, Lead.job_title, Lead.interest, Lead.message, Lead.website
)
Index("ix_leads_words", WORDS, postgresql_using="gin")


class LeadTouch(Identified, Base):
    """One time a lead was heard of; `payload` is what was sent, validated."""

    __tablename__ = "lead_touches"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"))
    at: Mapped[datetime]
    source: Mapped[str]
    external_id: Mapped[str | None]
    campaign: Mapped[str | None]
    offer: Mapped[str | None]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor: Mapped[str]

    __table_args__ = (Index("ix_lead_touches_lead_id", "lead_id", "at", "id"),)


class LeadIdentity(Base):
    """What a source system calls a lead, and the fingerprint of what it last sent under that id."""

    __tablename__ = "lead_identities"

    source: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"), index=True)
    fingerprint: Mapped[str]


class LeadKey(Base):
    """A lock: whoever decides about an email or an identity holds its row. Only a hash is kept; two may share one."""

    __tablename__ = "lead_keys"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
