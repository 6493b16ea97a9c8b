"""Changes to the rules by which leads are given to people, giving one again, and what the rules would do."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock, money, outbox
from app.kernel.errors import Conflict, FieldError, Invalid
from app.kernel.writes import Writes
from app.leads import assigning
from app.leads.assignment import Facts, Rota, RuleOutcome, decide, explain
from app.leads.assignment_models import AssignmentMember, AssignmentRule
from app.leads.assignment_repository import assignment_rules, rules_of
from app.leads.assignment_schemas import (
    LeadAssignmentExplanation,
    LeadAssignmentQuestion,
    LeadAssignmentRuleCreate,
    LeadAssignmentRuleUpdate,
    LeadAssignmentTurn,
    LeadAssignmentVerdict,
    LeadFacts,
)
from app.leads.events import AssignmentRuleCreated, AssignmentRuleDeleted, AssignmentRuleUpdated
from app.leads.models import Lead
from app.leads.repository import leads
from app.leads.rules import LeadStatus
from app.staff.models import StaffMember


async def create_rule(session: AsyncSession, *, body: LeadAssignmentRuleCreate) -> AssignmentRule:
    """Add a rule.

    Raises:
        Invalid: a member is nobody of the staff.

    """
    await _check_members(session, body.members)
    rule = AssignmentRule(**body.model_dump(exclude={"members"}, mode="python"))
    session.add(rule)
    await session.flush()
    session.add_all(_members(rule, body.members))
    told = AssignmentRuleCreated(
        name=rule.name, position=rule.position, active=rule.active, member_ids=tuple(body.members)
    )
    outbox.record(session, rule, told)
    return rule


async def update_rule(
    session: AsyncSession, *, rule_id: UUID, expected: int, body: LeadAssignmentRuleUpdate
) -> AssignmentRule:
    """Change the fields that were sent. Members who stay keep their turn.

    Raises:
        Invalid: a member is nobody of the staff, or a least value would be without its currency.

    """
    sent = body.sent()
    wanted: list[UUID] | None = sent.pop("members", None)
    rule = await assignment_rules.lock(session, rule_id, expected=expected)
    for name, value in sent.items():
        if getattr(rule, name) != value:
            setattr(rule, name, value)
    if (rule.min_value is None) != (rule.min_value_currency is None):
        raise Invalid.at("/min_value_currency", "currency", "min_value and min_value_currency go together")
    news = wanted is not None and await _replace_members(session, rule, wanted)
    changed = outbox.changes(rule)
    if changed or news:
        rule.updated_at = clock.now()  # so that its version counts
        told = AssignmentRuleUpdated(changes=changed, member_ids=tuple(wanted) if news and wanted else None)
        outbox.record(session, rule, told)
    await session.flush()
    return rule


async def delete_rule(session: AsyncSession, *, rule_id: UUID, expected: int) -> None:
    """Delete a rule that has given no lead.

    Raises:
        Conflict: it has given some, which name it.

    """
    rule = await assignment_rules.lock(session, rule_id, expected=expected)
    if await session.scalar(select(exists().where(Lead.assigned_by_rule_id == rule_id))):
        raise Conflict("leads that it has given name it: make it inactive instead (PATCH active to false)")
    outbox.record(session, rule, AssignmentRuleDeleted(name=rule.name))
    await session.delete(rule)


def _members(rule: AssignmentRule, staff: Iterable[UUID]) -> list[AssignmentMember]:
    return [
        AssignmentMember(rule_id=rule.id, staff_id=staff_id, position=place) for place, staff_id in enumerate(staff)
    ]


async def _replace_members(session: AsyncSession, rule: AssignmentRule, wanted: Sequence[UUID]) -> bool:
    """Make these the rule's members, in this order; whether they were others, or in another one."""
    row = AssignmentMember
    ordered = select(row).where(row.rule_id == rule.id).order_by(row.position, row.id)
    present = {each.staff_id: each for each in await session.scalars(ordered)}
    if list(present) == list(wanted):
        return False
    await _check_members(session, wanted)
    for staff_id in present.keys() - set(wanted):
        await session.delete(present[staff_id])
    for new in _members(rule, wanted):
        if new.staff_id in present:
            present[new.staff_id].position = new.position
        else:
            session.add(new)
    return True


async def _check_members(session: AsyncSession, wanted: Sequence[UUID]) -> None:
    known = set(await session.scalars(select(StaffMember.id).where(StaffMember.id.in_(wanted))))
    errors = [
        FieldError(f"/members/{place}", "unknown", "names nobody of the staff")
        for place, each in enumerate(wanted)
        if each not in known
    ]
    if errors:
        raise Invalid("members names somebody who is not among the staff", errors=errors)


async def assign(session: AsyncSession, *, lead_id: UUID, expected: int, today: date, owner_id: UUID | None) -> Lead:
    """Give a lead to somebody by hand; without `owner_id` to whom the rules name now, which takes a turn.

    Raises:
        Conflict: it is converted, so that its account is what somebody looks after; or no rule has anybody for it.
        Invalid: the new owner is nobody of the staff, or does not work here today.

    """
    lead = await leads.lock(session, lead_id, expected=expected)
    if lead.status is LeadStatus.CONVERTED:
        raise Conflict("it is converted: who looks after it is the owner of its account")
    if owner_id is None:
        await _assign_by_rules(session, lead, today)
    else:
        await _check_owner(session, owner_id, today)
        before, lead.owner_id = lead.owner_id, owner_id
        assigning.by_hand(session, lead, before=before, reason="by hand")
    return lead


async def _assign_by_rules(session: AsyncSession, lead: Lead, today: date) -> None:
    facts = assigning.facts_of(_columns(lead))
    active = rules_of(await assignment_rules.active(session))
    held = await assigning.hold(session, active, [facts], today=today)
    decision = decide(held.rules, held.rotas, facts)
    if decision.rule is None:
        raise Conflict(f"{decision.reason}: name an owner_id, or see POST /v1/lead-assignment-rules/explain")
    event = assigning.told(lead.owner_id, decision)
    for name, value in assigning.columns_of(decision, clock.now()).items():
        setattr(lead, name, value)
    outbox.record(session, lead, event)
    writes = Writes(session)
    writes.update(AssignmentMember, assigning.turns(held.rotas.values()))
    await writes.send()


async def _check_owner(session: AsyncSession, owner_id: UUID, today: date) -> None:
    person = await session.get(StaffMember, owner_id)
    if person is None:
        raise Invalid.at("/owner_id", "unknown", "names nobody of the staff")
    if person.active_from > today or (person.active_to is not None and person.active_to < today):
        raise Invalid.at("/owner_id", "inactive", "does not work here today")


def _columns(lead: Lead) -> dict[str, Any]:
    return {name: getattr(lead, name) for name in Lead.__table__.columns.keys()}  # noqa: SIM118 - not a mapping


async def explain_assignment(
    session: AsyncSession, *, today: date, body: LeadAssignmentQuestion
) -> LeadAssignmentExplanation:
    """What the rules would do with a lead now; nothing changes, and nothing is held.

    Raises:
        NotFound: there is no such lead.

    """
    facts = await _facts(session, body)
    rules = rules_of(await assignment_rules.everyone(session))
    rotas, _ = await assignment_rules.standing(session, [rule.id for rule in rules if rule.active], today=today)
    decision, verdicts = explain(rules, rotas, facts)
    return LeadAssignmentExplanation(
        rule_id=decision.rule.id if decision.rule else None,
        owner_id=decision.member.staff_id if decision.member else None,
        reason=decision.reason,
        at=clock.now(),
        rules=[
            LeadAssignmentVerdict(
                rule_id=each.rule.id,
                name=each.rule.name,
                position=each.rule.position,
                outcome=each.outcome,
                why=each.why,
                members=_turns(rotas[each.rule.id])
                if each.outcome in {RuleOutcome.DECIDES, RuleOutcome.NOBODY_THERE}
                else [],
            )
            for each in verdicts
        ],
    )


async def _facts(session: AsyncSession, body: LeadAssignmentQuestion) -> Facts:
    if body.lead_id is not None:
        return assigning.facts_of(_columns(await leads.get(session, body.lead_id)))
    lead = (body.lead or LeadFacts()).model_dump()
    if lead["estimated_value"] is not None:
        lead["estimated_value"] = money.quantise(lead["estimated_value"], lead["estimated_currency"])
    return assigning.facts_of(lead)


def _turns(rota: Rota) -> list[LeadAssignmentTurn]:
    chosen = rota.next()
    return [
        LeadAssignmentTurn(
            staff_id=each.staff_id, capacity=each.capacity, given=each.given, away=each.away, next=each is chosen
        )
        for each in rota.members
    ]
