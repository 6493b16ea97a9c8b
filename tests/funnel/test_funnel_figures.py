"""The funnel among many leads at random: its figures against those reckoned here, and against the rows behind them."""

import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.kernel import clock
from app.kernel.company import Company
from app.leads.models import Lead, LeadTouch
from app.leads.rules import DisqualifyReason, LeadStatus
from app.opportunities.models import Opportunity, Stage
from app.opportunities.rules import LostReason, StageType
from app.orders.models import Order
from app.orders.rules import Channel, OrderStatus
from app.staff.models import StaffMember
from app.staff.rules import Role

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PERIOD = {"from": "2026-02-01", "to": "2026-05-31"}
HOURS = 24
CENT = Decimal("0.01")
SOLD = {OrderStatus.CONFIRMED, OrderStatus.COMPLETED}


@pytest.fixture(autouse=True)
def _in_new_york(shared_app: FastAPI) -> Iterator[None]:
    usual: Company = shared_app.state.company
    shared_app.state.company = replace(usual, timezone=str(ZONE), currency="EUR")
    with clock.at(NOW):
        yield
    shared_app.state.company = usual


@dataclass
class Known:
    """A lead as it was made, and what came of it."""

    lead: Lead
    touches: int
    opportunity: Opportunity | None
    orders: list[Order]

    @property
    def sold(self) -> list[Decimal]:
        """The revenue of each of its orders that count."""
        return [
            ((each.net_amount - each.returned_amount) * each.exchange_rate).quantize(CENT, ROUND_HALF_UP)
            for each in self.orders
            if each.status in SOLD
        ]

    @property
    def won_on(self) -> date | None:
        return self.opportunity.closed_on if self.opportunity and self.opportunity.state is StageType.WON else None

    def contact(self) -> str | None:
        """Whether it was contacted in time."""
        deadline = self.lead.created_at + timedelta(hours=HOURS)
        if self.lead.contacted_at is not None:
            return "within" if self.lead.contacted_at <= deadline else "late"
        if self.lead.status is LeadStatus.DISQUALIFIED:
            return None
        return "late" if deadline < NOW else "waiting"


STEPS: dict[str, Callable[[Known], bool]] = {
    "captured": lambda _: True,
    "contacted": lambda known: known.lead.contacted_at is not None,
    "qualified": lambda known: known.lead.first_qualified_at is not None,
    "converted": lambda known: known.lead.converted_at is not None,
    "opportunity": lambda known: known.opportunity is not None,
    "won": lambda known: known.won_on is not None,
    "ordered": lambda known: bool(known.sold),
}


def day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


class Market:
    """Leads at random, and whatever comes of them."""

    def __init__(self, tx: AsyncSession, account: Account, stages: dict[StageType, Stage], people: list[UUID]) -> None:
        self.tx, self.account, self.stages, self.people = tx, account, stages, people
        self.chance = random.Random(20260615)  # noqa: S311 - repeatable, no secret
        self.made: list[Known] = []

    def _later(self, at: datetime, hours: float) -> datetime:
        return min(at + timedelta(hours=self.chance.uniform(0, hours)), NOW)

    def lead(self, **fields: Any) -> Known:
        chance = self.chance
        at = datetime(2026, 1, 25, tzinfo=UTC) + timedelta(hours=chance.uniform(0, 24 * 141))
        lead = Lead(
            source=chance.choice(["website", "fair"]),
            campaign=chance.choice(["SPRING", "AUTUMN", None]),
            owner_id=chance.choice([*self.people, None]),
            person_name=f"Person {len(self.made)}",
            created_at=at,
            **fields,
        )
        if chance.random() < 0.7:
            lead.contacted_at, lead.status = self._later(at, 60), LeadStatus.CONTACTED
            if chance.random() < 0.7:
                lead.first_qualified_at = lead.qualified_at = self._later(lead.contacted_at, 24 * 20)
                lead.status = LeadStatus.QUALIFIED
        elif chance.random() < 0.3:
            lead.status, lead.disqualify_reason = LeadStatus.DISQUALIFIED, DisqualifyReason.SPAM
        self.tx.add(lead)
        known = Known(lead, chance.randint(1, 3), None, [])
        touches = [
            LeadTouch(lead_id=lead.id, at=at, source=lead.source, payload={}, actor="x") for _ in range(known.touches)
        ]
        self.tx.add_all(touches)
        if lead.first_qualified_at is not None and chance.random() < 0.7:
            lead.status, lead.account_id = LeadStatus.CONVERTED, self.account.id
            lead.converted_at = self._later(lead.first_qualified_at, 24 * 10)
            if chance.random() < 0.8:
                known.opportunity = self._opportunity(lead)
        self._orders(known)
        self.made.append(known)
        return known

    def _opportunity(self, lead: Lead) -> Opportunity:
        state = self.chance.choice(list(StageType))
        opened_on = day(lead.converted_at or NOW) - timedelta(days=self.chance.choice([0, 0, 60]))
        opportunity = Opportunity(
            number=f"OP-{lead.id}", name="Teas", account_id=self.account.id, lead_id=lead.id,
            stage_id=self.stages[state].id, state=state, probability=self.stages[state].probability, currency="USD",
            exchange_rate=Decimal(1), amount=Decimal(0), base_amount=Decimal(0), opened_on=opened_on,
            expected_close_on=opened_on, closed_on=None, lost_reason=None,
        )  # fmt: skip
        if state is not StageType.OPEN:
            opportunity.closed_on = opened_on + timedelta(days=self.chance.randint(0, 70))
        if state is StageType.LOST:
            opportunity.lost_reason = LostReason.PRICE
        self.tx.add(opportunity)
        return opportunity

    def _orders(self, known: Known) -> None:
        """Some name the lead, some its opportunity, some both."""
        won = known.opportunity if known.opportunity and known.opportunity.state is StageType.WON else None
        ways: list[tuple[UUID | None, UUID | None]] = [(known.lead.id, None)] * self.chance.choice([0, 0, 0, 1, 2])
        if won is not None and self.chance.random() < 0.7:
            ways.append((self.chance.choice([known.lead.id, None]), won.id))
        for lead_id, opportunity_id in ways:
            order = Order(
                number=f"SO-{known.lead.id}-{len(known.orders)}", status=self.chance.choice(list(OrderStatus)),
                due_on=day(NOW), ordered_on=day(NOW), account_id=self.account.id, lead_id=lead_id,
                opportunity_id=opportunity_id, channel=Channel.EMAIL, received_at=NOW, currency="USD",
                exchange_rate=Decimal("0.9237"), net_amount=Decimal(self.chance.randint(1, 99999)) / 100,
                freight=Decimal("7.50"), base_amount=Decimal(1),
            )  # fmt: skip
            order.returned_amount = (order.net_amount * self.chance.choice([0, 0, 1]) / 3).quantize(CENT)
            known.orders.append(order)
        self.tx.add_all(known.orders)


@pytest.fixture
async def market(tx: AsyncSession) -> Market:
    people = [
        StaffMember(name=name, email=f"{name}@example.com", role=Role.REPRESENTATIVE, active_from=date(2020, 1, 1))
        for name in ("Nancy", "Andrew")
    ]
    account = Account(number="A-1", name="Alfreds", currency="USD")
    tx.add_all([*people, account])
    await tx.flush()
    stages = {each.type: each for each in await tx.scalars(select(Stage))}
    market = Market(tx, account, stages, [each.id for each in people])
    for _ in range(150):
        market.lead()
        await tx.flush()
    survivor = market.made[0].lead
    for _ in range(5):  # none of them is counted
        market.lead(merged_into_id=survivor.id)
        await tx.flush()
        market.made.pop()
    await tx.flush()
    return market


def _median(gaps: list[tuple[date | None, date | None]]) -> Decimal | None:
    days = [(until - since).days for since, until in gaps if since and until and until >= since]
    return Decimal(str(statistics.median(days))) if days else None


def _expected(cohort: list[Known]) -> dict[str, Any]:
    def days(at: datetime | None) -> date | None:
        return day(at) if at else None

    steps = {name: sum(map(took, cohort)) for name, took in STEPS.items()}
    contacts = [known.contact() for known in cohort]
    captured = [days(known.lead.created_at) for known in cohort]
    contacted = [days(known.lead.contacted_at) for known in cohort]
    qualified = [days(known.lead.first_qualified_at) for known in cohort]
    opened = [known.opportunity.opened_on if known.opportunity else None for known in cohort]
    won = [known.won_on for known in cohort]
    return {
        "touches": sum(known.touches for known in cohort),
        "steps": steps,
        "orders": sum(len(known.sold) for known in cohort),
        "revenue": sum((sum(known.sold) for known in cohort), Decimal(0)),
        "contact": {state: contacts.count(state) for state in ("within", "late", "waiting")},
        "days": {
            "captured_to_contacted": _median(list(zip(captured, contacted, strict=True))),
            "contacted_to_qualified": _median(list(zip(contacted, qualified, strict=True))),
            "qualified_to_opportunity": _median(list(zip(qualified, opened, strict=True))),
            "opportunity_to_won": _median(list(zip(opened, won, strict=True))),
        },
    }


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures of an answer in the form of `_expected`."""
    days = {name: None if value is None else Decimal(value) for name, value in figures["median_days"].items()}
    return {
        "touches": figures["touches"],
        "steps": {name: figures["steps"][name] for name in STEPS},
        "orders": figures["orders"],
        "revenue": Decimal(figures["revenue"]),
        "contact": {name: figures["first_contact"][name] for name in ("within", "late", "waiting")},
        "days": days,
    }


async def _funnel(client: AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/v1/funnel", params=PERIOD | query)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def _all(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All leads behind a figure, by small pages."""
    found: list[dict[str, Any]] = []
    parameters = PERIOD | {"limit": 40} | query
    while True:
        answer = await client.get("/v1/funnel/leads", params=parameters)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if not answer.json()["has_more"]:
            return found
        parameters["cursor"] = answer.json()["next_cursor"]


def _cohort(market: Market) -> list[Known]:
    return [known for known in market.made if date(2026, 2, 1) <= day(known.lead.created_at) <= date(2026, 5, 31)]


KEYS: dict[str, Callable[[Known], str | None]] = {
    "campaign": lambda known: known.lead.campaign,
    "source": lambda known: known.lead.source,
    "person": lambda known: str(known.lead.owner_id) if known.lead.owner_id else None,
    "month": lambda known: f"{day(known.lead.created_at):%Y-%m}",
}


@pytest.mark.parametrize("by", [None, *KEYS])
async def test_the_figures_are_those_of_the_leads(client: AsyncClient, market: Market, by: str | None) -> None:
    cohort = _cohort(market)
    assert 80 < len(cohort) < len(market.made)
    answer = await _funnel(client, **({"by": by} if by else {}))
    assert _told(answer["total"]) == _expected(cohort)
    keys = {KEYS[by](known) for known in cohort} if by else set()
    groups = {group["key"]: group for group in answer["groups"]}
    assert groups.keys() == keys
    for key, group in groups.items():
        assert by is not None
        assert _told(group["figures"]) == _expected([known for known in cohort if KEYS[by](known) == key])
    if by == "person":
        assert {group["name"] for group in groups.values()} == {"Nancy", "Andrew", None}
    sizes = [group["figures"]["steps"]["captured"] for group in answer["groups"]]
    assert sizes == sorted(sizes, reverse=True) if by != "month" else list(groups) == sorted(groups)


FILTERS: list[dict[str, Any]] = [
    {},
    {"campaign": "SPRING"},
    {"no_campaign": True},
    {"source": "fair", "no_owner": False},
    {"no_owner": True, "campaign": "AUTUMN"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
async def test_each_figure_is_the_count_of_the_rows_behind_it(
    client: AsyncClient, market: Market, filters: dict[str, Any]
) -> None:
    told = _told((await _funnel(client, **filters))["total"])
    every = await _all(client, **filters)
    assert told["steps"]["captured"] > 5
    assert [row["created_at"] for row in every] == sorted(row["created_at"] for row in every)
    assert told["touches"] == sum(row["touches"] for row in every)
    assert told["orders"] == sum(len(row["orders"]) for row in every)
    assert told["revenue"] == sum(Decimal(row["revenue"]) for row in every)
    assert told["revenue"] == sum(Decimal(order["revenue"]) for row in every for order in row["orders"])
    for step, count in told["steps"].items():
        rows = await _all(client, **filters, step=step)
        assert len({row["id"] for row in rows}) == len(rows) == count
    assert told["steps"]["opportunity"] == len({row["opportunity_id"] for row in every} - {None})
    assert told["steps"]["won"] == sum(row["won_on"] is not None for row in every)
    for state, count in told["contact"].items():
        assert len(await _all(client, **filters, first_contact=state)) == count


async def test_shares_and_hours(client: AsyncClient, market: Market) -> None:
    cohort = _cohort(market)
    figures = (await _funnel(client, contact_within_hours=6))["total"]
    steps, first = figures["steps"], figures["first_contact"]
    assert steps["won_of_opportunity"] == f"{Decimal(steps['won']) / steps['opportunity']:.6f}"
    assert steps["contacted_of_captured"] == f"{Decimal(steps['contacted']) / steps['captured']:.6f}"
    waited = [known.lead.contacted_at - known.lead.created_at for known in cohort if known.lead.contacted_at]
    hours = statistics.median(each.total_seconds() / 3600 for each in waited)
    assert first["median_hours"] == f"{hours:.2f}"
    assert first["within"] == sum(each <= timedelta(hours=6) for each in waited)
    assert (first["within_hours"], first["share_within"]) == (
        6,
        f"{Decimal(first['within']) / (first['within'] + first['late']):.6f}",
    )


async def test_of_nobody_there_are_no_shares(client: AsyncClient, market: Market) -> None:
    total = (await _funnel(client, campaign="NONE", by="person"))["total"]
    assert {name: total["steps"][name] for name in STEPS} == dict.fromkeys(STEPS, 0)
    assert [value for name, value in total["steps"].items() if "_of_" in name] == [None] * 7
    assert set(total["median_days"].values()) == {None}
    assert (total["revenue"], total["first_contact"]["share_within"]) == ("0.00", None)
