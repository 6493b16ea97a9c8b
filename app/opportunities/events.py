"""What happens to opportunities and to the stages of the pipeline. Personal fields are named without their values."""

from uuid import UUID

from app.kernel.outbox import Event
from app.kernel.schema import Amount
from app.opportunities.rules import LostReason, StageType


class StageCreated(Event):
    """A new stage of the pipeline."""

    type = "opportunity_stage.created"
    subject_type = "opportunity-stages"

    code: str
    stage_type: StageType


class StageUpdated(Event):
    """A stage was named, placed or judged anew; opportunities in it keep their probability."""

    type = "opportunity_stage.updated"
    subject_type = "opportunity-stages"


class OpportunityCreated(Event):
    """A new opportunity."""

    type = "opportunity.created"
    subject_type = "opportunities"

    number: str
    account_id: UUID | None
    lead_id: UUID | None
    stage: str
    currency: str
    amount: Amount


class OpportunityUpdated(Event):
    """An opportunity's fields, lines or contacts changed."""

    type = "opportunity.updated"
    subject_type = "opportunities"

    number: str


class OpportunityMoved(Event):
    """An open opportunity went to another open stage."""

    type = "opportunity.moved"
    subject_type = "opportunities"

    number: str
    from_stage: str
    to_stage: str


class OpportunityWon(Event):
    """The customer decided for us."""

    type = "opportunity.won"
    subject_type = "opportunities"

    number: str
    account_id: UUID
    currency: str
    amount: Amount


class OpportunityLost(Event):
    """The customer decided against us, or for nobody."""

    type = "opportunity.lost"
    subject_type = "opportunities"

    number: str
    reason: LostReason
    competitor: str | None


class OpportunityReopened(Event):
    """A decided opportunity is open again."""

    type = "opportunity.reopened"
    subject_type = "opportunities"

    number: str
    to_stage: str


class OpportunityOrdered(Event):
    """A won opportunity became an order."""

    type = "opportunity.ordered"
    subject_type = "opportunities"

    number: str
    order_id: UUID
    order_number: str


class OpportunityReleased(Event):
    """The order that an opportunity had become was cancelled: it may become another one."""

    type = "opportunity.released"
    subject_type = "opportunities"

    number: str
    order_id: UUID


ALL: tuple[type[Event], ...] = (
    StageCreated,
    StageUpdated,
    OpportunityCreated,
    OpportunityUpdated,
    OpportunityMoved,
    OpportunityWon,
    OpportunityLost,
    OpportunityReopened,
    OpportunityOrdered,
    OpportunityReleased,
)
