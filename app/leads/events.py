"""What happens to leads. Personal fields are named in `changes`, never with their values."""

from uuid import UUID

from app.kernel.outbox import Event
from app.leads.rules import DisqualifyReason


class LeadCaptured(Event):
    """A new lead came in."""

    type = "lead.captured"
    subject_type = "leads"

    source: str
    external_id: str | None
    campaign: str | None
    offer: str | None
    shared_email: bool


class LeadTouched(Event):
    """A lead that we know was heard of again."""

    type = "lead.touched"
    subject_type = "leads"

    source: str
    external_id: str | None
    campaign: str | None
    offer: str | None


class LeadUpdated(Event):
    """A lead's fields changed."""

    type = "lead.updated"
    subject_type = "leads"


class LeadContacted(Event):
    """A lead was reached for the first time."""

    type = "lead.contacted"
    subject_type = "leads"

    activity_id: UUID


class LeadQualified(Event):
    """A lead is worth an offer."""

    type = "lead.qualified"
    subject_type = "leads"

    score: int


class LeadDisqualified(Event):
    """A lead is not pursued."""

    type = "lead.disqualified"
    subject_type = "leads"

    reason: DisqualifyReason


class LeadRecycled(Event):
    """A lead is open again: somebody took it back, or it was heard of after it had been turned away."""

    type = "lead.recycled"
    subject_type = "leads"


class LeadConverted(Event):
    """A lead became a customer's contact."""

    type = "lead.converted"
    subject_type = "leads"

    account_id: UUID
    contact_id: UUID


ALL: tuple[type[Event], ...] = (
    LeadCaptured,
    LeadTouched,
    LeadUpdated,
    LeadContacted,
    LeadQualified,
    LeadDisqualified,
    LeadRecycled,
    LeadConverted,
)
