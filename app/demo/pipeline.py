"""Opportunities, which Northwind does not have: what the representatives were at in the weeks before its last order.

The services take them up, work on them and move them, with the clock held at the time of each step. One is won and has
not become an order yet.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activities.rules import ActivityCreate, ActivityKind, ActivityOutcome, Direction
from app.demo.history import Known
from app.demo.northwind import Northwind, sku_of
from app.demo.timetable import Timetable
from app.kernel import clock
from app.kernel.company import Company
from app.opportunities import moving, service
from app.opportunities.models import Opportunity
from app.opportunities.rules import LostReason, OpportunityLineCreate, Part
from app.opportunities.schemas import OpportunityContactCreate, OpportunityCreate, OpportunityMove

Step: TypeAlias = tuple[datetime, Callable[[], Awaitable[object]]]
_CALL, _EMAIL, _MEETING = ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING


@dataclass(frozen=True, slots=True)
class Done:
    """An activity, so many days before the last order; `next_step` is due so many days after it, where one is known."""

    days_before: int
    kind: ActivityKind
    subject: str
    outcome: ActivityOutcome
    next_step: str | None = None
    next_step_in: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of stage, so many days before the last order."""

    days_before: int
    stage: str
    lost_reason: LostReason | None = None
    lost_note: str | None = None


@dataclass(frozen=True, slots=True)
class Chance:
    """An opportunity and what became of it; days are counted from Northwind's last order.

    `lines` are products and quantities at list price, less `discount`; without any `amount` is what it may be worth.
    """

    name: str
    customer: str | None
    opened_before: int
    closes_in: int
    steps: tuple[Done | Moved, ...]
    lines: tuple[tuple[int, int], ...] = ()
    amount: Decimal | None = None
    discount: Decimal = Decimal(0)
    part: Part = Part.INFLUENCER
    campaign: str | None = None
    competitor: str | None = None


CHANCES = (
    Chance(
        name="Winter assortment for 14 shops",
        customer="ERNSH",
        opened_before=35,
        closes_in=16,
        lines=((59, 80), (60, 60), (72, 40)),
        discount=Decimal("0.05"),
        part=Part.DECISION_MAKER,
        campaign="WINTER",
        competitor="Alpine Cheese Traders",
        steps=(
            Done(34, _CALL, "Which cheeses for the winter", ActivityOutcome.INTERESTED, "Visit with samples", -28),
            Moved(33, "qualification"),
            Done(28, _MEETING, "Tasting with the buyers", ActivityOutcome.FOLLOW_UP, "Offer for raclette", -21),
            Moved(21, "proposal"),
            Done(20, _EMAIL, "Offer sent", ActivityOutcome.DONE),
            Done(8, _CALL, "They ask for 5 %", ActivityOutcome.REACHED, "Answer on the discount", 2),
            Moved(7, "negotiation"),
        ),
    ),
    Chance(
        name="Coffee corner in every branch",
        customer="QUICK",
        opened_before=44,
        closes_in=30,
        lines=((43, 120), (19, 200)),
        part=Part.BUDGET_HOLDER,
        steps=(
            Done(43, _MEETING, "Plans for coffee corners", ActivityOutcome.INTERESTED, "Offer for ten branches", -40),
            Moved(42, "qualification"),
            Moved(40, "proposal"),
            Done(40, _EMAIL, "Offer sent", ActivityOutcome.DONE, "Ask what they think of it", -33),
        ),
    ),
    Chance(
        name="Beer for the summer festival",
        customer="SAVEA",
        opened_before=30,
        closes_in=-2,
        lines=((34, 120), (70, 90), (67, 60)),
        discount=Decimal("0.10"),
        part=Part.CHAMPION,
        campaign="FESTIVAL",
        steps=(
            Done(29, _CALL, "How much beer a festival takes", ActivityOutcome.INTERESTED),
            Moved(28, "proposal"),
            Done(14, _MEETING, "Prices for the festival", ActivityOutcome.FOLLOW_UP, "Send the contract", -9),
            Moved(9, "negotiation"),
            Done(2, _CALL, "They take it", ActivityOutcome.DONE, "Order as agreed", 2),
            Moved(2, "won"),
        ),
    ),
    Chance(
        name="Seafood counter",
        customer="RATTC",
        opened_before=42,
        closes_in=-5,
        lines=((40, 50), (41, 80), (10, 30)),
        competitor="Pacific Fish Co.",
        steps=(
            Done(41, _CALL, "A counter for fresh seafood", ActivityOutcome.INTERESTED),
            Moved(34, "proposal"),
            Done(6, _CALL, "They decided", ActivityOutcome.NOT_INTERESTED),
            Moved(6, "lost", LostReason.DELIVERY, "They want fresh fish daily; Pacific Fish Co. is in town."),
        ),
    ),
    Chance(
        name="Biscuits for the night shift",
        customer="HUNGO",
        opened_before=6,
        closes_in=60,
        amount=Decimal("3200.00"),
        campaign="WINTER",
        steps=(Done(5, _CALL, "First talk", ActivityOutcome.LEFT_MESSAGE, "Call again", 1),),
    ),
    Chance(
        name="Hotels around Lake Geneva",
        customer=None,
        opened_before=1,
        closes_in=90,
        amount=Decimal("12000.00"),
        steps=(),
    ),
)

_REPRESENTATIVE = 4
"""Who works on what has no account yet: Margaret Peacock."""


class Pipeline:
    """Acts the opportunities out, as far as wanted."""

    def __init__(
        self, session: AsyncSession, *, company: Company, northwind: Northwind, known: Known, timetable: Timetable
    ) -> None:
        self._session, self._company, self._northwind, self._known = session, company, northwind, known
        self._timetable = timetable
        self._made: dict[str, Opportunity] = {}
        steps = [step for turn, chance in enumerate(CHANCES) for step in self._steps(chance, turn)]
        self._waiting = sorted(steps, key=lambda step: step[0])

    async def until(self, moment: datetime | None = None, *, tell: Callable[[datetime], Awaitable[None]]) -> None:
        """Take the steps before the moment, or all without one; `tell` whatever else happened before each of them."""
        while self._waiting and (moment is None or self._waiting[0][0] < moment):
            at, act = self._waiting.pop(0)
            await tell(at)
            with clock.at(at):
                await act()
                await self._session.flush()

    def _steps(self, chance: Chance, turn: int) -> Iterator[Step]:
        """From three in the afternoon on, each at minutes of its own, so that no two fall together."""
        last, at = self._northwind.last_order_on, self._timetable.at
        yield at(last - timedelta(days=chance.opened_before), 15, turn), lambda: self._begin(chance)
        for number, step in enumerate(chance.steps, start=1):
            day = last - timedelta(days=step.days_before)
            yield at(day, 15, 10 * min(number, 5) + turn), self._act(chance, step)

    def _act(self, chance: Chance, step: Done | Moved) -> Callable[[], Awaitable[object]]:
        if isinstance(step, Done):
            return lambda: self._record(chance, step)
        return lambda: self._move(chance, step)

    def _contact(self, chance: Chance) -> UUID | None:
        return self._known.contacts[chance.customer] if chance.customer else None

    def _owner(self, chance: Chance) -> UUID:
        owner = self._northwind.owners.get(chance.customer or "", _REPRESENTATIVE)
        return self._known.staff[owner]

    async def _begin(self, chance: Chance) -> None:
        contact = self._contact(chance)
        lines = [
            OpportunityLineCreate(
                sku=sku_of(product),
                quantity=Decimal(quantity),
                discount=chance.discount,
                price_reason="for the whole assortment" if chance.discount else None,
            )
            for product, quantity in chance.lines
        ]
        body = OpportunityCreate(
            name=chance.name,
            account_id=self._known.accounts[chance.customer] if chance.customer else None,
            contacts=[OpportunityContactCreate(contact_id=contact, part=chance.part)] if contact else [],
            lines=lines,
            amount=chance.amount,
            expected_close_on=self._northwind.last_order_on + timedelta(days=chance.closes_in),
            owner_id=self._owner(chance),
            campaign=chance.campaign,
            competitor=chance.competitor,
        )
        self._made[chance.name] = await service.create(self._session, company=self._company, body=body)

    async def _record(self, chance: Chance, step: Done) -> None:
        due = None if step.next_step_in is None else timedelta(days=step.next_step_in)
        body = ActivityCreate(
            kind=step.kind,
            direction=None if step.kind is _MEETING else Direction.OUTBOUND,
            contact_id=self._contact(chance),
            subject=step.subject,
            outcome=step.outcome,
            next_step=step.next_step,
            next_step_on=None if due is None else self._northwind.last_order_on + due,
            by_id=self._owner(chance),
        )
        await service.record_activity(self._session, opportunity_id=self._made[chance.name].id, body=body)

    async def _move(self, chance: Chance, step: Moved) -> None:
        row = self._made[chance.name]
        body = OpportunityMove(stage=step.stage, lost_reason=step.lost_reason, lost_note=step.lost_note)
        await moving.move(self._session, company=self._company, opportunity_id=row.id, expected=row.version, body=body)
