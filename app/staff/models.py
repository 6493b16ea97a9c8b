"""Table of the people of the department."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, Stored
from app.staff.rules import Role


class StaffMember(Stored, Base):
    """A member of staff; `active_to` is the last day."""

    __tablename__ = "staff"

    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    reports_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    active_from: Mapped[date]
    active_to: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("active_to >= active_from", name="active_period"),
        Index("ix_staff_name", "name", "id"),
        Index("ix_staff_created_at", "created_at", "id"),
        Index("ix_staff_role", "role", "name", "id"),
    )
