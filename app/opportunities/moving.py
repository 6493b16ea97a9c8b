"""Opportunities through the stages: on, back, to a decision, open again."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock, outbox
from app.kernel.company import Company
from app.kernel.errors import Conflict, Invalid
from app.opportunities import state
from app.opportunities.events import OpportunityLost, OpportunityMoved, OpportunityReopened, OpportunityWon
from app.opportunities.models import Opportunity, Stage
from app.opportunities.repository import opportunities, stages
from app.opportunities.rules import StageType, wrong_in_move
from app.opportunities.schemas import OpportunityMove


async def move(
    session: AsyncSession, *, company: Company, opportunity_id: UUID, expected: int, body: OpportunityMove
) -> Opportunity:
    """Move it to another stage: on, back, to a decision, or open again.

    Raises:
        Conflict: it is in that stage, or has become an order.
        Invalid: the stage does not exist or is out of use, the reason of a loss is missing or out of place, the day
            lies in the future or before the opportunity, or a won one has no account.

    """
    row = await opportunities.lock(session, opportunity_id, expected=expected)
    stage = await stages.active(session, body.stage)
    before = await session.get_one(Stage, row.stage_id)
    if stage.id == before.id:
        raise Conflict(f"{row.number} is in {stage.code}")
    if row.order_id is not None:
        raise Conflict(f"{row.number} has become an order: cancel that first")
    wrong = wrong_in_move(
        stage.type,
        **body.model_dump(exclude={"stage", "competitor"}),
        has_account=row.account_id is not None,
        opened_on=row.opened_on,
        today=company.today(),
    )
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong)
    was = row.state
    row.stage_id, row.state, row.stage_changed_at = stage.id, stage.type, clock.now()
    row.probability = stage.probability
    if stage.type is StageType.OPEN and body.probability is not None:
        row.probability = body.probability
    row.closed_on = None if stage.type is StageType.OPEN else body.closed_on or company.today()
    row.lost_reason, row.lost_note = body.lost_reason, body.lost_note
    if body.competitor is not None:
        row.competitor = body.competitor
    changes = outbox.changes(row, personal=state.PERSONAL, silent=("stage_id", "stage_changed_at"))
    told: dict[str, Any] = {"number": row.number, "changes": changes}
    event: outbox.Event
    if stage.type is StageType.WON and row.account_id is not None:
        event = OpportunityWon(**told, account_id=row.account_id, currency=row.currency, amount=row.amount)
    elif row.lost_reason is not None:
        event = OpportunityLost(**told, reason=row.lost_reason, competitor=row.competitor)
    elif was is not StageType.OPEN:
        event = OpportunityReopened(**told, to_stage=stage.code)
    else:
        event = OpportunityMoved(**told, from_stage=before.code, to_stage=stage.code)
    session.add(state.stage_change(session, row, from_stage_id=before.id))
    outbox.record(session, row, event)
    return row
