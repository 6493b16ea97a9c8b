"""Accounts and contacts in the database."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Integer,
    Interval,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.groups import TREE_KEY
from app.accounts.models import (
    ACCOUNT_NUMBERS,
    ACCOUNT_WORDS,
    CONTACT_WORDS,
    Account,
    AccountIdentity,
    Consent,
    Contact,
    ContactIdentity,
    account_country,
    standing_consents,
)
from app.accounts.models import PurchaseEntry as Entry
from app.accounts.rules import ConsentRead, PurchaseKind
from app.accounts.schemas import AccountQuery, AccountRead, AccountSummary, ContactQuery, ContactRead, PurchaseRecord
from app.kernel.company import Company
from app.kernel.repository import Document, Repository
from app.kernel.shape import body_of, fields, json_of
from app.kernel.statement import Reader, Statement, among

_DIGITS = 6


def _array(values: Iterable[Any], kind: Any = Text) -> ColumnElement[Any]:
    """The values as one parameter, however many."""
    return literal(list(values), ARRAY(kind))


def _equal(model: Any, query: Any, *names: str) -> list[ColumnElement[bool]]:
    return [getattr(model, name) == value for name in names if (value := getattr(query, name)) is not None]


async def _called(
    session: AsyncSession, model: Any, owner: Any, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    asked = func.unnest(_array(source for source, _ in names), _array(external for _, external in names))
    name = asked.table_valued("source", "external_id", name="asked").render_derived()
    same = and_(model.source == name.c.source, model.external_id == name.c.external_id)
    found = await session.execute(select(model.source, model.external_id, owner.label("owner")).join(name, same))
    return {(row.source, row.external_id): row.owner for row in found}


def _purchase_record() -> ColumnElement[Any]:
    """An account's purchase record as JSON; reads its entries once, and the days of its orders once more."""
    of_account, sale = Entry.account_id == Account.id, Entry.kind == PurchaseKind.SALE
    since = bindparam("today", type_=Date) - literal_column("interval '1 year'", Interval)
    gap = Entry.day - func.lag(Entry.day).over(order_by=Entry.day)
    gaps = select(gap.label("days")).where(of_account, sale).group_by(Entry.day).correlate(Account).lateral("gaps")
    median = select(cast(func.round(cast(func.percentile_cont(0.5).within_group(gaps.c.days), Numeric)), Integer))
    revenue = func.sum(Entry.amount)
    facts: dict[str, ColumnElement[Any]] = {
        "currency": bindparam("currency", type_=Text),
        "orders": func.count().filter(sale),
        "revenue_lifetime": func.coalesce(revenue, 0),
        "revenue_last_12_months": func.coalesce(revenue.filter(Entry.day > since), 0),
        "first_order_on": func.min(Entry.day).filter(sale),
        "last_order_on": func.max(Entry.day).filter(sale),
        "usual_interval_days": median.correlate(Account).scalar_subquery(),
    }
    record = select(*fields(PurchaseRecord, Entry, facts)).where(of_account).correlate(Account).lateral("p")
    whole = select(func.row_to_json(literal_column("p"), type_=JSON)).select_from(record)
    return whole.correlate(Account).scalar_subquery()


class Accounts(Repository[Account]):
    """Listed without the purchase record; sorted by name, number or age of the record."""

    model = Account
    schema = AccountSummary
    noun = "account"
    sorts: ClassVar = {"name": Account.name, "number": Account.number, "created_at": Account.created_at}
    searched = ACCOUNT_WORDS

    def conditions(self, query: AccountQuery) -> list[ColumnElement[bool]]:
        row = Account
        found = _equal(row, query, "status", "type", "owner_id", "parent_id", "industry", "number", "key_account")
        if query.country is not None:
            found.append(account_country == query.country)
        if query.next_step_by is not None:
            found.append(row.next_step_on <= query.next_step_by)
        return found

    @cached_property
    def _whole(self) -> Statement:
        body = json_of(AccountRead, Account, {"purchase_record": _purchase_record()})
        return Statement(
            select(cast(body, Text).label("body"), Account.version).where(
                Account.id == bindparam("id"), Account.merged_into_id.is_(None)
            )
        )

    @cached_property
    def _bought(self) -> Statement:
        record = select(cast(_purchase_record(), Text).label("body"), Account.version)
        return Statement(record.where(Account.id == bindparam("id"), Account.merged_into_id.is_(None)))

    async def show_whole(self, reader: Reader, identity: UUID, *, company: Company) -> Document:
        """The account with its purchase record as of today (`AccountRead`).

        Raises:
            NotFound: there is none with this id.

        """
        return await self._as_of_today(reader, self._whole, identity, company)

    async def purchase_record(self, reader: Reader, identity: UUID, *, company: Company) -> Document:
        """The purchase record alone (`PurchaseRecord`), under the account's version.

        Raises:
            NotFound: there is no account with this id.

        """
        return await self._as_of_today(reader, self._bought, identity, company)

    async def _as_of_today(self, reader: Reader, statement: Statement, identity: UUID, company: Company) -> Document:
        survivor = None
        row = await statement.first(reader, id=identity, today=company.today(), currency=company.currency)
        if row is None and (survivor := await self.survivor(reader, identity)):
            row = await statement.first(reader, id=survivor, today=company.today(), currency=company.currency)
        if row is None:
            raise self.missing(identity)
        return Document(row.body, row.version, self.path(survivor) if survivor else None)

    async def free_numbers(self, session: AsyncSession, count: int) -> list[str]:
        """As many next numbers of the sequence that nobody was given by hand."""
        free: list[str] = []
        while len(free) < count:
            each = func.generate_series(1, count - len(free)).table_valued("turn")
            drawn = select(cast(ACCOUNT_NUMBERS.next_value(), Text).label("n")).select_from(each).cte("drawn")
            padded = func.lpad(drawn.c.n, func.greatest(_DIGITS, func.length(drawn.c.n)), "0")
            number = literal("A-").concat(padded)
            statement = select(number).where(~exists().where(Account.number == number))
            free += (await session.scalars(statement)).all()
        return free

    async def circles(self, session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
        """Which of the accounts belong to themselves, through others."""
        first = select(Account.id.label("start"), Account.parent_id.label("above"))
        line = first.where(Account.id == any_(_array(ids, Uuid))).cte(recursive=True)
        higher = select(line.c.start, Account.parent_id).join(line, Account.id == line.c.above)
        whole = line.union(higher)
        return set((await session.scalars(select(whole.c.start).where(whole.c.start == whole.c.above))).all())

    async def line_above(self, session: AsyncSession, account_id: UUID) -> set[UUID]:
        """The account and everything it belongs to, up to the top."""
        line = select(Account.id, Account.parent_id).where(Account.id == account_id).cte(recursive=True)
        above = select(Account.id, Account.parent_id).join(line, Account.id == line.c.parent_id)
        return set((await session.scalars(select(line.union(above).c.id))).all())

    async def lock_parents(self, session: AsyncSession) -> None:
        """Let one change of the tree or of a group's limit finish before the next one begins, or an order relies on it.

        It is locked before any account's row.
        """
        await session.execute(select(func.pg_advisory_xact_lock(TREE_KEY)))

    async def called(self, session: AsyncSession, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """The accounts that other systems call so, by source and external id."""
        return await _called(session, AccountIdentity, AccountIdentity.account_id, names)

    async def lock_many(
        self, session: AsyncSession, ids: Iterable[UUID], numbers: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """The columns of accounts, locked, in an order that cannot deadlock."""
        row = Account
        wanted = or_(row.id == any_(_array(ids, Uuid)), row.number == any_(_array(numbers)))
        found = select(*row.__table__.columns).where(wanted).order_by(row.id).with_for_update(key_share=True)
        return [each._asdict() for each in await session.execute(found)]


class Contacts(Repository[Contact]):
    """Sorted by name or age of the record; each with the consents that count."""

    model = Contact
    schema = ContactRead
    noun = "contact"
    sorts: ClassVar = {"name": Contact.name, "created_at": Contact.created_at}
    searched = CONTACT_WORDS

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        return {"consents": standing_consents(Consent.contact_id, Contact)}

    def conditions(self, query: ContactQuery) -> list[ColumnElement[bool]]:
        return _equal(Contact, query, "account_id", "email", "decision_maker", "active")

    async def called(self, session: AsyncSession, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """The contacts that other systems call so, by source and external id."""
        return await _called(session, ContactIdentity, ContactIdentity.contact_id, names)

    async def lock_many(
        self, session: AsyncSession, ids: Iterable[UUID], persons: Iterable[tuple[UUID, str]]
    ) -> list[dict[str, Any]]:
        """The columns of contacts, by id or by account and name, locked, in an order that cannot deadlock."""
        row, named = Contact, list(persons)
        asked = func.unnest(_array((one for one, _ in named), Uuid), _array(name for _, name in named))
        person = asked.table_valued("account_id", "name", name="asked").render_derived()
        same = select(row.id).join(person, and_(row.account_id == person.c.account_id, row.name == person.c.name))
        wanted = or_(row.id == any_(_array(ids, Uuid)), among(row.id, same))
        found = select(*row.__table__.columns).where(wanted).order_by(row.id).with_for_update(key_share=True)
        return [each._asdict() for each in await session.execute(found)]


class Consents(Repository[Consent]):
    """Everything that somebody said about being contacted."""

    model = Consent
    schema = ConsentRead
    noun = "consent"
    sorts: ClassVar = {"at": Consent.at}

    @cached_property
    def _shown(self) -> Select[Any]:
        # What was said never changes.
        return select(body_of(self.schema, Consent), literal(1).label("version")).select_from(Consent)  # type: ignore[return-value]


accounts = Accounts()
contacts = Contacts()
consents = Consents()
