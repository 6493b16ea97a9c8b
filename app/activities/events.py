"""What happens with activities; the subject of the event is the lead, the opportunity or the account."""

from datetime import date, datetime
from uuid import UUID

from app.activities.rules import ActivityKind, ActivityOutcome
from app.kernel.outbox import Event


class ActivityRecorded(Event):
    """What both kinds of it tell; whom it was with and the notes are personal, read the activity for them."""

    activity_id: UUID
    kind: ActivityKind
    at: datetime
    outcome: ActivityOutcome | None
    next_step_on: date | None


class LeadActivityRecorded(ActivityRecorded):
    """Somebody did something about a lead."""

    type = "lead.activity_recorded"
    subject_type = "leads"


class AccountActivityRecorded(ActivityRecorded):
    """Somebody did something about an account."""

    type = "account.activity_recorded"
    subject_type = "accounts"


class OpportunityActivityRecorded(ActivityRecorded):
    """Somebody did something for an opportunity."""

    type = "opportunity.activity_recorded"
    subject_type = "opportunities"


ALL: tuple[type[Event], ...] = (LeadActivityRecorded, AccountActivityRecorded, OpportunityActivityRecorded)
