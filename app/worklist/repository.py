"""The one statement of a worklist: a part for each kind, each read in the order of an index and no further than asked.

No part sorts or counts what it does not answer: what it costs depends on its rows, not on the tables. Only decision
makers and quotes are looked for among all of a person's open opportunities, when few of them have been silent.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Float,
    Integer,
    Interval,
    Numeric,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    extract,
    func,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from app.accounts.models import Account, Contact
from app.activities.models import Activity
from app.kernel.statement import Reader, Statement, among
from app.leads.models import LAST_HEARD_AT, PURSUED, Lead
from app.meetings.models import Meeting, Participant
from app.meetings.rules import LONGEST
from app.opportunities.models import Opportunity, OpportunityContact, Stage
from app.staff.models import StaffMember
from app.worklist.rules import EntryKind, View

_INSTANT = DateTime(timezone=True)
_COLUMNS: dict[str, Any] = {
    "urgency": Float(), "then": Float(), "lead_id": Uuid(), "account_id": Uuid(), "opportunity_id": Uuid(),
    "contact_id": Uuid(), "meeting_id": Uuid(), "step": Text(), "due_on": Date(), "score": Integer(),
    "heard_at": _INSTANT, "contacted_at": _INSTANT, "starts_at": _INSTANT, "ends_at": _INSTANT,
}  # fmt: skip
_WHOSE = bindparam("staff_id", type_=Uuid)
_DAY = bindparam("day", type_=Date)
_BEGINS, _ENDS = bindparam("begins", type_=_INSTANT), bindparam("ends", type_=_INSTANT)
_LONGEST = literal_column(f"interval '{LONGEST.days} days'", Interval)
_QUOTED = literal_column("0.5", Numeric)
"""From this chance of a stage on there is a quote: of the stages that we begin with, proposal and negotiation."""


def _epoch(at: Any) -> ColumnElement[Any]:
    return extract("epoch", at)


def _is(column: Any, value: str) -> ColumnElement[bool]:
    """A comparison with what stands in the condition of an index, where no parameter may stand."""
    return column == literal_column(f"'{value}'")  # type: ignore[no-any-return]


def _row(kind: EntryKind, **columns: Any) -> Select[Any]:
    """What a part answers of each row; what it does not name is NULL."""
    rank = literal_column(str(list(EntryKind).index(kind)), Integer).label("rank")
    rest = (cast(columns.get(name, null()), column_type).label(name) for name, column_type in _COLUMNS.items())
    return select(rank, *rest)


def _meetings() -> list[Select[Any]]:
    person, row = Participant, Meeting
    rows = _row(
        EntryKind.MEETING,
        urgency=_epoch(person.starts_at),
        lead_id=row.lead_id,
        account_id=row.account_id,
        opportunity_id=row.opportunity_id,
        meeting_id=row.id,
        step=row.subject,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
    joined = rows.select_from(person).join(row, row.id == person.meeting_id)
    own = joined.where(person.staff_id == _WHOSE, _is(person.status, "planned"))
    on_day = own.where(person.starts_at < _ENDS, person.starts_at > _BEGINS - _LONGEST, person.ends_at > _BEGINS)
    return [on_day.order_by(person.starts_at)]


def _next_steps() -> list[Select[Any]]:
    parts = []
    pursued = {
        "lead_id": (Lead, literal_column(PURSUED)),
        "account_id": (Account, Account.status != literal_column("'closed'")),
        "opportunity_id": (Opportunity, _is(Opportunity.state, "open")),
    }
    for name, (model, condition) in pursued.items():
        row: Any = model
        about = {name: row.id} | ({"account_id": row.account_id} if row is Opportunity else {})
        rows = _row(
            EntryKind.NEXT_STEP, urgency=_epoch(row.next_step_on), due_on=row.next_step_on, step=row.next_step, **about
        )
        due = rows.where(row.owner_id == _WHOSE, row.next_step_on <= _DAY, row.next_step_on.is_not(None), condition)
        due = due if row is Opportunity else due.where(row.merged_into_id.is_(None))
        parts.append(due.order_by(row.next_step_on, row.id))
    return parts


def _strong_leads() -> list[Select[Any]]:
    row = Lead
    rows = _row(
        EntryKind.STRONG_LEAD,
        urgency=-row.score,
        then=_epoch(LAST_HEARD_AT),
        lead_id=row.id,
        score=row.score,
        heard_at=LAST_HEARD_AT,
        contacted_at=row.last_activity_at,
    )
    own = rows.where(row.owner_id == _WHOSE, literal_column(PURSUED), row.score >= bindparam("strong_score"))
    silent = own.where(bindparam("leads_silent_since", type_=_INSTANT) >= LAST_HEARD_AT, row.merged_into_id.is_(None))
    return [silent.order_by(row.score.desc(), LAST_HEARD_AT)]


def _quotes() -> list[Select[Any]]:
    row = Opportunity
    heard_at = func.greatest(row.stage_changed_at, row.last_activity_at)
    rows = _row(
        EntryKind.UNANSWERED_QUOTE,
        urgency=_epoch(row.expected_close_on),
        account_id=row.account_id,
        opportunity_id=row.id,
        heard_at=heard_at,
    )
    quoted = select(Stage.id).where(Stage.probability >= _QUOTED, _is(Stage.type, "open"))
    open_ones = rows.where(row.owner_id == _WHOSE, _is(row.state, "open"), among(row.stage_id, quoted))
    silent = open_ones.where(heard_at <= bindparam("quotes_silent_since", type_=_INSTANT))
    return [silent.order_by(row.expected_close_on, row.id)]


def _decides(part: Any, contact: Any) -> ColumnElement[bool]:
    return or_(part.part == literal_column("'decision_maker'"), contact.decision_maker)


def _decision_makers() -> list[Select[Any]]:
    """Each once, with the opportunity of theirs that is to be decided first."""
    row, part, person = Opportunity, OpportunityContact, Contact
    done, met = Activity, Participant
    called = select(done.at).where(done.contact_id == person.id, done.kind != literal_column("'note'"))
    seen = select(met.starts_at).where(met.contact_id == person.id, _is(met.status, "held"))
    last = (
        select(
            func.greatest(
                called.order_by(done.at.desc()).limit(literal_column("1")).correlate(person).scalar_subquery(),
                seen.order_by(met.starts_at.desc()).limit(literal_column("1")).correlate(person).scalar_subquery(),
                type_=_INSTANT,
            ).label("at")
        )
        .offset(literal_column("0"))  # so that it is found out once, though it is asked for twice
        .lateral("last_contact")
    )
    sooner, theirs = aliased(Opportunity), aliased(OpportunityContact)
    first = ~(
        select(literal_column("1"))
        .select_from(theirs)
        .join(sooner, sooner.id == theirs.opportunity_id)
        .where(
            theirs.contact_id == person.id,
            _decides(theirs, person),
            sooner.owner_id == _WHOSE,
            _is(sooner.state, "open"),
            tuple_(sooner.expected_close_on, sooner.id) < tuple_(row.expected_close_on, row.id),
        )
        .correlate(row, person)
        .exists()
    )
    rows = _row(
        EntryKind.DECISION_MAKER,
        urgency=_epoch(row.expected_close_on),
        account_id=row.account_id,
        opportunity_id=row.id,
        contact_id=person.id,
        contacted_at=last.c.at,
        due_on=row.opened_on,
    )
    joined = (
        rows.select_from(row)
        .join(part, part.opportunity_id == row.id)
        .join(person, and_(person.id == part.contact_id, person.active, person.merged_into_id.is_(None)))
        .join(last, literal_column("true"))
    )
    silent = or_(
        last.c.at <= bindparam("contacts_silent_since", type_=_INSTANT),
        and_(last.c.at.is_(None), row.opened_on <= bindparam("opened_by", type_=Date)),
    )
    own = joined.where(row.owner_id == _WHOSE, _is(row.state, "open"), _decides(part, person), first, silent)
    return [own.order_by(row.expected_close_on, row.id)]


_PARTS = {
    EntryKind.MEETING: _meetings,
    EntryKind.NEXT_STEP: _next_steps,
    EntryKind.STRONG_LEAD: _strong_leads,
    EntryKind.UNANSWERED_QUOTE: _quotes,
    EntryKind.DECISION_MAKER: _decision_makers,
}


@cache
def statement(kind: EntryKind | None = None) -> Statement:
    """The entries of all kinds or of one, in order, at most `rows` of them, with the names of what they are about."""
    made = _PARTS.values() if kind is None else [_PARTS[kind]]
    most = bindparam("rows", type_=Integer)
    every = union_all(*(select(part.limit(most).subquery()) for make in made for part in make())).subquery()
    order = ("rank", "urgency", "then", "lead_id", "account_id", "opportunity_id", "contact_id")
    entries = select(every).order_by(*(every.c[name] for name in order)).limit(most).subquery("entries")
    return Statement(_named(entries).order_by(*(entries.c[name] for name in order)))


def _named(entries: Subquery) -> Select[Any]:
    """With the names, looked up row by row: a join could be planned for more rows than there are."""

    def of(name: str, column: Any, identity: Any, model: Any) -> ColumnElement[Any]:
        return select(column).where(model.id == identity).correlate(entries).scalar_subquery().label(name)

    to, stage = entries.c, select(Opportunity.stage_id).where(Opportunity.id == entries.c.opportunity_id)
    called = func.coalesce(Lead.person_name, Lead.company, Lead.email, Lead.telephone, type_=Text)
    return select(
        entries,
        of("lead_name", called, to.lead_id, Lead),
        of("account_name", Account.name, to.account_id, Account),
        of("opportunity_name", Opportunity.name, to.opportunity_id, Opportunity),
        of("stage_name", Stage.name, stage.correlate(entries).scalar_subquery(), Stage),
        of("contact_name", Contact.name, to.contact_id, Contact),
    )


async def entries(
    reader: Reader, *, staff_id: UUID, view: View, strong_score: int, kind: EntryKind | None, rows: int
) -> Sequence[Any]:
    """The first rows of somebody's worklist: the columns of `_COLUMNS`, the rank of the kind, and names."""
    return await statement(kind).all(
        reader,
        staff_id=staff_id,
        day=view.day,
        begins=view.begins,
        ends=view.ends,
        strong_score=strong_score,
        leads_silent_since=view.leads_silent_since,
        quotes_silent_since=view.quotes_silent_since,
        contacts_silent_since=view.contacts_silent_since,
        opened_by=view.day - timedelta(days=view.contact_days),
        rows=rows,
    )


async def is_staff(reader: Reader, staff_id: UUID) -> bool:
    """Whether there is such a member of staff."""
    return (await reader.execute(select(StaffMember.id).where(StaffMember.id == staff_id))).first() is not None
