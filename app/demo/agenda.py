"""Meetings, which Northwind does not have: one was held on the day of its last order, one is today, two are to come.

They are planned by the services on the evening of that day; `pipeline` has what most of them are about.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.activities.rules import ActivityOutcome
from app.demo.history import Known
from app.demo.northwind import Northwind
from app.demo.timetable import Timetable
from app.kernel import clock
from app.kernel.company import Company
from app.meetings import service
from app.meetings.schemas import MeetingCreate, MeetingHold, ParticipantCreate
from app.opportunities.models import Opportunity

_MANAGER, _REPRESENTATIVE = 5, 4
_EVENING = 18


@dataclass(frozen=True, slots=True)
class Visit:
    """A meeting at a customer's, or with somebody else; `opportunity` is what it is about, or else the customer."""

    subject: str
    in_days: int
    hour: int
    customer: str | None = None
    opportunity: str | None = None
    agenda: str | None = None
    place: str | None = None
    stranger: str | None = None
    with_manager: bool = False


HELD = Visit("Shelf space before Christmas", 0, 16, customer="ERNSH", place="Kirchgasse 6, Graz")
RESULT = MeetingHold(
    result="Two more metres in 9 of 14 shops, if we fill them by the first of the month.",
    outcome=ActivityOutcome.INTERESTED,
    next_step="Send the list of shops",
)
COMING = (
    Visit(
        "Offer for ten branches", 0, 10, customer="QUICK", opportunity="Coffee corner in every branch",
        agenda="What ten corners cost a year\nWho fills them", place="Taucherstraße 10, Cunewalde", with_manager=True,
    ),
    Visit("Last word on the discount", 3, 14, customer="ERNSH", opportunity="Winter assortment for 14 shops"),
    Visit("What hotels drink at breakfast", 7, 9, opportunity="Hotels around Lake Geneva", stranger="Claire Rochat"),
)  # fmt: skip


class Agenda:
    """Arranges the meetings."""

    def __init__(
        self, session: AsyncSession, *, company: Company, northwind: Northwind, known: Known, timetable: Timetable
    ) -> None:
        self._session, self._company, self._northwind, self._known = session, company, northwind, known
        self._timetable = timetable

    async def arrange(self) -> None:
        """Hold the one, plan the others."""
        last, today = self._northwind.last_order_on, self._company.today()
        with clock.at(self._timetable.at(last, _EVENING)):
            for visit in COMING:
                await service.plan(self._session, body=await self._planned(visit, today))
            meeting = await service.plan(self._session, body=await self._planned(HELD, last))
            report = RESULT.model_copy(update={"next_step_on": today})
            await service.hold(self._session, meeting_id=meeting.id, expected=meeting.version, body=report)

    async def _planned(self, visit: Visit, first: date) -> MeetingCreate:
        starts_at = self._timetable.at(first + timedelta(days=visit.in_days), visit.hour)
        opportunity_id = await self._opportunity(visit)
        account_id = self._known.accounts[visit.customer] if visit.customer and not opportunity_id else None
        return MeetingCreate(
            subject=visit.subject,
            agenda=visit.agenda,
            place=visit.place,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            organizer_id=self._known.staff[self._northwind.owners.get(visit.customer or "", _REPRESENTATIVE)],
            account_id=account_id,
            opportunity_id=opportunity_id,
            participants=self._participants(visit),
        )

    def _participants(self, visit: Visit) -> list[ParticipantCreate]:
        people = []
        if visit.customer is not None:
            people.append(ParticipantCreate(contact_id=self._known.contacts[visit.customer]))
        if visit.stranger is not None:
            people.append(ParticipantCreate(name=visit.stranger))
        if visit.with_manager:
            people.append(ParticipantCreate(staff_id=self._known.staff[_MANAGER]))
        return people

    async def _opportunity(self, visit: Visit) -> UUID | None:
        if visit.opportunity is None:
            return None
        named = select(Opportunity.id).where(Opportunity.name == visit.opportunity)
        return (await self._session.scalars(named)).one()
