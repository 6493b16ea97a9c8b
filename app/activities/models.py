"""Table of activities. They are recorded once and stay as they were; only those of a lead become its account's too."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.activities.rules import ActivityKind, ActivityOutcome, Direction
from app.kernel.db import Base, Stored


class Activity(Stored, Base):
    """Something done with a lead, with an account, or with a lead that became an account (both).

    What was done for an opportunity is done with its account too, once that is known.
    """

    __tablename__ = "activities"

    kind: Mapped[ActivityKind]
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    opportunity_id: Mapped[UUID | None] = mapped_column(ForeignKey("opportunities.id"))
    direction: Mapped[Direction | None]
    at: Mapped[datetime]
    with_whom: Mapped[str | None]
    subject: Mapped[str]
    notes: Mapped[str | None]
    outcome: Mapped[ActivityOutcome | None]
    next_step: Mapped[str | None]
    next_step_on: Mapped[date | None]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))

    __table_args__ = (
        CheckConstraint("num_nonnulls(lead_id, account_id, opportunity_id) > 0", name="somebodys"),
        Index("ix_activities_at", "at", "id"),
        Index("ix_activities_lead", "lead_id", "at", "id"),
        Index("ix_activities_account", "account_id", "at", "id"),
        Index("ix_activities_contact", "contact_id", "at", "id"),
        Index("ix_activities_opportunity", "opportunity_id", "at", "id"),
        Index("ix_activities_by", "by_id", "at", "id"),
    )
