"""Tables of the people of the department, and of the days on which they are away."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, Stored
from app.staff.rules import Role


class StaffMember(Stored, Base):
    """A member of staff; `active_to` is the last day. `capacity` is the share of the work, beside the others'."""

    __tablename__ = "staff"

    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    reports_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    active_from: Mapped[date]
    active_to: Mapped[date | None]
    capacity: Mapped[Decimal] = mapped_column(default=Decimal(1), server_default=text("1"))

    __table_args__ = (
        CheckConstraint("active_to >= active_from", name="active_period"),
        CheckConstraint("capacity >= 0", name="capacity"),
        Index("ix_staff_name", "name", "id"),
        Index("ix_staff_created_at", "created_at", "id"),
        Index("ix_staff_role", "role", "name", "id"),
    )


class Absence(Stored, Base):
    """Days on which somebody is away, the first and the last included; absences may overlap."""

    __tablename__ = "staff_absences"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    from_day: Mapped[date]
    to_day: Mapped[date]
    reason: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("to_day >= from_day", name="period"),
        Index("ix_staff_absences_staff_id", "staff_id", "from_day", "id"),
    )
