"""Giving leads to people: by the rules, in the transaction that asks for it, or by hand.

Whoever gives holds the rules that match until the transaction ends, taken all at once in the order of their ids, and
reads in a later statement whose turn it is. So parallel captures give as if one came after the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock, outbox
from app.kernel.errors import StartOver
from app.kernel.outbox import Event
from app.leads.assignment import Condition, Decision, Facts, Rota, Rule, decide
from app.leads.assignment_repository import assignment_rules, rules_of
from app.leads.events import LeadAssigned, LeadUnassigned
from app.leads.models import Lead

Columns = dict[str, Any]

ASSIGNMENT = ("owner_id", "assigned_by_rule_id", "assigned_at", "assignment_reason")
"""The columns of a lead that say who has it, since when, by which rule and why."""


@dataclass(slots=True)
class Given:
    """What is to be written and told when leads have been given."""

    members: list[Columns] = field(default_factory=list)  # id, given, credit
    events: list[tuple[UUID, Event]] = field(default_factory=list)


def facts_of(lead: Mapping[str, Any]) -> Facts:
    """What the rules look at, of a lead's columns."""
    values = {
        Condition.COUNTRY: lead["country"],
        Condition.CAMPAIGN: lead["campaign"],
        Condition.SOURCE: lead["source"],
        Condition.SIZE: lead["company_size"],
    }
    known = {each: frozenset([str(value)] if value else []) for each, value in values.items()}
    known[Condition.PRODUCT] = frozenset(sku.lower() for sku in lead["product_skus"])
    return Facts(values=known, amount=lead["estimated_value"], currency=lead["estimated_currency"])


async def give(
    session: AsyncSession,
    *,
    rules: Sequence[Rule],
    today: date,
    new: Iterable[Columns],
    back: Iterable[Columns] = (),
) -> Given:
    """Give leads in their order, by the active rules; their columns are changed. At most two statements.

    `back` are those that are open again: who has one keeps it, unless he or she is away today and the rules have
    somebody else for it.

    Raises:
        StartOver: as `hold`.

    """
    coming = [(lead, facts_of(lead), False) for lead in new] + [(lead, facts_of(lead), True) for lead in back]
    owners = {lead["owner_id"] for lead, _, again in coming if again} - {None}
    held = await hold(session, rules, [facts for _, facts, _ in coming], today=today, owners=tuple(owners))
    given, now = Given(), clock.now()
    for lead, facts, again in coming:
        if again and lead["owner_id"] in held.there:
            continue
        decision = decide(held.rules, held.rotas, facts)
        if again and decision.rule is None and lead["owner_id"] is not None:
            continue
        before = lead["owner_id"]
        lead.update(columns_of(decision, now))
        given.events.append((lead["id"], told(before, decision)))
    given.members = turns(held.rotas.values())
    return given


class Held(NamedTuple):
    """The rules that match, which are held; how their people stand; and who of the owners asked for works today."""

    rules: Sequence[Rule]
    rotas: Mapping[UUID, Rota]
    there: frozenset[UUID]


async def hold(
    session: AsyncSession, rules: Sequence[Rule], coming: Sequence[Facts], *, today: date, owners: Sequence[UUID] = ()
) -> Held:
    """Hold the rules that match what is coming, and read how their people stand.

    One that was changed while this waited for it counts as it is now, which takes a statement more.

    Raises:
        StartOver: a rule has come to match meanwhile. All are taken at once, in order: so they are given back, and
            taken again with it.

    """
    matching = _matching(rules, coming)
    if not matching and not owners:
        return Held((), {}, frozenset())
    seen = {rule.id: rule.version for rule in matching}
    if seen and await assignment_rules.hold(session, seen) != seen:
        matching = _matching(rules_of(await assignment_rules.active(session)), coming)
        if not seen.keys() >= {rule.id for rule in matching}:
            raise StartOver
    rotas, there = await assignment_rules.standing(session, [rule.id for rule in matching], today=today, owners=owners)
    return Held(matching, rotas, there)


def _matching(rules: Iterable[Rule], coming: Sequence[Facts]) -> list[Rule]:
    return [rule for rule in rules if any(rule.matches(facts) for facts in coming)]


def by_hand(session: AsyncSession, lead: Lead, *, before: UUID | None, reason: str) -> None:
    """Note and tell that somebody has set the owner of a lead that is held; `before`: who had it."""
    changes = outbox.difference({"owner_id": before}, {"owner_id": lead.owner_id})
    lead.assigned_by_rule_id, lead.assigned_at, lead.assignment_reason = None, clock.now(), reason
    event: Event = LeadUnassigned(changes=changes, reason=reason)
    if lead.owner_id is not None:
        event = LeadAssigned(changes=changes, owner_id=lead.owner_id, rule_id=None, rule_name=None, reason=reason)
    outbox.record(session, lead, event)


def columns_of(decision: Decision, now: datetime) -> Columns:
    """A decision as it is kept with the lead."""
    return dict(
        zip(
            ASSIGNMENT,
            (
                decision.member.staff_id if decision.member else None,
                decision.rule.id if decision.rule else None,
                now,
                decision.reason,
            ),
            strict=True,
        )
    )


def told(before: UUID | None, decision: Decision) -> Event:
    """A decision as it is told."""
    owner = decision.member.staff_id if decision.member else None
    changes = outbox.difference({"owner_id": before}, {"owner_id": owner})
    if owner is None or decision.rule is None:
        return LeadUnassigned(changes=changes, reason=decision.reason)
    return LeadAssigned(
        changes=changes,
        owner_id=owner,
        rule_id=decision.rule.id,
        rule_name=decision.rule.name,
        reason=decision.reason,
    )


def turns(rotas: Iterable[Rota]) -> list[Columns]:
    """The members' rows as they are to be written."""
    return [
        {"id": each.id, "given": each.given, "credit": each.credit}
        for rota in rotas
        if rota.used
        for each in rota.members
    ]
