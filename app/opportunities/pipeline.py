"""Changes to the stages of the pipeline."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import outbox
from app.kernel.errors import Conflict, Invalid
from app.opportunities.events import StageCreated, StageUpdated
from app.opportunities.models import Stage
from app.opportunities.repository import stages
from app.opportunities.rules import StageType
from app.opportunities.schemas import StageCreate, StageUpdate

_DECIDED = {StageType.WON: Decimal(1), StageType.LOST: Decimal(0)}


async def create(session: AsyncSession, *, body: StageCreate) -> Stage:
    """Add a stage.

    Raises:
        Conflict: the code is taken.
        Invalid: the probability does not fit the type.

    """
    probability = _DECIDED.get(body.type) if body.probability is None else body.probability
    if probability is None:
        raise Invalid.at("/probability", "missing", "is needed for an open stage")
    _check(body.type, probability)
    if await stages.named(session, body.code) is not None:
        raise Conflict(f"there is a stage {body.code}")
    stage = Stage(**body.model_dump(exclude={"probability"}), probability=probability, active=True)
    session.add(stage)
    outbox.record(session, stage, StageCreated(code=stage.code, stage_type=stage.type))
    return stage


async def update(session: AsyncSession, *, stage_id: UUID, expected: int, body: StageUpdate) -> Stage:
    """Change the fields that were sent.

    Raises:
        Conflict: it is the last active one of its type.
        Invalid: the probability does not fit the type.

    """
    known = await stages.lock_all(session)
    stage = await stages.lock(session, stage_id, expected=expected)
    for name, value in body.sent().items():
        setattr(stage, name, value)
    _check(stage.type, stage.probability)
    if not any(each.active for each in known if each.type is stage.type):
        raise Conflict(f"{stage.code} is the last active {stage.type} stage: one of each type has to be")
    if changes := outbox.changes(stage):
        outbox.record(session, stage, StageUpdated(changes=changes))
    return stage


def _check(kind: StageType, probability: Decimal) -> None:
    if probability != _DECIDED.get(kind, probability):
        raise Invalid.at("/probability", "decided", f"is {_DECIDED[kind]} for a {kind} stage")
