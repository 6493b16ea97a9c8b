"""Rules of assignment in the database: the list, and the statements by which leads are given."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.company import Company
from app.kernel.repository import Document, Repository
from app.kernel.shape import json_list_of, json_of
from app.kernel.statement import Reader, Statement, among
from app.leads.assignment import Condition, Member, Rota, Rule, away, in_order
from app.leads.assignment_models import AssignmentMember, AssignmentRule
from app.leads.assignment_schemas import (
    LeadAssignmentMember,
    LeadAssignmentRuleQuery,
    LeadAssignmentRuleRead,
    LeadAssignmentRuleSummary,
)
from app.staff.models import Absence, StaffMember

_CONDITIONS = {
    Condition.COUNTRY: "countries",
    Condition.CAMPAIGN: "campaigns",
    Condition.SOURCE: "sources",
    Condition.PRODUCT: "product_skus",
    Condition.SIZE: "sizes",
}
_PLAIN = ("id", "name", "position", "version", "active", *_CONDITIONS.values(), "min_value_currency")
_TODAY = bindparam("today", type_=Date)


def _active() -> ColumnElement[bool]:
    return and_(
        StaffMember.active_from <= _TODAY, or_(StaffMember.active_to.is_(None), StaffMember.active_to >= _TODAY)
    )


def _absent() -> ColumnElement[bool]:
    covering = (Absence.staff_id == StaffMember.id, Absence.from_day <= _TODAY, Absence.to_day >= _TODAY)
    return exists().where(*covering).correlate(StaffMember)


def rules_as_json(*, active_only: bool) -> ColumnElement[str | None]:
    """All rules as one JSON text for `rules_of`, a scalar to be asked for in passing; null when there are none."""
    row = AssignmentRule
    columns = [getattr(row, name) for name in _PLAIN]
    found = select(*columns, cast(row.min_value, Text).label("min_value"))
    if active_only:
        found = found.where(row.active)
    rules = found.lateral("r")
    return select(cast(func.json_agg(literal_column("r"), type_=JSON), Text)).select_from(rules).scalar_subquery()


def rules_of(rows: str | None) -> list[Rule]:
    """The rules of `rules_as_json`, in the order in which they are asked."""
    return in_order(_rule(row) for row in json.loads(rows or "[]"))


def _rule(row: Mapping[str, Any]) -> Rule:
    wanted = {each: frozenset(row[name]) for each, name in _CONDITIONS.items() if row[name]}
    if skus := wanted.get(Condition.PRODUCT):
        wanted[Condition.PRODUCT] = frozenset(sku.lower() for sku in skus)
    return Rule(
        id=UUID(row["id"]),
        name=row["name"],
        position=row["position"],
        version=row["version"],
        active=row["active"],
        wanted=wanted,
        min_value=None if row["min_value"] is None else Decimal(row["min_value"]),
        currency=row["min_value_currency"],
    )


def _locking() -> Select[UUID, int]:
    row = AssignmentRule
    named = row.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))
    return select(row.id, row.version).where(named).order_by(row.id).with_for_update(key_share=True)


def _standing() -> Select[*tuple[Any, ...]]:
    """The members of `rules`, in the order of their lists, and everybody of `owners`, how they stand on a day."""
    row, of_rules = AssignmentMember, AssignmentMember.rule_id == func.any(bindparam("rules", type_=ARRAY(Uuid)))
    wanted = union(select(row.staff_id).where(of_rules), select(func.unnest(bindparam("owners", type_=ARRAY(Uuid)))))
    member = (row.rule_id, row.id, row.given, row.credit)
    person = (StaffMember.id.label("staff_id"), StaffMember.capacity)
    return (
        select(*member, *person, _active().label("active"), _absent().label("absent"))
        .select_from(StaffMember)
        .outerjoin(row, (row.staff_id == StaffMember.id) & of_rules)
        .where(among(StaffMember.id, wanted))
        .order_by(row.rule_id, row.position, row.id)
    )


_LOCKING, _STANDING = Statement(_locking()), Statement(_standing())
_ALL = Statement(lambda: select(rules_as_json(active_only=False).label("rules")))
_ACTIVE = Statement(lambda: select(rules_as_json(active_only=True).label("rules")))


class AssignmentRules(Repository[AssignmentRule]):
    """Listed without how its members stand; sorted by the order in which they are asked, or by age."""

    model = AssignmentRule
    schema = LeadAssignmentRuleSummary
    noun = "rule of assignment"
    sorts: ClassVar = {"position": AssignmentRule.position, "created_at": AssignmentRule.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        row, own = AssignmentMember, AssignmentMember.rule_id == AssignmentRule.id
        ids = select(row.staff_id).where(own).order_by(row.position, row.id).correlate(AssignmentRule)
        return {"member_ids": func.array(ids.scalar_subquery())}

    def conditions(self, query: LeadAssignmentRuleQuery) -> list[ColumnElement[bool]]:  # noqa: ARG002 - there are none
        return []

    @cached_property
    def _whole(self) -> Statement:
        row = AssignmentMember
        facts: dict[str, ColumnElement[Any]] = {
            "name": StaffMember.name.expression,
            "capacity": StaffMember.capacity.expression,
            "active_today": _active(),
            "absent_today": _absent(),
        }
        own = (row.rule_id == AssignmentRule.id) & (row.staff_id == StaffMember.id)
        members = json_list_of(
            LeadAssignmentMember, row, where=own, order_by=row.position, parent=AssignmentRule, computed=facts
        )
        body = json_of(LeadAssignmentRuleRead, AssignmentRule, {**self.computed, "members": members})
        shown = select(cast(body, Text).label("body"), AssignmentRule.version)
        return Statement(shown.where(AssignmentRule.id == bindparam("id")))

    async def show_whole(self, reader: Reader, identity: UUID, *, company: Company) -> Document:
        """The rule with how its members stand today (`LeadAssignmentRuleRead`).

        Raises:
            NotFound: there is none with this id.

        """
        row = await self._whole.first(reader, id=identity, today=company.today())
        if row is None:
            raise self.missing(identity)
        return Document(row.body, row.version)

    async def everyone(self, reader: Reader) -> str | None:
        """All rules, inactive ones too, as JSON for `rules_of`."""
        row = await _ALL.first(reader)
        return row.rules if row else None

    async def active(self, reader: Reader) -> str | None:
        """The active rules, as JSON for `rules_of`."""
        row = await _ACTIVE.first(reader)
        return row.rules if row else None

    async def hold(self, session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, int]:
        """Hold rules, and so the turns of their members, until the end; their versions. All at once, in order."""
        return {row.id: row.version for row in await _LOCKING.all(session, ids=list(ids))}

    async def standing(
        self, reader: Reader, ids: Sequence[UUID], *, today: date, owners: Sequence[UUID] = ()
    ) -> tuple[dict[UUID, Rota], frozenset[UUID]]:
        """The members of rules as they stand on a day, and those of `owners` who work on it."""
        members: dict[UUID, list[Member]] = {each: [] for each in ids}
        there: set[UUID] = set()
        for row in await _STANDING.all(reader, rules=list(ids), owners=list(owners), today=today):
            if row.active and not row.absent:
                there.add(row.staff_id)
            if row.rule_id is not None:
                members[row.rule_id].append(
                    Member(
                        id=row.id,
                        staff_id=row.staff_id,
                        capacity=row.capacity,
                        away=away(active=row.active, absent=row.absent, capacity=row.capacity),
                        given=row.given,
                        credit=row.credit,
                    )
                )
        return {rule: Rota(people) for rule, people in members.items()}, frozenset(there & set(owners))


assignment_rules = AssignmentRules()
