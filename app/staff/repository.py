"""Staff in the database."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.db import alone
from app.kernel.repository import Repository
from app.staff.models import Absence, StaffMember
from app.staff.schemas import AbsenceRead, StaffQuery, StaffRead


class Staff(Repository[StaffMember]):
    """Sorted by name or age of the record; filtered by role, manager, activity."""

    model = StaffMember
    schema = StaffRead
    noun = "member of staff"
    sorts: ClassVar = {"name": StaffMember.name, "created_at": StaffMember.created_at}

    def conditions(self, query: StaffQuery) -> list[ColumnElement[bool]]:
        row, found = StaffMember, []
        if query.role is not None:
            found.append(row.role == query.role)
        if query.reports_to_id is not None:
            found.append(row.reports_to_id == query.reports_to_id)
        if query.active_on is not None:
            found.append(row.active_from <= query.active_on)
            found.append(or_(row.active_to.is_(None), row.active_to >= query.active_on))
        return found

    async def line_above(self, session: AsyncSession, member_id: UUID) -> set[UUID]:
        """The member and everybody above, up the reporting line."""
        line = select(StaffMember.id, StaffMember.reports_to_id).where(StaffMember.id == member_id).cte(recursive=True)
        above = select(StaffMember.id, StaffMember.reports_to_id).join(line, StaffMember.id == line.c.reports_to_id)
        return set((await session.scalars(select(line.union(above).c.id))).all())

    async def lock_many(
        self, session: AsyncSession, ids: Iterable[UUID], emails: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """The columns of members, locked, in an order that cannot deadlock."""
        row = StaffMember
        by_id, by_email = literal(list(ids), ARRAY(Uuid)), literal(list(emails), ARRAY(Text))
        found = select(*row.__table__.columns).where(or_(row.id == any_(by_id), row.email == any_(by_email)))
        return [one._asdict() for one in await session.execute(found.order_by(row.id).with_for_update(key_share=True))]

    async def circles(self, session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
        """Which of the members report to themselves, through others."""
        row = StaffMember
        first = select(row.id.label("start"), row.reports_to_id.label("above"))
        line = first.where(row.id == any_(literal(list(ids), ARRAY(Uuid)))).cte(recursive=True)
        whole = line.union(select(line.c.start, row.reports_to_id).join(line, row.id == line.c.above))
        return set((await session.scalars(select(whole.c.start).where(whole.c.start == whole.c.above))).all())

    async def lock_reporting_lines(self, session: AsyncSession) -> None:
        """Let one change of a reporting line finish before the next one looks for cycles."""
        await alone(session, "staff.reports_to")


class Absences(Repository[Absence]):
    """One person's, sorted by the first day."""

    model = Absence
    schema = AbsenceRead
    noun = "absence"
    sorts: ClassVar = {"from_day": Absence.from_day}


staff = Staff()
absences = Absences()
