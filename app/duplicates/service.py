"""What is shown and decided about a possible duplicate."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Contact
from app.duplicates.events import DuplicateDismissed
from app.duplicates.fields import FIELDS
from app.duplicates.models import DuplicatePair
from app.duplicates.repository import MODELS, pairs
from app.duplicates.rules import PairStatus
from app.duplicates.schemas import Difference, DuplicateDetail, DuplicateRead, RecordSide
from app.kernel import clock, outbox
from app.kernel.errors import Conflict
from app.leads.models import Lead

Record = Lead | Contact | Account


async def side_by_side(session: AsyncSession, pair_id: UUID) -> DuplicateDetail:
    """Both records as they are now, and the fields in which they differ.

    Raises:
        NotFound: there is no such pair.

    """
    shown = DuplicateRead.model_validate_json((await pairs.show(session, pair_id)).body)
    model = MODELS[shown.kind]
    left: Record = await session.get_one(model, shown.left_id)
    right: Record = await session.get_one(model, shown.right_id)
    company = await _companies(session, left, right)
    differences = [
        Difference(field=name, left=_text(getattr(left, columns[0])), right=_text(getattr(right, columns[0])))
        for name, columns in FIELDS[shown.kind].items()
        if _text(getattr(left, columns[0])) != _text(getattr(right, columns[0]))
    ]
    sides = (_side(each, company) for each in (left, right))
    return DuplicateDetail(**dict(shown), left=next(sides), right=next(sides), differences=differences)


async def _companies(session: AsyncSession, *records: Record) -> Mapping[UUID, str]:
    ids = [each.account_id for each in records if isinstance(each, Contact)]
    if not ids:
        return {}
    found = await session.execute(select(Account.id, Account.name).where(Account.id.in_(ids)))
    return {row.id: row.name for row in found}


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value.items() if each) or None
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)


def _side(record: Record, companies: Mapping[UUID, str]) -> RecordSide:
    common = {name: getattr(record, name) for name in ("id", "version", "created_at", "merged_into_id")}
    common |= {"email": record.email, "telephone": record.telephone}
    empty: dict[str, Any] = dict.fromkeys(("number", "status", "owner_id", "account_id", "last_activity_at"))
    if isinstance(record, Contact):
        own = {"name": record.name, "company": companies.get(record.account_id), "account_id": record.account_id}
        return RecordSide(**empty | common | own, country=None)
    own = {name: getattr(record, name) for name in ("status", "owner_id", "last_activity_at")}
    if isinstance(record, Lead):
        own |= {"name": record.person_name, "company": record.company, "account_id": record.account_id}
        return RecordSide(**empty | common | own, country=record.country)
    own |= {"number": record.number, "name": None, "company": record.name}
    return RecordSide(**empty | common | own, country=(record.billing_address or {}).get("country"))


async def dismiss(session: AsyncSession, *, pair_id: UUID, expected: int, reason: str) -> None:
    """The two are not one: nobody is asked again until something else speaks for it.

    Raises:
        Conflict: it has been decided already.

    """
    pair = await pairs.lock(session, pair_id, expected=expected)
    if pair.status is not PairStatus.OPEN:
        raise Conflict(f"the pair is {pair.status}: only an open one can be dismissed")
    decide(session, pair, PairStatus.DISMISSED)
    pair.note = reason
    outbox.record(session, pair, DuplicateDismissed(kind=pair.kind, left_id=pair.left_id, right_id=pair.right_id))


def decide(session: AsyncSession, pair: DuplicatePair, status: PairStatus) -> None:
    """Note what became of a pair, when, and by whom."""
    pair.status, pair.decided_at, pair.decided_by = status, clock.now(), outbox.origin(session).name
    pair.note = None
