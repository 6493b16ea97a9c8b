"""The funnel: leads of a period, how far they have come, and which they are."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement

from app.funnel import repository
from app.funnel.rules import FirstContact, share
from app.funnel.schemas import (
    Figures,
    FirstContacts,
    Funnel,
    FunnelLeadQuery,
    FunnelQuery,
    Group,
    MedianDays,
    Steps,
)
from app.kernel import clock, money
from app.kernel.company import Company
from app.kernel.errors import Invalid
from app.kernel.repository import Listing
from app.kernel.statement import Reader

_YEAR = timedelta(days=364)
_LONGEST = timedelta(days=365)


def _period(company: Company, query: FunnelQuery | FunnelLeadQuery) -> tuple[date, date]:
    """The first and the last day.

    Raises:
        Invalid: they are in the wrong order, or more than a year lies between them.

    """
    to = query.to or company.today()
    begins = query.from_ or to - _YEAR
    if begins > to:
        raise Invalid.at("from", "after_to", f"lies after {to}, the last day that is asked for")
    if to - begins > _LONGEST:
        raise Invalid.at("from", "too_long", f"is more than a year before {to}: ask year by year")
    return begins, to


def _cohort(company: Company, query: FunnelQuery | FunnelLeadQuery) -> list[ColumnElement[bool]]:
    begins, to = _period(company, query)
    return repository.cohort(
        begins=clock.start_of(begins, company.timezone),
        ends=clock.start_of(to + timedelta(days=1), company.timezone),
        source=query.source,
        campaign=query.campaign,
        owner_id=query.owner_id,
        no_campaign=query.no_campaign,
        no_owner=query.no_owner,
    )


async def funnel(reader: Reader, *, company: Company, within_hours: int, query: FunnelQuery) -> Funnel:
    """The figures of the leads that are asked for.

    Raises:
        Invalid: the period is none, or longer than a year.

    """
    begins, to = _period(company, query)
    hours = query.contact_within_hours or within_hours
    total, *groups = await repository.counted(
        reader,
        conditions=_cohort(company, query),
        by=query.by,
        minor_units=money.minor_units(company.currency),
        timezone=company.timezone,
        hours=hours,
        now=clock.now(),
    )
    shown = groups[: repository.MOST_GROUPS]
    return Funnel(
        from_=begins,
        to=to,
        currency=company.currency,
        by=query.by,
        total=_figures(total, hours, company.currency),
        groups=[Group(key=row.key, name=row.name, figures=_figures(row, hours, company.currency)) for row in shown],
        has_more=len(groups) > len(shown),
    )


def _figures(row: Any, hours: int, currency: str) -> Figures:
    steps = Steps(
        captured=row.captured,
        contacted=row.contacted,
        qualified=row.qualified,
        converted=row.converted,
        opportunity=row.opportunity,
        won=row.won,
        ordered=row.ordered,
        contacted_of_captured=share(row.contacted, row.captured),
        qualified_of_contacted=share(row.qualified, row.contacted),
        converted_of_qualified=share(row.converted, row.qualified),
        opportunity_of_converted=share(row.opportunity, row.converted),
        won_of_opportunity=share(row.won, row.opportunity),
        won_of_captured=share(row.won, row.captured),
        ordered_of_captured=share(row.ordered, row.captured),
    )
    first_contact = FirstContacts(
        within_hours=hours,
        within=row.within,
        late=row.late,
        waiting=row.waiting,
        share_within=share(row.within, row.within + row.late),
        median_hours=row.median_hours,
    )
    return Figures(
        touches=int(row.touches),
        steps=steps,
        median_days=MedianDays(**{name: getattr(row, name) for name in MedianDays.model_fields}),
        first_contact=first_contact,
        orders=int(row.orders),
        revenue=money.quantise(Decimal(row.revenue), currency),
    )


async def leads(reader: Reader, *, company: Company, within_hours: int, query: FunnelLeadQuery) -> Listing:
    """One page of the leads behind a figure (`FunnelLead`).

    Raises:
        Invalid: the period is none, or longer than a year.

    """
    minor_units = money.minor_units(company.currency)
    conditions = _cohort(company, query)
    if query.step is not None:
        conditions.append(repository.has_taken(query.step, minor_units))
    if query.first_contact is not None:
        hours = query.contact_within_hours or within_hours
        conditions.append(repository.contact_is(FirstContact(query.first_contact), hours=hours, now=clock.now()))
    return await repository.funnel_leads(minor_units).page(reader, query, *conditions)
