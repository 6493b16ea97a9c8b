"""Opportunities and stages in the database."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Account, Contact
from app.kernel.errors import Invalid
from app.kernel.repository import Repository
from app.kernel.shape import body_of, json_list_of
from app.opportunities.models import (
    OPPORTUNITY_NUMBERS,
    OPPORTUNITY_WORDS,
    Opportunity,
    OpportunityContact,
    OpportunityLine,
    Stage,
    StageChange,
)
from app.opportunities.rules import StageType
from app.opportunities.schemas import (
    OpportunityContactRead,
    OpportunityLineRead,
    OpportunityQuery,
    OpportunityRead,
    StageChangeRead,
    StageQuery,
    StageRead,
)


class Stages(Repository[Stage]):
    """The stages of the pipeline, in their order."""

    model = Stage
    schema = StageRead
    noun = "stage"
    sorts: ClassVar = {"position": Stage.position}

    def conditions(self, query: StageQuery) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [Stage.type == query.type] if query.type is not None else []
        if query.active is not None:
            found.append(Stage.active.is_(query.active))
        return found

    async def named(self, session: AsyncSession, code: str) -> Stage | None:
        return await session.scalar(select(Stage).where(Stage.code == code))

    async def active(self, session: AsyncSession, code: str) -> Stage:
        """The stage with this code.

        Raises:
            Invalid: at `/stage`, there is none, or it is out of use.

        """
        found = await self.named(session, code)
        if found is None:
            raise Invalid.at("/stage", "unknown", f"no stage has the code {code}: see /v1/opportunity-stages")
        if not found.active:
            raise Invalid.at("/stage", "inactive", f"{code} is out of use")
        return found

    async def first_open(self, session: AsyncSession) -> Stage:
        """The active open stage that comes first; there always is one."""
        row = Stage
        chosen = select(row).where(row.type == StageType.OPEN, row.active).order_by(row.position, row.id).limit(1)
        return (await session.scalars(chosen)).one()

    async def lock_all(self, session: AsyncSession) -> Sequence[Stage]:
        """All stages, held until the end: whether one of a type stays active is a question to all."""
        return (await session.scalars(select(Stage).order_by(Stage.id).with_for_update())).all()


class Opportunities(Repository[Opportunity]):
    """Sorted by age, expected close, value or the time in the stage."""

    model = Opportunity
    schema = OpportunityRead
    noun = "opportunity"
    sorts: ClassVar = {
        "created_at": Opportunity.created_at,
        "expected_close_on": Opportunity.expected_close_on,
        "base_amount": Opportunity.base_amount,
        "stage_changed_at": Opportunity.stage_changed_at,
    }
    searched = OPPORTUNITY_WORDS

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        row, line, part = Opportunity, OpportunityLine, OpportunityContact
        account = select(Account.name).where(Account.id == row.account_id).correlate(row).scalar_subquery()
        stage = select(Stage.code).where(Stage.id == row.stage_id).correlate(row).scalar_subquery()
        name = select(Contact.name).where(Contact.id == part.contact_id).correlate(part).scalar_subquery()
        return {
            "account_name": account,
            "stage": stage,
            "lines": json_list_of(
                OpportunityLineRead, line, where=line.opportunity_id == row.id, order_by=line.line_no, parent=row
            ),
            "contacts": json_list_of(
                OpportunityContactRead,
                part,
                where=part.opportunity_id == row.id,
                order_by=part.contact_id,
                parent=row,
                computed={"name": name},
            ),
        }

    def conditions(self, query: OpportunityQuery) -> list[ColumnElement[bool]]:
        row = Opportunity
        equal = ("state", "account_id", "owner_id", "campaign", "number", "source", "external_id")
        found = [getattr(row, name) == value for name in equal if (value := getattr(query, name)) is not None]
        if query.stage is not None:
            named = select(Stage.id).where(Stage.code == query.stage).scalar_subquery()
            found.append(row.stage_id == named)
        for column, least, most in (
            (row.expected_close_on, query.expected_close_from, query.expected_close_to),
            (row.base_amount, query.min_value, query.max_value),
        ):
            found += [column >= least] if least is not None else []
            found += [column <= most] if most is not None else []
        if query.stale_days is not None:
            none: ColumnElement[int] = literal_column("0")
            since = func.now() - func.make_interval(none, none, none, cast(query.stale_days, Integer))
            silent = or_(row.last_activity_at.is_(None), row.last_activity_at < since)
            found += [row.state == literal_column("'open'"), row.stage_changed_at < since, silent]
        return found

    async def lines(self, session: AsyncSession, opportunity_id: UUID) -> Sequence[OpportunityLine]:
        """The lines in their order."""
        row = OpportunityLine
        return (
            await session.scalars(select(row).where(row.opportunity_id == opportunity_id).order_by(row.line_no))
        ).all()

    async def contacts(self, session: AsyncSession, opportunity_id: UUID) -> Sequence[OpportunityContact]:
        """Those with a part in the decision."""
        row = OpportunityContact
        chosen = select(row).where(row.opportunity_id == opportunity_id).order_by(row.contact_id)
        return (await session.scalars(chosen)).all()

    async def lock_many(
        self, session: AsyncSession, ids: Iterable[UUID], numbers: Iterable[str], called: Sequence[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        """The columns of those with an id, a number, or a source and external id; locked, in order."""
        row = Opportunity
        sources, external = (literal([one[at] for one in called], ARRAY(Text)) for at in (0, 1))
        asked = func.unnest(sources, external).table_valued("source", "external_id", name="asked").render_derived()
        same = (row.source == asked.c.source) & (row.external_id == asked.c.external_id)
        named = func.array(select(row.id).join(asked, same).scalar_subquery())
        by_id, by_number = literal(list(ids), ARRAY(Uuid)), literal(list(numbers), ARRAY(Text))
        wanted = or_(row.id == any_(by_id), row.number == any_(by_number), row.id == any_(named))
        found = select(*row.__table__.columns).where(wanted).order_by(row.id).with_for_update(key_share=True)
        return [one._asdict() for one in await session.execute(found)]

    async def free_numbers(self, session: AsyncSession, count: int, year: int) -> list[str]:
        """As many next numbers of the sequence that nobody was given by an import."""
        free: list[str] = []
        while len(free) < count:
            turns = func.generate_series(1, count - len(free)).table_valued("turn")
            drawn = select(OPPORTUNITY_NUMBERS.next_value()).select_from(turns)
            new = [f"OP-{year}-{value:06d}" for value in await session.scalars(drawn)]
            taken = set(await session.scalars(select(Opportunity.number).where(Opportunity.number.in_(new))))
            free += [number for number in new if number not in taken]
        return free

    async def lines_of_many(self, session: AsyncSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """The columns of the lines, in their order."""
        row = OpportunityLine
        found = select(*row.__table__.columns).where(row.opportunity_id == any_(literal(ids, ARRAY(Uuid))))
        return [one._asdict() for one in await session.execute(found.order_by(row.opportunity_id, row.line_no))]

    async def contacts_of_many(self, session: AsyncSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """The columns of the parts in decisions."""
        row = OpportunityContact
        found = select(*row.__table__.columns).where(row.opportunity_id == any_(literal(ids, ARRAY(Uuid))))
        return [one._asdict() for one in await session.execute(found)]


class StageChanges(Repository[StageChange]):
    """The changes of an opportunity's stage."""

    model = StageChange
    schema = StageChangeRead
    noun = "change of stage"
    sorts: ClassVar = {"at": StageChange.at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        def code(of: Any) -> ColumnElement[Any]:
            stage = aliased(Stage)
            return select(stage.code).where(stage.id == of).correlate(StageChange).scalar_subquery()

        return {"from_stage": code(StageChange.from_stage_id), "to_stage": code(StageChange.to_stage_id)}

    @cached_property
    def _shown(self) -> Select[Any]:
        # What has changed never changes.
        row = StageChange
        return select(body_of(self.schema, row, self.computed), literal(1).label("version")).select_from(row)  # type: ignore[return-value]


stages = Stages()
opportunities = Opportunities()
stage_changes = StageChanges()
