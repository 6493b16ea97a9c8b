"""The funnel in the database: which leads, what became of each, and all of them counted in one statement.

What is looked up of a lead is looked up by its id. So it costs what the cohort is long, whatever else there is.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Float,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSON

from app.funnel.rules import By, FirstContact, Step
from app.funnel.schemas import FunnelLead, FunnelOrder
from app.kernel.repository import Repository
from app.kernel.shape import fields
from app.kernel.statement import Reader, Statement
from app.leads.models import Lead, LeadTouch
from app.leads.rules import LeadStatus
from app.opportunities.models import Opportunity
from app.opportunities.rules import StageType
from app.orders.models import Order
from app.orders.rules import OrderStatus
from app.staff.models import StaffMember

MOST_GROUPS = 200
_INSTANT = DateTime(timezone=True)
_SOLD = (OrderStatus.CONFIRMED, OrderStatus.COMPLETED)


def of_opportunity(column: Any) -> ColumnElement[Any]:
    """A column of the lead's opportunity, of which there is one at most."""
    found = select(column).where(Opportunity.lead_id == Lead.id).correlate(Lead)
    return found.scalar_subquery()


def _orders(*columns: Any) -> Any:
    """The orders that came of a lead: those that name it, and those of its opportunity that name no lead."""
    sold = or_(*(Order.status == status for status in _SOLD))
    named = select(*columns).where(Order.lead_id == Lead.id, sold).correlate(Lead)
    won = select(*columns).join(Opportunity, Opportunity.id == Order.opportunity_id)
    won = won.where(Opportunity.lead_id == Lead.id, Order.lead_id.is_(None), sold).correlate(Lead)
    return union_all(named, won)


def _revenue(minor_units: int) -> ColumnElement[Any]:
    """What an order's lines brought in, less returns, as its account's purchase record has it when it is completed."""
    return func.round((Order.net_amount - Order.returned_amount) * Order.exchange_rate, minor_units, type_=Numeric)


def _of_orders(minor_units: int) -> Any:
    """How many orders came of the lead, and their revenue, for a join."""
    each = _orders(_revenue(minor_units).label("revenue")).subquery("sold")
    found = select(func.count().label("orders"), func.coalesce(func.sum(each.c.revenue), 0).label("revenue"))
    return found.select_from(each).lateral("ordered")


def _touches() -> ColumnElement[Any]:
    return select(func.count()).where(LeadTouch.lead_id == Lead.id).correlate(Lead).scalar_subquery()


def has_taken(step: Step, minor_units: int) -> ColumnElement[bool]:
    """Whether a lead took the step."""
    orders = _of_orders(minor_units)
    taken: dict[Step, ColumnElement[bool]] = {
        Step.CAPTURED: Lead.id.is_not(None),
        Step.CONTACTED: Lead.contacted_at.is_not(None),
        Step.QUALIFIED: Lead.first_qualified_at.is_not(None),
        Step.CONVERTED: Lead.converted_at.is_not(None),
        Step.OPPORTUNITY: of_opportunity(Opportunity.id).is_not(None),
        Step.WON: of_opportunity(Opportunity.state) == StageType.WON,
        Step.ORDERED: select(orders.c.orders).scalar_subquery() > 0,
    }
    return taken[step]


def contact_is(state: FirstContact, *, hours: Any, now: Any) -> ColumnElement[bool]:
    """Whether this is true of a lead's first contact."""
    deadline: ColumnElement[datetime] = Lead.created_at + hours * literal_column("interval '1 hour'")
    open_ones = and_(Lead.contacted_at.is_(None), Lead.status != LeadStatus.DISQUALIFIED)
    match state:
        case FirstContact.WITHIN:
            return Lead.contacted_at <= deadline
        case FirstContact.LATE:
            return or_(Lead.contacted_at > deadline, and_(open_ones, deadline < now))
        case FirstContact.WAITING:
            return and_(open_ones, deadline >= now)


def _day(at: Any) -> ColumnElement[Any]:
    return cast(func.timezone(bindparam("timezone", type_=Text), at), Date)


def _median(value: ColumnElement[Any], places: int) -> ColumnElement[Any]:
    middle = func.percentile_cont(0.5).within_group(cast(value, Float))
    return func.round(cast(middle, Numeric), places, type_=Numeric)


def _days(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Median days from the one to the other, of those that come in this order."""
    return _median(case((other >= one, other - one)), 1)


def _facts(conditions: Sequence[ColumnElement[bool]], by: By | None, minor_units: int) -> Select[Any]:
    """Each lead of the cohort with what became of it."""
    keys: dict[By, ColumnElement[Any]] = {
        By.CAMPAIGN: Lead.campaign.expression,
        By.SOURCE: Lead.source.expression,
        By.PERSON: cast(Lead.owner_id, Text),
        By.MONTH: func.to_char(func.timezone(bindparam("timezone", type_=Text), Lead.created_at), "YYYY-MM"),
    }
    hours, now = bindparam("hours", type_=Integer), bindparam("now", type_=_INSTANT)
    orders = _of_orders(minor_units)
    facts = select(
        (literal(None, Text) if by is None else keys[by]).label("key"),
        Lead.created_at,
        Lead.contacted_at,
        Lead.first_qualified_at,
        Lead.converted_at,
        *(contact_is(each, hours=hours, now=now).label(each) for each in FirstContact),
        of_opportunity(Opportunity.opened_on).label("opened_on"),
        of_opportunity(case((Opportunity.state == StageType.WON, Opportunity.closed_on))).label("won_on"),
        _touches().label("touches"),
        orders.c.orders,
        orders.c.revenue,
    )
    return facts.select_from(Lead).join(orders, literal_column("true")).where(*conditions)


def figures(conditions: Sequence[ColumnElement[bool]], by: By | None, minor_units: int) -> Statement:
    """The figures of the leads that the conditions hold of: of each group, and of all (`is_total`), which comes first.

    Parameters: `timezone`, `hours`, `now`.
    """
    cohort = _facts(conditions, by, minor_units).cte("cohort").prefix_with("MATERIALIZED", dialect="postgresql")
    one = cohort.c
    captured_on, contacted_on, qualified_on = map(_day, (one.created_at, one.contacted_at, one.first_qualified_at))
    waited = func.greatest(extract("epoch", one.contacted_at - one.created_at), 0) / 3600
    columns: dict[str, ColumnElement[Any]] = {
        "touches": func.coalesce(func.sum(one.touches), 0),
        "captured": func.count(),
        "contacted": func.count(one.contacted_at),
        "qualified": func.count(one.first_qualified_at),
        "converted": func.count(one.converted_at),
        "opportunity": func.count(one.opened_on),
        "won": func.count(one.won_on),
        "ordered": func.count().filter(one.orders > 0),
        "orders": func.coalesce(func.sum(one.orders), 0),
        "revenue": func.coalesce(func.sum(one.revenue), 0),
        "captured_to_contacted": _days(captured_on, contacted_on),
        "contacted_to_qualified": _days(contacted_on, qualified_on),
        "qualified_to_opportunity": _days(qualified_on, one.opened_on),
        "opportunity_to_won": _days(one.opened_on, one.won_on),
        "within": func.count().filter(one.within),
        "late": func.count().filter(one.late),
        "waiting": func.count().filter(one.waiting),
        "median_hours": _median(case((one.contacted_at.is_not(None), waited)), 2),
    }
    is_total = func.grouping(one.key) == 1
    counted = select(one.key, is_total.label("is_total"), *(made.label(name) for name, made in columns.items()))
    counted = counted.group_by(func.rollup(one.key))
    order = (one.key,) if by is By.MONTH else (func.count().desc(), one.key)
    most = 1 if by is None else MOST_GROUPS + 2  # the total, and one to know whether there are more
    rows = counted.order_by(is_total.desc(), *order).limit(most).subquery("rows")
    name = select(StaffMember.name).where(cast(StaffMember.id, Text) == rows.c.key).correlate(rows).scalar_subquery()
    named = name if by is By.PERSON else literal(None, Text)
    shown = select(rows, named.label("name"))
    return Statement(shown.order_by(rows.c.is_total.desc(), *_same(rows, by)))


def _same(rows: Any, by: By | None) -> tuple[Any, ...]:
    return (rows.c.key,) if by is By.MONTH else (rows.c.captured.desc(), rows.c.key)


class FunnelLeads(Repository[Lead]):
    """The leads behind the figures, with their orders, in a currency with so many minor units."""

    model = Lead
    schema = FunnelLead
    noun = "lead"
    sorts: ClassVar = {"created_at": Lead.created_at}

    def __init__(self, minor_units: int = 2) -> None:
        self._minor_units = minor_units
        super().__init__()

    @cached_property
    def computed(self) -> dict[str, Any]:
        orders = _of_orders(self._minor_units)
        return {
            "touches": _touches(),
            "qualified_at": Lead.first_qualified_at.expression,
            "opportunity_id": of_opportunity(Opportunity.id),
            "opened_on": of_opportunity(Opportunity.opened_on),
            "won_on": of_opportunity(case((Opportunity.state == StageType.WON, Opportunity.closed_on))),
            "orders": self._orders(),
            "revenue": select(orders.c.revenue).correlate(Lead).scalar_subquery(),
        }

    def _orders(self) -> ColumnElement[Any]:
        each = _orders(*fields(FunnelOrder, Order, {"revenue": _revenue(self._minor_units)})).subquery("r")
        whole = func.coalesce(
            func.json_agg(literal_column("r ORDER BY r.number"), type_=JSON), literal_column("'[]'::json")
        )
        return select(whole).select_from(each.lateral("r")).correlate(Lead).scalar_subquery()


@cache
def funnel_leads(minor_units: int) -> FunnelLeads:
    """The repository for a currency with so many minor units."""
    return FunnelLeads(minor_units)


def cohort(
    *, begins: datetime, ends: datetime, source: str | None, campaign: str | None, owner_id: UUID | None,
    no_campaign: bool | None, no_owner: bool | None,
) -> list[ColumnElement[bool]]:  # fmt: skip
    """The conditions of leads that were captured in a period and not merged into others."""
    found: list[ColumnElement[bool]] = [Lead.created_at >= begins, Lead.created_at < ends]
    equal = ((Lead.source, source), (Lead.campaign, campaign), (Lead.owner_id, owner_id))
    found += [column == value for column, value in equal if value is not None]
    for column, without in ((Lead.campaign, no_campaign), (Lead.owner_id, no_owner)):
        if without is not None:
            found.append(column.is_(None) if without else column.is_not(None))
    return found


async def counted(
    reader: Reader, *, conditions: Sequence[ColumnElement[bool]], by: By | None, minor_units: int,
    timezone: str, hours: int, now: datetime,
) -> Sequence[Any]:  # fmt: skip
    """The rows of `figures`."""
    statement = figures([*conditions, Lead.merged_into_id.is_(None)], by, minor_units)
    return await statement.all(reader, timezone=timezone, hours=hours, now=now)
