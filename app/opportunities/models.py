"""Tables of opportunities: stages, opportunities with their lines and contacts, and every change of stage."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, Identified, Stored
from app.kernel.words import document
from app.opportunities.rules import LostReason, Part, StageType

OPPORTUNITY_NUMBERS = Sequence("opportunity_numbers", metadata=Base.metadata)


class Stage(Stored, Base):
    """A stage of the pipeline: named as the department likes, of a fixed type, with a chance to win (0 to 1)."""

    __tablename__ = "opportunity_stages"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    type: Mapped[StageType]
    probability: Mapped[Decimal]
    position: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
        CheckConstraint("(type <> 'won' OR probability = 1) AND (type <> 'lost' OR probability = 0)", name="decided"),
        Index("ix_opportunity_stages_position", "position", "id"),
    )


class Opportunity(Stored, Base):
    """A chance to sell. `account_id` may be unknown until it is won.

    `amount` is the sum of the lines where there are any, `base_amount` the same in the company's currency at the frozen
    `exchange_rate`. `state` is the type of its stage, `probability` the stage's unless somebody judged otherwise.
    `closed_on` is the business day on which it was won or lost. `lead_id` is the lead whose conversion made it,
    `order_id` the order that it became.
    `source` and `external_id` are what another system calls it.
    """

    __tablename__ = "opportunities"

    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"))
    order_id: Mapped[UUID | None]
    campaign: Mapped[str | None]
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    stage_id: Mapped[UUID] = mapped_column(ForeignKey("opportunity_stages.id"))
    state: Mapped[StageType]
    stage_changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    probability: Mapped[Decimal]
    currency: Mapped[str]
    exchange_rate: Mapped[Decimal]
    amount: Mapped[Decimal]
    base_amount: Mapped[Decimal]
    opened_on: Mapped[date]
    expected_close_on: Mapped[date]
    closed_on: Mapped[date | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    next_step: Mapped[str | None]
    next_step_on: Mapped[date | None]
    last_activity_at: Mapped[datetime | None]
    competitor: Mapped[str | None]
    lost_reason: Mapped[LostReason | None]
    lost_note: Mapped[str | None]
    notes: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        CheckConstraint("state <> 'won' OR account_id IS NOT NULL", name="won_has_account"),
        CheckConstraint("(state = 'lost') = (lost_reason IS NOT NULL)", name="lost_has_reason"),
        CheckConstraint("(state = 'open') = (closed_on IS NULL)", name="closed_has_day"),
        CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name="day_has_step"),
        CheckConstraint("external_id IS NULL OR source IS NOT NULL", name="id_has_source"),
        Index("ix_opportunities_created_at", "created_at", "id"),
        Index("ix_opportunities_base_amount", "base_amount", "id"),
        Index("ix_opportunities_expected_close", "expected_close_on", "id"),
        Index("ix_opportunities_stage_changed_at", "stage_changed_at", "id"),
        Index("ix_opportunities_state_created_at", "state", "created_at", "id"),
        Index("ix_opportunities_state_base_amount", "state", "base_amount", "id"),
        Index("ix_opportunities_state_expected_close", "state", "expected_close_on", "id"),
        Index("ix_opportunities_state_stage_changed_at", "state", "stage_changed_at", "id"),
        Index("ix_opportunities_stage", "stage_id", "created_at", "id"),
        Index("ix_opportunities_stage_expected_close", "stage_id", "expected_close_on", "id"),
        Index("ix_opportunities_stage_base_amount", "stage_id", "base_amount", "id"),
        Index("ix_opportunities_owner", "owner_id", "created_at", "id"),
        Index("ix_opportunities_owner_expected_close", "owner_id", "expected_close_on", "id"),
        Index("ix_opportunities_owner_base_amount", "owner_id", "base_amount", "id"),
        Index("ix_opportunities_campaign", "campaign", "created_at", "id"),
        Index("ix_opportunities_account", "account_id", "created_at", "id"),
        Index("uq_opportunities_lead_id", "lead_id", unique=True, postgresql_where=text("lead_id IS NOT NULL")),
        Index(
            "ix_opportunities_owner_close",
            "owner_id",
            "expected_close_on",
            "id",
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_opportunities_next_step", "owner_id", "next_step_on", "id", postgresql_where=text("state = 'open'")),
    )


OPPORTUNITY_WORDS = document(Opportunity.name, Opportunity.number, Opportunity.competitor)
Index("ix_opportunities_words", OPPORTUNITY_WORDS, postgresql_using="gin")


class OpportunityLine(Identified, Base):
    """What is to be sold, at what price; `list_price` is that of the account's list on the day the line was made."""

    __tablename__ = "opportunity_lines"

    opportunity_id: Mapped[UUID] = mapped_column(ForeignKey("opportunities.id", ondelete="CASCADE"))
    line_no: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    sku: Mapped[str]
    quantity: Mapped[Decimal]
    list_price: Mapped[Decimal | None]
    unit_price: Mapped[Decimal]
    discount: Mapped[Decimal]
    price_reason: Mapped[str | None]
    amount: Mapped[Decimal]

    __table_args__ = (
        UniqueConstraint("opportunity_id", "line_no"),
        CheckConstraint("quantity > 0", name="quantity"),
    )


class OpportunityContact(Base):
    """A contact of the account with a part in the decision."""

    __tablename__ = "opportunity_contacts"

    opportunity_id: Mapped[UUID] = mapped_column(ForeignKey("opportunities.id", ondelete="CASCADE"), primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    part: Mapped[Part]

    __table_args__ = (Index("ix_opportunity_contacts_contact", "contact_id", "opportunity_id"),)


class StageChange(Identified, Base):
    """A change of stage, and what the opportunity looked like then; `from_stage_id` is NULL for the first."""

    __tablename__ = "opportunity_stage_changes"

    opportunity_id: Mapped[UUID] = mapped_column(ForeignKey("opportunities.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    from_stage_id: Mapped[UUID | None] = mapped_column(ForeignKey("opportunity_stages.id"))
    to_stage_id: Mapped[UUID] = mapped_column(ForeignKey("opportunity_stages.id"))
    to_state: Mapped[StageType]
    probability: Mapped[Decimal]
    base_amount: Mapped[Decimal]
    expected_close_on: Mapped[date]
    actor: Mapped[str]

    __table_args__ = (
        Index("ix_opportunity_stage_changes_opportunity", "opportunity_id", "at", "id"),
        Index("ix_opportunity_stage_changes_at", "at", "id"),
    )
