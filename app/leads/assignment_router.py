"""HTTP for the rules by which new leads are given to people."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.http import ExpectedVersion, OurCompany, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.leads import assignment_service as service
from app.leads.assignment_repository import assignment_rules
from app.leads.assignment_schemas import (
    LeadAssign,
    LeadAssignmentExplanation,
    LeadAssignmentQuestion,
    LeadAssignmentRuleCreate,
    LeadAssignmentRuleQuery,
    LeadAssignmentRuleRead,
    LeadAssignmentRuleSummary,
    LeadAssignmentRuleUpdate,
)
from app.leads.repository import leads
from app.leads.schemas import LeadRead

rule_routes = router("/lead-assignment-rules", "lead_assignment_rules")
lead_routes = router("/leads", "leads")
_ASSIGN = [requires(Permission.LEADS_ASSIGN)]
_PATH = "lead-assignment-rules"


@rule_routes.post(
    "", summary="Add a rule of assignment", status_code=201, response_model=LeadAssignmentRuleRead, dependencies=_ASSIGN
)
async def create(tx: Tx, company: OurCompany, body: LeadAssignmentRuleCreate) -> Response:
    """New leads go to the first rule that matches and has somebody there today, among whom they are given in turn."""
    rule = await service.create_rule(tx, body=body)
    return created(await assignment_rules.show_whole(tx, rule.id, company=company), _PATH, rule.id)


@rule_routes.get(
    "",
    summary="List the rules of assignment",
    response_model=Page[LeadAssignmentRuleSummary],
    dependencies=_ASSIGN,
)
async def list_(request: Request, tx: ReadTx, query: Annotated[LeadAssignmentRuleQuery, Parameters()]) -> Response:
    """Indexed: both sorts. By position they come as they are asked."""
    return answer_page(request, await assignment_rules.page(tx, query))


@rule_routes.post(
    "/explain",
    summary="Ask who would get a lead, and why",
    response_model=LeadAssignmentExplanation,
    dependencies=_ASSIGN,
)
async def explain(tx: Tx, company: OurCompany, body: LeadAssignmentQuestion) -> LeadAssignmentExplanation:
    """Of a lead that is there or is not: every rule with what it has to say. Nothing changes, nobody's turn passes."""
    return await service.explain_assignment(tx, today=company.today(), body=body)


@rule_routes.get(
    "/{rule_id}", summary="Get a rule of assignment", response_model=LeadAssignmentRuleRead, dependencies=_ASSIGN
)
async def get(tx: ReadTx, company: OurCompany, rule_id: UUID) -> Response:
    """With how its members stand today, and how many leads it gave to each."""
    return answer(await assignment_rules.show_whole(tx, rule_id, company=company))


@rule_routes.patch(
    "/{rule_id}", summary="Change a rule of assignment", response_model=LeadAssignmentRuleRead, dependencies=_ASSIGN
)
async def update(
    tx: Tx, expected: ExpectedVersion, company: OurCompany, rule_id: UUID, body: LeadAssignmentRuleUpdate
) -> Response:
    """For leads that come from now on; who has one keeps it."""
    await service.update_rule(tx, rule_id=rule_id, expected=expected, body=body)
    return answer(await assignment_rules.show_whole(tx, rule_id, company=company))


@rule_routes.delete("/{rule_id}", summary="Delete a rule of assignment", status_code=204, dependencies=_ASSIGN)
async def delete(tx: Tx, expected: ExpectedVersion, rule_id: UUID) -> None:
    """Only one that has given no lead; another is made inactive."""
    await service.delete_rule(tx, rule_id=rule_id, expected=expected)


@lead_routes.post("/{lead_id}/assign", summary="Give a lead to somebody", response_model=LeadRead, dependencies=_ASSIGN)
async def assign(tx: Tx, expected: ExpectedVersion, company: OurCompany, lead_id: UUID, body: LeadAssign) -> Response:
    """By hand to whom `owner_id` names; without it by the rules, as if it came in now.

    When they have nobody for it, that is a conflict, and whoever has the lead keeps it.
    """
    await service.assign(tx, lead_id=lead_id, expected=expected, today=company.today(), owner_id=body.owner_id)
    return answer(await leads.show(tx, lead_id))
