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
    opportunity_id: UUID | None = None


class LeadAssigned(Event):
    """Somebody got a lead: by a rule, or by hand. An owner it had before is in `changes`."""

    type = "lead.assigned"
    subject_type = "leads"

    owner_id: UUID
    rule_id: UUID | None
    rule_name: str | None
    reason: str


class LeadUnassigned(Event):
    """A lead has no owner: no rule had anybody for it, or it was taken from whoever had it."""

    type = "lead.unassigned"
    subject_type = "leads"

    reason: str


class AssignmentRuleCreated(Event):
    """There is a new rule by which leads are given to people."""

    type = "lead_assignment_rule.created"
    subject_type = "lead-assignment-rules"

    name: str
    position: int
    active: bool
    member_ids: tuple[UUID, ...]


class AssignmentRuleUpdated(Event):
    """A rule changed; `member_ids` are its members afterwards, when they changed."""

    type = "lead_assignment_rule.updated"
    subject_type = "lead-assignment-rules"

    member_ids: tuple[UUID, ...] | None


class AssignmentRuleDeleted(Event):
    """A rule that had given no lead is gone."""

    type = "lead_assignment_rule.deleted"
    subject_type = "lead-assignment-rules"

    name: str


ALL: tuple[type[Event], ...] = (
    LeadCaptured,
    LeadTouched,
    LeadUpdated,
    LeadContacted,
    LeadQualified,
    LeadDisqualified,
    LeadRecycled,
    LeadConverted,
    LeadAssigned,
    LeadUnassigned,
    AssignmentRuleCreated,
    AssignmentRuleUpdated,
    AssignmentRuleDeleted,
)
