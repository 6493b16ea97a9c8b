"""What changes on a lead that is held as an object: its score, its status, and how both are told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.kernel import clock, outbox
from app.kernel.errors import Conflict
from app.leads.models import Lead
from app.leads.rules import LeadStatus, MoveNotAllowed, ScoreFacts, check_move, score, total

PERSONAL = frozenset(
    {"person_name", "job_title", "email", "telephone", "telephone_e164", "interest", "message", "attributes"}
    | {"disqualify_note", "next_step"}
)
DERIVED = frozenset(
    {"person_key", "score", "score_lines", "touch_count", "status_changed_at", "version"}
    | {"assigned_by_rule_id", "assigned_at", "assignment_reason", "contacted_at", "first_qualified_at"}
)


def scored(lead: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the score, from the others."""
    lines = score(
        ScoreFacts(
            interest=lead["interest_level"],
            intention=lead["intention"],
            horizon_months=lead["horizon_months"],
            budget=lead["budget"],
            authority=lead["authority"],
            need=lead["need"],
            email=lead["email"],
            telephone=lead["telephone_e164"],
            products=len(set(lead["product_skus"])),
            message=bool(lead["message"]),
            touches=lead["touch_count"],
            campaign=bool(lead["campaign"]),
        )
    )
    return {
        "score": total(lines),
        "score_lines": [{"reason": str(line.reason), "detail": line.detail, "points": line.points} for line in lines],
    }


def rescore(lead: Lead) -> None:
    """Bring the score up to date."""
    columns = {name: getattr(lead, name) for name in Lead.__table__.columns.keys()}  # noqa: SIM118 - not a mapping
    for name, value in scored(columns).items():
        setattr(lead, name, value)


def check(lead: Lead, status: LeadStatus) -> None:
    """Raises Conflict when the lead's present status does not lead there."""
    try:
        check_move(lead.status, status)
    except MoveNotAllowed as error:
        raise Conflict(str(error)) from error


def move(lead: Lead, status: LeadStatus) -> None:
    """Change the status; raises Conflict as `check` does."""
    check(lead, status)
    lead.status, lead.status_changed_at = status, clock.now()


def reached(lead: Lead, at: datetime) -> None:
    """Somebody was in contact with the lead; what counts is the first time, whenever that is told."""
    lead.contacted_at = min(at, lead.contacted_at or at)


def changes(lead: Lead) -> tuple[outbox.Change, ...]:
    """What has been set on the lead since it was read, to be told."""
    return outbox.changes(lead, personal=PERSONAL, silent=DERIVED)
