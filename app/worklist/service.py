"""Worklists: what is on them, with the reasons."""

from datetime import timedelta
from typing import Any

from app.kernel import clock
from app.kernel.company import Company
from app.kernel.errors import Invalid
from app.kernel.statement import Reader
from app.worklist import repository, rules
from app.worklist.rules import EntryKind, View
from app.worklist.schemas import Worklist, WorklistEntry, WorklistQuery

_IDS = ("lead_id", "account_id", "opportunity_id", "contact_id", "meeting_id")
_NAMES = ("lead_name", "account_name", "opportunity_name", "contact_name")


async def worklist(reader: Reader, *, company: Company, query: WorklistQuery) -> Worklist:
    """What somebody has to do on a day, the most urgent first.

    Raises:
        Invalid: there is no such member of staff.

    """
    view = _view(company, query)
    rows = await repository.entries(
        reader,
        staff_id=query.staff_id,
        view=view,
        strong_score=query.strong_score,
        kind=query.kind,
        rows=query.limit + 1,
    )
    if not rows and not await repository.is_staff(reader, query.staff_id):
        raise Invalid.at("staff_id", "unknown", "names nobody")
    shown = [_entry(view, row) for row in rows[: query.limit]]
    return Worklist(staff_id=query.staff_id, day=view.day, data=shown, has_more=len(rows) > query.limit)


def _view(company: Company, query: WorklistQuery) -> View:
    """Today is seen from now, another day from its end."""
    today, now = company.today(), clock.now()
    day = query.day or today
    begins, ends = (clock.start_of(each, company.timezone) for each in (day, day + timedelta(days=1)))
    return View(
        day=day,
        moment=now if day == today else ends,
        begins=begins,
        ends=ends,
        timezone=company.timezone,
        lead_hours=query.lead_hours,
        contact_days=query.contact_days,
        quote_days=query.quote_days,
    )


def _entry(view: View, row: Any) -> WorklistEntry:
    kind = list(EntryKind)[row.rank]
    due_at, due_on = None, None
    match kind:
        case EntryKind.MEETING:
            due_at = row.starts_at
            reason = rules.reason_of_meeting(view, starts_at=row.starts_at, ends_at=row.ends_at, subject=row.step)
        case EntryKind.NEXT_STEP:
            due_on = row.due_on
            reason = rules.reason_of_next_step(view, due_on=row.due_on, step=row.step)
        case EntryKind.STRONG_LEAD:
            due_at = row.heard_at + timedelta(hours=view.lead_hours)
            contacted = row.contacted_at is not None
            reason = rules.reason_of_lead(view, score=row.score, heard_at=row.heard_at, contacted=contacted)
        case EntryKind.UNANSWERED_QUOTE:
            due_at = row.heard_at + timedelta(days=view.quote_days)
            reason = rules.reason_of_quote(view, stage=row.stage_name, heard_at=row.heard_at)
        case EntryKind.DECISION_MAKER:
            silence = timedelta(days=view.contact_days)
            due_at = row.contacted_at and row.contacted_at + silence
            due_on = None if due_at else row.due_on + silence
            reason = rules.reason_of_decision_maker(view, contacted_at=row.contacted_at, opened_on=row.due_on)
    return WorklistEntry(
        kind=kind,
        reason=reason,
        due_at=due_at,
        due_on=due_on,
        meeting_subject=row.step if kind is EntryKind.MEETING else None,
        **{name: getattr(row, name) for name in (*_IDS, *_NAMES)},
    )
