"""Tables of the rules by which new leads are given to people, and of whose turn it is."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, Identified, Stored


class AssignmentRule(Stored, Base):
    """Which leads it is for: an empty condition asks for nothing. Rules are asked by `position`, then by id.

    Whoever gives leads holds its row, and so has the turns of its members.
    """

    __tablename__ = "lead_assignment_rules"

    name: Mapped[str]
    position: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)
    countries: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    campaigns: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    sources: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    product_skus: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    sizes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    min_value: Mapped[Decimal | None]
    min_value_currency: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("(min_value IS NULL) = (min_value_currency IS NULL)", name="value_has_currency"),
        Index("ix_lead_assignment_rules_position", "position", "id"),
        Index("ix_lead_assignment_rules_created_at", "created_at", "id"),
    )


class AssignmentMember(Identified, Base):
    """Somebody among whom a rule's leads are given in turn: how many were, and what is owed (`assignment.LEAD` is one).

    Read and written by whoever holds the rule's row.
    """

    __tablename__ = "lead_assignment_members"

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("lead_assignment_rules.id", ondelete="CASCADE"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    position: Mapped[int]
    given: Mapped[int] = mapped_column(default=0)
    credit: Mapped[int] = mapped_column(default=0)

    __table_args__ = (UniqueConstraint("rule_id", "staff_id"),)
