"""Possible duplicates and merges in the database: the lists, and the facts that are compared."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, Uuid, any_, case, func, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts.models import Account, Contact, account_country
from app.duplicates.matching import Facts
from app.duplicates.models import DuplicatePair, DuplicateScan, Merge
from app.duplicates.rules import UNDO_WITHIN, Kind
from app.duplicates.schemas import DuplicateQuery, DuplicateRead, MergeQuery, MergeRead, ScanRead
from app.kernel.repository import Repository
from app.kernel.shape import body_of
from app.kernel.statement import Reader, Statement
from app.leads.models import Lead

MODELS: Mapping[Kind, type[Lead] | type[Contact] | type[Account]] = {
    Kind.LEADS: Lead,
    Kind.CONTACTS: Contact,
    Kind.ACCOUNTS: Account,
}


def among(ids: Iterable[UUID]) -> ColumnElement[Any]:
    """The ids as one parameter, however many: `column == any_(among(ids))`."""
    return literal(list(ids), ARRAY(Uuid))


def _named(identity: InstrumentedAttribute[UUID]) -> ColumnElement[Any]:
    """What to call one of a pair's two."""
    row = DuplicatePair
    called: dict[Kind, Select[Any]] = {
        Kind.LEADS: select(func.coalesce(Lead.person_name, Lead.company, Lead.email, Lead.telephone)).where(
            Lead.id == identity
        ),
        Kind.CONTACTS: select(Contact.name).where(Contact.id == identity),
        Kind.ACCOUNTS: select(Account.name).where(Account.id == identity),
    }
    ways = [
        (row.kind == literal_column(f"'{kind}'", Text), each.correlate(row).scalar_subquery())
        for kind, each in called.items()
    ]
    return case(*ways)


class Pairs(Repository[DuplicatePair]):
    """Sorted by score or by when they were found."""

    model = DuplicatePair
    schema = DuplicateRead
    noun = "possible duplicate"
    sorts: ClassVar = {"score": DuplicatePair.score, "found_at": DuplicatePair.found_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        return {"left_name": _named(DuplicatePair.left_id), "right_name": _named(DuplicatePair.right_id)}

    def conditions(self, query: DuplicateQuery) -> list[ColumnElement[bool]]:
        row = DuplicatePair
        found: list[ColumnElement[bool]] = []
        if query.kind is not None:
            found.append(row.kind == query.kind)
        if query.status is not None:
            found.append(row.status == query.status)
        if query.min_score is not None:
            found.append(row.score >= query.min_score)
        if query.record_id is not None:
            found.append(or_(row.left_id == query.record_id, row.right_id == query.record_id))
        return found


_CHANGES = """(SELECT coalesce(json_agg(
 json_build_object('field', e.key, 'before', merges.before->>e.key, 'after', e.value) ORDER BY e.key
 ), '[]'::json) FROM jsonb_each_text(merges.after) AS e)"""
_MOVED = """(SELECT coalesce(json_agg(json_build_object('what', c.link, 'rows', c.n) ORDER BY c.link), '[]'::json)
 FROM (SELECT link, count(*) AS n FROM merge_rows WHERE merge_id = merges.id GROUP BY link) AS c)"""


class Merges(Repository[Merge]):
    """Sorted by their time."""

    model = Merge
    schema = MergeRead
    noun = "merge"
    sorts: ClassVar = {"created_at": Merge.created_at}

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        until = Merge.created_at + literal_column(f"interval '{UNDO_WITHIN.days} days'")
        return {"changes": literal_column(_CHANGES), "moved": literal_column(_MOVED), "undo_until": until}

    def conditions(self, query: MergeQuery) -> list[ColumnElement[bool]]:
        names = ("kind", "survivor_id", "merged_id")
        return [getattr(Merge, name) == value for name in names if (value := getattr(query, name)) is not None]


pairs = Pairs()
merges = Merges()

_SCANS = Statement(
    lambda: select(body_of(ScanRead, DuplicateScan)).select_from(DuplicateScan).order_by(DuplicateScan.name)
)


async def scans(reader: Reader) -> list[str]:
    """How far one has looked, as JSON (`ScanRead`)."""
    return [row.body for row in await _SCANS.all(reader)]


def _postal_code() -> ColumnElement[Any]:
    return Account.billing_address.op("->>", return_type=Text())(literal_column("'postal_code'"))


def _facts() -> Mapping[Kind, Select[Any]]:
    lead = select(
        Lead.id, Lead.person_name.label("name"), Lead.company, Lead.email, Lead.telephone, Lead.telephone_e164,
        Lead.country, Lead.website,
    )  # fmt: skip
    contact = select(
        Contact.id, Contact.name, Account.name.label("company"), Contact.email, Contact.telephone,
        Contact.telephone_e164, account_country.label("country"), Account.website,
    ).join(Account, Account.id == Contact.account_id)  # fmt: skip
    account = select(
        Account.id, Account.name.label("company"), Account.email, Account.telephone, account_country.label("country"),
        Account.website, _postal_code().label("postal_code"), Account.parent_id,
    )  # fmt: skip
    return {Kind.LEADS: lead, Kind.CONTACTS: contact, Kind.ACCOUNTS: account}


_FACTS = _facts()


async def facts(session: AsyncSession, kind: Kind, ids: Iterable[UUID]) -> dict[UUID, Facts]:
    """What is compared of the records, by id; not of those that there are no more, or that were merged."""
    model = MODELS[kind]
    rows = await session.execute(_FACTS[kind].where(model.id == any_(among(ids)), model.merged_into_id.is_(None)))
    found = {}
    for row in rows.mappings():
        columns = dict(row)
        parent = columns.pop("parent_id", None)
        found[columns["id"]] = Facts(**columns, kind=kind, related=frozenset({parent} if parent else ()))
    return found


async def next_ids(session: AsyncSession, kind: Kind, after: UUID | None, limit: int) -> list[UUID]:
    """The ids of the records behind one, in their order."""
    model = MODELS[kind]
    following = select(model.id).order_by(model.id).limit(limit)
    return list(await session.scalars(following.where(model.id > after) if after else following))


async def contacts_of(session: AsyncSession, account_ids: Iterable[UUID]) -> list[UUID]:
    """The contacts of accounts."""
    return list(await session.scalars(select(Contact.id).where(Contact.account_id == any_(among(account_ids)))))
