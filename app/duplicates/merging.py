"""Two records become one, in one transaction: all that named the one names the other, whose id answers for both.

Locks, in the order in which everybody takes them: what leads are captured by; what refers to the records and is locked
before them (`links.LOCKED_BEFORE`); the records themselves, by id, against whoever is about to refer to them.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, func, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus
from app.duplicates import fields, moving, states
from app.duplicates.events import MERGED, Merged
from app.duplicates.models import DuplicatePair, Merge
from app.duplicates.pairing import ordered
from app.duplicates.repository import MODELS
from app.duplicates.rules import Kind, PairStatus, Side
from app.duplicates.service import Record, decide
from app.kernel import clock, outbox
from app.kernel.errors import Conflict, Invalid, Moved, NotFound
from app.kernel.repository import demand_version
from app.leads import joining
from app.leads.models import Lead
from app.orders.models import Order
from app.orders.rules import OrderStatus

Of = TypeVar("Of", Lead, Contact, Account)

PERSONAL = joining.PERSONAL | {"name", "billing_address", "delivery_address"}
SILENT = joining.SILENT | {"open_exposure", "open_status", "merged_into_id"}
NOUNS = {Kind.LEADS: "lead", Kind.CONTACTS: "contact", Kind.ACCOUNTS: "account"}
_FREED: Mapping[Kind, Mapping[str, Any]] = {
    Kind.LEADS: {"owner_id": None, "next_step": None, "next_step_on": None},
    Kind.CONTACTS: {},
    Kind.ACCOUNTS: {"owner_id": None, "next_step": None, "next_step_on": None, "parent_id": None},
}
"""What is nobody's any more on the record that was merged: nobody is asked to do anything for it."""


async def merge(
    session: AsyncSession, *, kind: Kind, survivor_id: UUID, merged_id: UUID, expected: int, keep: Mapping[str, Side]
) -> Merge:
    """Let the record `merged_id` become part of `survivor_id`.

    Raises:
        NotFound: there is no such surviving record.
        Invalid: there is no other record to merge into it, or it would belong to itself.
        Moved: the surviving record has become part of another by now.
        Conflict: what the two are forbids it.
        PreconditionFailed: `expected` is no longer the survivor's version.

    """
    if survivor_id == merged_id:
        raise Invalid.at("/from_id", "same", "names the record that is to stay: name the other one")
    this, other = await lock_both(session, kind, survivor_id, merged_id, leaving=merged_id)
    _demand_standing(kind, this, other)
    demand_version(this.version, expected)
    done = Merge(id=uuid7(), kind=kind, survivor_id=this.id, merged_id=other.id, before={}, after={}, tombstone={},
                 merged_by=outbox.origin(session).name, created_at=clock.now())  # fmt: skip
    before = _snapshot(kind, this)
    if isinstance(this, Lead) and isinstance(other, Lead):
        await _join_leads(session, this, other, keep)
    elif isinstance(this, Contact) and isinstance(other, Contact):
        _refuse(states.of_contacts(this, other))
        _unite(kind, this, other, keep)
    elif isinstance(this, Account) and isinstance(other, Account):
        await _join_accounts(session, this, other, keep)
    done.after = {name: value for name, value in _snapshot(kind, this).items() if value != before[name]}
    done.before = {name: before[name] for name in done.after}
    done.tombstone = _entomb(kind, this, other, keep)
    changes = outbox.changes(this, personal=PERSONAL, silent=SILENT)
    this.updated_at = other.updated_at = clock.now()
    session.add(done)
    await session.flush()
    contact = this.contact_id if isinstance(this, Lead) else None
    await moving.move(session, kind=kind, merge=done.id, merged=other.id, survivor=this.id, contact=contact)
    if isinstance(this, Lead) and this.account_id is not None and contact is not None:
        await moving.hand_over(session, merge=done.id, account=this.account_id, contact=contact)
    other.merged_into_id = this.id
    await _settle_pairs(session, this.id, other.id)
    told: Merged = MERGED[kind](merge_id=done.id, merged_id=other.id, changes=changes)
    outbox.record(session, this, told)
    await session.flush()
    return done


async def lock_both(
    session: AsyncSession, kind: Kind, survivor_id: UUID, merged_id: UUID, *, leaving: UUID
) -> tuple[Record, Record]:
    """Lock two records, before them what will leave one of them, so that nothing can come to name them meanwhile.

    Raises:
        NotFound: there is no such surviving record.
        Invalid: there is no such other one.
        StartOver: something came to name them while this waited.

    """
    both = (survivor_id, merged_id)
    if kind is Kind.LEADS:
        await joining.hold(session, lead_ids=both)
    if kind is Kind.ACCOUNTS:
        await accounts.hold_tree(session)
    locked = await moving.lock_before(session, kind, leaving)
    model: Any = MODELS[kind]
    rows = select(model).where(model.id.in_(both)).order_by(model.id).with_for_update()
    found = {row.id: row for row in await session.scalars(rows.execution_options(populate_existing=True))}
    if survivor_id not in found:
        raise NotFound(f"no {NOUNS[kind]} {survivor_id}")
    if merged_id not in found:
        raise Invalid.at("/from_id", "unknown", "names nothing that exists")
    await moving.demand_no_others(session, kind, locked, leaving)
    return found[survivor_id], found[merged_id]


def _demand_standing(kind: Kind, *records: Record) -> None:
    for record in records:
        if record.merged_into_id is not None:
            raise Moved(NOUNS[kind], record.id, record.merged_into_id, f"/v1/{kind}")


def _refuse(why: str | None) -> None:
    if why is not None:
        raise Conflict(why)


def columns_of(record: Any) -> dict[str, Any]:
    """The columns of an object, by name."""
    return {attribute.key: getattr(record, attribute.key) for attribute in inspect(type(record)).column_attrs}


def _unite(kind: Kind, this: Record, other: Record, keep: Mapping[str, Side]) -> None:
    for name, value in fields.united(kind, columns_of(this), columns_of(other), keep).items():
        setattr(this, name, value)


async def _join_leads(session: AsyncSession, this: Lead, other: Lead, keep: Mapping[str, Side]) -> None:
    _refuse(states.of_leads(this, other))
    _unite(Kind.LEADS, this, other, keep)
    if not (this.person_name or this.company or this.email or this.telephone):
        raise Invalid.at("/keep", "nobody", "would leave neither person, company, email nor telephone")
    this.touch_count += other.touch_count
    this.last_activity_at = _later(this.last_activity_at, other.last_activity_at)
    this.contacted_at = _earlier(this.contacted_at, other.contacted_at)
    this.first_qualified_at = _earlier(this.first_qualified_at, other.first_qualified_at)
    if this.email is not None:
        with session.no_autoflush:
            sharing = select(Lead.id).where(
                Lead.email == this.email, Lead.id.not_in([this.id, other.id]), Lead.merged_into_id.is_(None)
            )
            this.shared_email = (await session.execute(sharing.limit(1))).first() is not None and this.shared_email
    await joining.demand_unique(session, this, but=other.id)
    joining.rescore(this)


async def _join_accounts(session: AsyncSession, this: Account, other: Account, keep: Mapping[str, Side]) -> None:
    _refuse(states.of_accounts(this, other))
    await _place(session, this, other, keep)
    _unite(Kind.ACCOUNTS, this, other, {**keep, "parent_id": Side.THIS})
    if other.open_status is AccountStatus.ACTIVE and this.open_status is AccountStatus.PROSPECT:
        this.open_status = AccountStatus.ACTIVE
        if this.status is AccountStatus.PROSPECT:
            this.status = AccountStatus.ACTIVE
    this.open_exposure, other.open_exposure = this.open_exposure + other.open_exposure, Decimal(0)
    this.last_activity_at = _later(this.last_activity_at, other.last_activity_at)


async def _place(session: AsyncSession, this: Account, other: Account, keep: Mapping[str, Side]) -> None:
    """Where the survivor stands in the tree: below the other one it takes its place, so that nobody belongs to itself.

    Raises:
        Invalid: it would belong to itself.

    """
    with session.no_autoflush:
        if other.id in await accounts.line_above(session, account_id=this.id):
            this.parent_id = other.parent_id
        elif keep.get("parent_id") is Side.OTHER or (this.parent_id is None and "parent_id" not in keep):
            above = await accounts.line_above(session, account_id=other.parent_id) if other.parent_id else set()
            if this.id not in above:
                this.parent_id = other.parent_id
            elif "parent_id" in keep:
                raise Invalid.at("/keep/parent_id", "cycle", "would make the account belong to itself")


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _entomb(kind: Kind, this: Record, other: Record, keep: Mapping[str, Side]) -> dict[str, Any]:
    """Free what the merged record held; what it was, as JSON.

    A merged lead keeps an email, so that who is captured by it is found: the survivor's old one when that took its.
    """
    freed = dict(_FREED[kind])
    if isinstance(other, Lead) and isinstance(this, Lead):
        freed["person_key"] = f"merged {other.id}"  # no name's key: the pair with the email is free for the survivor
        history = inspect(this).attrs["email"].history
        if keep.get("email") is Side.OTHER and history.deleted and history.deleted[0]:
            freed["email"] = history.deleted[0]
    was = {name: encoded(getattr(other, name)) for name in freed}
    for name, value in freed.items():
        setattr(other, name, value)
    return was


def _snapshot(kind: Kind, record: Record) -> dict[str, Any]:
    """The columns that a merge may change and an undoing gives back, as JSON."""
    names = {column for columns in fields.FIELDS[kind].values() for column in columns}
    names |= {"last_activity_at", "shared_email", "status", "open_status"} & columns_of(record).keys()
    return {name: encoded(getattr(record, name)) for name in sorted(names)}


def encoded(value: Any) -> Any:
    """A column's value as JSON that `undoing.decoded` reads."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


async def _settle_pairs(session: AsyncSession, survivor_id: UUID, merged_id: UUID) -> None:
    """The two are one; what else may be the same as the merged one is looked for again under the survivor's id."""
    row = DuplicatePair
    left, right = ordered(survivor_id, merged_id)
    pair = await session.scalar(select(row).where(row.left_id == left, row.right_id == right).with_for_update())
    if pair is not None:
        decide(session, pair, PairStatus.MERGED)
        await session.flush()
    ours = or_(row.left_id == merged_id, row.right_id == merged_id)
    await session.execute(delete(row).where(ours, row.status == PairStatus.OPEN))


async def late_rows(session: AsyncSession, *, since: datetime) -> int:
    """See `moving.take_in`, of all kinds."""
    return sum([await moving.take_in(session, kind=kind, since=since) for kind in Kind])


async def confirmed_exposure(session: AsyncSession, account_id: UUID) -> Decimal:
    """What an account's confirmed orders amount to, in the company's currency."""
    own = select(func.coalesce(func.sum(Order.base_amount), 0))
    found = await session.scalar(own.where(Order.account_id == account_id, Order.status == OrderStatus.CONFIRMED))
    return Decimal(found or 0)
