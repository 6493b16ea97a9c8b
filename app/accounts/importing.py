"""Many accounts or contacts at once, as they come from other systems: added when they are new, else changed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.models import Account, AccountIdentity, Contact, ContactIdentity
from app.accounts.repository import accounts, contacts
from app.accounts.rules import AccountStatus, ConsentEntry
from app.accounts.schemas import AccountRow, ContactRow
from app.accounts.service import PERSONAL_OF_ACCOUNT, PERSONAL_OF_CONTACT, Said, add_consents_of_many
from app.kernel import bulk, clock
from app.kernel.bulk import BulkResult, Outcome, Rejected
from app.kernel.contact import normalise_phone
from app.kernel.db import alone
from app.kernel.errors import Invalid
from app.kernel.upsert import Book, Name, also_updated, one_by_one, survivors
from app.kernel.writes import Writes
from app.products.models import PriceList

_CALLED = {"id", "source", "external_id"}
_NOT_SET = _CALLED | {"status", "parent_id"}
_OPEN = (AccountStatus.PROSPECT, AccountStatus.ACTIVE)


async def upsert_accounts(session: AsyncSession, *, rows: Sequence[AccountRow | Rejected]) -> BulkResult:
    """Add the accounts that are new and change the others; fields that a row leaves out keep their value.

    A row is about the account with its id, with its source and external id, or with its number. Half a dozen
    statements, however many rows. One such batch waits for another.

    Raises:
        Invalid: an account would belong to itself, directly or through others.

    """
    await alone(session, "accounts.upsert")
    taking = _Accounts(session)
    good = list(bulk.accepted(rows).values())
    if any({"parent_id", "group_credit_limit"} & row.model_fields_set for row in good):
        await accounts.lock_parents(session)  # before any account's row, as everybody does
    await taking.read(good)
    done = one_by_one(rows, taking.take)
    await taking.write()
    pairs = zip(rows, done, strict=True)
    parents = {
        each[1]: row.parent_id
        for row, each in pairs
        if not isinstance(row, Rejected) and not isinstance(each, Rejected) and "parent_id" in row.model_fields_set
    }
    moved = await link_parents(session, parents=parents)
    return bulk.result(also_updated(done, moved), under="/accounts")


async def link_parents(session: AsyncSession, *, parents: Mapping[UUID, UUID | None]) -> frozenset[UUID]:
    """Let accounts belong to others; returns those for which this is news.

    Raises:
        Invalid: an account would belong to itself, directly or through others.

    """
    if not parents:
        return frozenset()
    await accounts.lock_parents(session)
    book = Book(Account, await accounts.lock_many(session, parents), {})
    writes = Writes(session)
    changed = set()
    for account_id, parent_id in parents.items():
        if changes := book.change(account_id, {"parent_id": parent_id}):
            writes.tell(account_id, events.AccountUpdated(changes=changes))
            changed.add(account_id)
    book.write(writes)
    await writes.send()
    if changed and await accounts.circles(session, changed):
        raise Invalid.at("/parent_id", "cycle", "would make the account belong to itself")
    return frozenset(changed)


def _names(row: AccountRow | ContactRow) -> dict[Name, str]:
    """What the row may be found by, and the field that says so."""
    found: dict[Name, str] = {}
    if row.id is not None:
        found["id", str(row.id)] = "id"
    if row.external_id is not None and row.source is not None:
        found["external id", row.source, row.external_id] = "external_id"
    return found


def _identities(rows: Sequence[AccountRow | ContactRow]) -> list[tuple[str, str]]:
    return [(row.source, row.external_id) for row in rows if row.source is not None and row.external_id is not None]


class _Accounts:
    """The accounts that a batch is about."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.writes = Writes(session)

    async def read(self, rows: Sequence[AccountRow]) -> None:
        called = await accounts.called(self.session, _identities(rows))
        ids = {row.id for row in rows if row.id is not None} | set(called.values())
        stored = await accounts.lock_many(self.session, ids, {row.number for row in rows if row.number is not None})
        now = survivors(stored)
        names: dict[Name, UUID] = {("external id", *name): now.get(owner, owner) for name, owner in called.items()}
        names |= {("number", row["number"]): now.get(row["id"], row["id"]) for row in stored}
        names |= {("id", str(row["id"])): now.get(row["id"], row["id"]) for row in stored}
        if now:
            stored = await accounts.lock_many(self.session, {row["id"] for row in stored} | set(now.values()))
        self.book = Book(Account, [row for row in stored if row["id"] not in now], names)
        lists = {row.price_list_id for row in rows if row.price_list_id is not None}
        lists |= {row["price_list_id"] for row in stored if row["price_list_id"] is not None}
        currencies = select(PriceList.id, PriceList.currency).where(PriceList.id.in_(lists))
        self.currencies: dict[UUID, str] = (
            {one.id: one.currency for one in await self.session.execute(currencies)} if lists else {}
        )
        unnamed = sum(row.number is None for row in rows)
        self.numbers = iter(await accounts.free_numbers(self.session, unnamed) if unnamed else ())

    def take(self, row: AccountRow) -> tuple[Outcome, UUID]:
        names = _names(row)
        if row.id is not None and ("id", str(row.id)) not in self.book.names:
            raise Invalid.at("/id", "unknown", "no account has this id; leave it out for a new one")
        by_number: Name | None = ("number", row.number) if row.number is not None else None
        account_id = self.book.find(names | ({by_number: "number"} if by_number else {}))
        values = row.model_dump(exclude_unset=True, exclude=_NOT_SET)
        if by_number is None or self.book.names.get(by_number) == account_id:  # its own, or of one merged into it
            values.pop("number", None)
        self._check_price_list(values, account_id)
        if account_id is None:
            account_id, outcome = self._create(row), Outcome.CREATED
        else:
            outcome = self._change(account_id, row, values)
        called = self.book.name(account_id, [name for name in (*names, by_number) if name is not None])
        self.writes.insert(
            AccountIdentity,
            [{"source": name[1], "external_id": name[2], "account_id": account_id} for name in called if len(name) > 2],  # noqa: PLR2004
        )
        return outcome, account_id

    def _create(self, row: AccountRow) -> UUID:
        status = row.status or AccountStatus.PROSPECT
        if status not in _OPEN:
            raise Invalid.at("/status", "new", f"a new account is prospect or active, not {status}")
        values = row.model_dump(exclude=_NOT_SET)
        values |= {"status": status, "open_status": status, "number": row.number or next(self.numbers)}
        account_id = self.book.create(values)
        self.writes.tell(account_id, events.AccountCreated(number=values["number"], status=status))
        return account_id

    def _change(self, account_id: UUID, row: AccountRow, values: dict[str, Any]) -> Outcome:
        present = self.book.rows[account_id]
        if row.status is not None and row.status is not present["status"]:
            raise Invalid.at("/status", "action", f"the account is {present['status']}: its status changes by actions")
        for address in ("billing_address", "delivery_address"):
            if address in values and _said(values[address]) == _said(present[address]):
                del values[address]
        changes = self.book.change(account_id, values, personal=PERSONAL_OF_ACCOUNT)
        if changes:
            self.writes.tell(account_id, events.AccountUpdated(changes=changes))
        return Outcome.UPDATED if changes else Outcome.UNCHANGED

    def _check_price_list(self, values: Mapping[str, Any], account_id: UUID | None) -> None:
        present = self.book.rows[account_id] if account_id is not None else {}
        price_list, currency = ({**present, **values}.get(name) for name in ("price_list_id", "currency"))
        if price_list is not None and self.currencies.get(price_list) != currency:
            known = self.currencies.get(price_list)
            detail = f"is in {known}, the account is invoiced in {currency}" if known else "names nothing that exists"
            raise Invalid.at("/price_list_id", "currency" if known else "unknown", detail)

    async def write(self) -> None:
        self.book.write(self.writes)
        await self.writes.send()


def _said(address: Mapping[str, Any] | None) -> dict[str, Any]:
    """An address without what it leaves open."""
    return {name: value for name, value in (address or {}).items() if value}


async def upsert_contacts(session: AsyncSession, *, rows: Sequence[ContactRow | Rejected]) -> BulkResult:
    """Add the contacts that are new and change the others; fields that a row leaves out keep their value.

    A row is about the contact with its id, with its source and external id, or, without those, of its name and email
    address at its account. Half a dozen statements, however many rows. One such batch waits for another.
    """
    await alone(session, "contacts.upsert")
    taking = _Contacts(session)
    await taking.read(list(bulk.accepted(rows).values()))
    done = one_by_one(rows, taking.take)
    await taking.write()
    heard = await taking.hear()
    return bulk.result(also_updated(done, heard), under="/contacts")


class _Contacts:
    """The contacts that a batch is about."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.writes = Writes(session)
        self.said: list[Said] = []

    async def read(self, rows: Sequence[ContactRow]) -> None:
        called = await contacts.called(self.session, _identities(rows))
        ids = {row.id for row in rows if row.id is not None} | set(called.values())
        persons = {(row.account_id, row.name) for row in rows}
        stored = await contacts.lock_many(self.session, ids, persons)
        now = survivors(stored)
        names: dict[Name, UUID] = {("external id", *name): now.get(owner, owner) for name, owner in called.items()}
        names |= {("id", str(row["id"])): now.get(row["id"], row["id"]) for row in stored}
        for one in reversed(stored):
            names[_person(one["account_id"], one["name"], one["email"])] = now.get(one["id"], one["id"])
        if now:
            stored = await contacts.lock_many(self.session, {row["id"] for row in stored} | set(now.values()), ())
        self.book = Book(Contact, [row for row in stored if row["id"] not in now], names)
        theirs = {row.account_id for row in rows} | {row["account_id"] for row in stored}
        row = Account
        found = select(row.id, row.billing_address, row.delivery_address).where(row.id.in_(theirs))
        self.countries = {
            one.id: (one.billing_address or one.delivery_address or {}).get("country")
            for one in await self.session.execute(found)
        }

    def take(self, row: ContactRow) -> tuple[Outcome, UUID]:
        if row.account_id not in self.countries:
            raise Invalid.at("/account_id", "unknown", "names nothing that exists")
        names = _names(row)
        if row.id is not None and ("id", str(row.id)) not in self.book.names:
            raise Invalid.at("/id", "unknown", "no contact has this id; leave it out for a new one")
        person = _person(row.account_id, row.name, row.email)
        contact_id = self.book.find(names)
        if contact_id is None and row.external_id is None:  # two whom another system tells apart are two
            contact_id = self.book.find({person: "name"})
        values = row.model_dump(exclude_unset=True, exclude=_CALLED | {"consents"})
        if "telephone" in values or contact_id is None:
            values["telephone_e164"] = row.telephone and normalise_phone(row.telephone, self.countries[row.account_id])
        if contact_id is None:
            contact_id = self.book.create(row.model_dump(exclude=_CALLED | {"consents"}) | values)
            self.writes.tell(contact_id, events.ContactCreated(account_id=row.account_id))
            outcome = Outcome.CREATED
        elif self.book.rows[contact_id]["account_id"] != row.account_id:
            raise Invalid.at("/account_id", "other_account", "the contact is another account's")
        elif changes := self.book.change(contact_id, values, personal=PERSONAL_OF_CONTACT):
            self.writes.tell(contact_id, events.ContactUpdated(account_id=row.account_id, changes=changes))
            outcome = Outcome.UPDATED
        else:
            outcome = Outcome.UNCHANGED
        called = self.book.name(contact_id, [*names, person])
        self.writes.insert(
            ContactIdentity,
            [{"source": n[1], "external_id": n[2], "contact_id": contact_id} for n in called if n[0] == "external id"],
        )
        now = clock.now()
        entries = (ConsentEntry(**said.model_dump() | {"at": min(said.at, now)}) for said in row.consents)
        self.said += [Said(entry=entry, contact_id=contact_id) for entry in entries]
        return outcome, contact_id

    async def write(self) -> None:
        self.book.write(self.writes)
        await self.writes.send()

    async def hear(self) -> set[UUID]:
        """Keep what was said; returns the contacts about which it is news."""
        await add_consents_of_many(self.session, said=self.said)
        spoken = {said.contact_id for said in self.said}
        if not spoken:
            return set()
        found = await self.session.execute(select(Contact.id, Contact.version).where(Contact.id.in_(spoken)))
        return {one.id for one in found if one.version != self.book.rows[one.id]["version"]}


def _person(account_id: UUID, name: str, email: str | None) -> Name:
    return ("person", str(account_id), name, email or "")
