"""Changes to accounts and contacts, and what other domains do with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import events
from app.accounts.models import Account, Consent, Contact, PurchaseEntry
from app.accounts.repository import accounts, contacts
from app.accounts.repository import consents as all_consents
from app.accounts.rules import (
    AccountStatus,
    ConsentEntry,
    ConsentQuery,
    Move,
    MoveNotAllowed,
    PurchaseKind,
    after,
)
from app.accounts.schemas import AccountUpdate, ContactConsentCreate, ContactUpdate
from app.activities import service as activities
from app.activities.models import Activity
from app.activities.rules import ActivityCreate
from app.kernel import clock, outbox
from app.kernel.bulk import insert_all
from app.kernel.contact import normalise_phone
from app.kernel.errors import Conflict, Invalid
from app.kernel.repository import Listing
from app.kernel.statement import Reader
from app.kernel.writes import Writes
from app.products.models import PriceList

PERSONAL_OF_ACCOUNT = ("email", "telephone", "billing_address", "delivery_address", "next_step")
PERSONAL_OF_CONTACT = ("name", "email", "telephone", "telephone_e164")


Named = TypeVar("Named", Account, Contact)


async def create_account(session: AsyncSession, *, account: Account) -> Account:
    """Add an account, made by the caller with at least a name and a currency; without a number it gets the next.

    Raises:
        Invalid: its price list is in another currency, or its parent was merged into another account.
        Conflict: the number is taken.

    """
    if account.parent_id is not None:
        await standing_account(session, account_id=account.parent_id, pointer="/parent_id")
    if account.number is None:
        (account.number,) = await accounts.free_numbers(session, 1)
    account.status = account.open_status = account.status or AccountStatus.PROSPECT
    await _check_price_list(session, account)
    session.add(account)
    await session.flush()  # before whatever refers to it
    outbox.record(session, account, events.AccountCreated(number=account.number, status=account.status))
    return account


async def update_account(session: AsyncSession, *, account_id: UUID, expected: int, body: AccountUpdate) -> Account:
    """Change the fields that were sent.

    Raises:
        Invalid: the account would belong to itself, directly or through others, or its price list is in another
            currency, or a day would be without its next step.

    """
    sent = body.model_dump(include=body.model_fields_set)
    if {"parent_id", "group_credit_limit"} & sent.keys():
        await accounts.lock_parents(session)
    if sent.get("parent_id") is not None:
        await standing_account(session, account_id=sent["parent_id"], pointer="/parent_id")
    above = await accounts.line_above(session, sent["parent_id"]) if sent.get("parent_id") is not None else ()
    if account_id in above:
        raise Invalid.at("/parent_id", "cycle", "would make the account belong to itself")
    account = await accounts.lock(session, account_id, expected=expected)
    for name, value in sent.items():
        setattr(account, name, value)
    activities.replan(account, sent=sent)
    if "currency" in sent or "price_list_id" in sent:
        await _check_price_list(session, account)
    if changes := outbox.changes(account, personal=PERSONAL_OF_ACCOUNT):
        outbox.record(session, account, events.AccountUpdated(changes=changes))
    return account


async def _check_price_list(session: AsyncSession, account: Account) -> None:
    if account.price_list_id is None:
        return
    with session.no_autoflush:
        currency = await session.scalar(select(PriceList.currency).where(PriceList.id == account.price_list_id))
    if currency is None:
        raise Invalid.at("/price_list_id", "unknown", "names nothing that exists")
    if currency != account.currency:
        raise Invalid.at(
            "/price_list_id", "currency", f"is in {currency}, the account is invoiced in {account.currency}"
        )


async def move_account(
    session: AsyncSession, *, account_id: UUID, expected: int, move: Move, reason: str | None = None
) -> Account:
    """Activate, block (with the reason), unblock, close or reopen an account.

    Raises:
        Conflict: its status does not allow it.

    """
    account = await accounts.lock(session, account_id, expected=expected)
    try:
        account.status = after(move, account.status, account.open_status)
    except MoveNotAllowed as error:
        raise Conflict(str(error)) from error
    if account.status in {AccountStatus.PROSPECT, AccountStatus.ACTIVE}:
        account.open_status = account.status
    account.block_reason = reason
    changes = outbox.changes(account, silent=("open_status",))
    event: outbox.Event
    match move:
        case Move.ACTIVATE:
            event = events.AccountActivated(changes=changes)
        case Move.BLOCK:
            event = events.AccountBlocked(changes=changes, reason=reason or "")
        case Move.UNBLOCK:
            event = events.AccountUnblocked(changes=changes, status=account.status)
        case Move.CLOSE:
            event = events.AccountClosed(changes=changes)
        case Move.REOPEN:
            event = events.AccountReopened(changes=changes, status=account.status)
    outbox.record(session, account, event)
    return account


async def record_activity(session: AsyncSession, *, account_id: UUID, body: ActivityCreate) -> Activity:
    """Record what was done with an account; a next step that its newest activity names becomes the account's.

    Raises:
        Invalid: the contact is none of the account's, or a date is given without a next step.

    """
    account = await accounts.lock(session, account_id)
    if body.contact_id is not None:
        contact = await standing_contact(session, contact_id=body.contact_id)
        if contact.account_id != account_id:
            raise Invalid.at("/contact_id", "unknown", "names no contact of the account")
    activity = activities.record(session, account_id=account_id, body=body)
    activities.follow(account, activity=activity)
    return activity


async def lock_account(session: AsyncSession, *, account_id: UUID) -> Account:
    """The account, locked until the transaction ends, as it is now.

    Raises:
        NotFound: there is none with this id.

    """
    return await accounts.lock(session, account_id)


async def standing_account(session: AsyncSession, *, account_id: UUID, pointer: str = "/account_id") -> Account:
    """The account that a body names at `pointer`: it is not merged into another before the transaction ends.

    Raises:
        Invalid: there is none with this id, or it was merged.

    """
    return await _standing(session, Account, account_id, pointer)


async def standing_contact(session: AsyncSession, *, contact_id: UUID, pointer: str = "/contact_id") -> Contact:
    """The contact that a body names at `pointer`, as `standing_account` finds an account."""
    return await _standing(session, Contact, contact_id, pointer)


async def _standing(session: AsyncSession, model: type[Named], identity: UUID, pointer: str) -> Named:
    shared = select(model).where(model.id == identity).with_for_update(read=True, key_share=True)
    found = await session.scalar(shared.execution_options(populate_existing=True))
    if found is None:
        raise Invalid.at(pointer, "unknown", "names nothing that exists")
    if found.merged_into_id is not None:
        raise Invalid.at(pointer, "moved", f"was merged into {found.merged_into_id}: send that id")
    return found


async def hold_tree(session: AsyncSession) -> None:
    """Nobody else gives an account another parent until the transaction ends."""
    await accounts.lock_parents(session)


async def line_above(session: AsyncSession, *, account_id: UUID) -> set[UUID]:
    """The account and everything it belongs to, up to the top."""
    return await accounts.line_above(session, account_id)


def set_exposure(writes: Writes, *, account_id: UUID, version: int, exposure: Decimal) -> None:
    """What the confirmed orders of the account amount to from now on; `version` is that of its locked row."""
    row = {"id": account_id, "version": version + 1, "updated_at": clock.now(), "open_exposure": exposure}
    writes.update(Account, [row])


def change_exposure(account: Account, *, by: Decimal) -> None:
    """Add to what the locked account's confirmed orders amount to, in the company's currency; negative to take off."""
    account.open_exposure += by


async def record_sale(session: AsyncSession, *, account: Account, order_id: UUID, amount: Decimal, on: date) -> None:
    """Enter a completed order, by its business date, into the locked account's purchase record.

    `amount` is in the company's currency. The first order makes a prospect active.

    Raises:
        Conflict: the order is in the record already.

    """
    account.open_status = AccountStatus.ACTIVE
    if account.status is AccountStatus.PROSPECT:
        account.status = AccountStatus.ACTIVE
        changes = outbox.changes(account, silent=("open_status", "open_exposure"))
        outbox.record(session, account, events.AccountActivated(changes=changes))
    await _enter(session, account, PurchaseEntry(order_id=order_id, kind=PurchaseKind.SALE, amount=amount, day=on))


async def record_return(session: AsyncSession, *, account: Account, order_id: UUID, amount: Decimal, on: date) -> None:
    """Take goods that came back off the locked account's purchase record; `amount` is positive."""
    await _enter(session, account, PurchaseEntry(order_id=order_id, kind=PurchaseKind.RETURN, amount=-amount, day=on))


async def _enter(session: AsyncSession, account: Account, entry: PurchaseEntry) -> None:
    entry.account_id = account.id
    account.updated_at = clock.now()
    session.add(entry)
    recorded = events.PurchaseRecorded(order_id=entry.order_id, kind=entry.kind, amount=entry.amount, day=entry.day)
    outbox.record(session, account, recorded)
    await session.flush()


async def create_contact(session: AsyncSession, *, contact: Contact) -> Contact:
    """Add a contact, made by the caller with at least an account and a name.

    Raises:
        Invalid: there is no such account.

    """
    account = await standing_account(session, account_id=contact.account_id)
    contact.telephone_e164 = _dialled(contact, account)
    session.add(contact)
    await session.flush()  # before whatever refers to it
    outbox.record(session, contact, events.ContactCreated(account_id=account.id))
    return contact


async def update_contact(session: AsyncSession, *, contact_id: UUID, expected: int, body: ContactUpdate) -> Contact:
    """Change the fields that were sent."""
    sent = body.sent()
    contact = await contacts.lock(session, contact_id, expected=expected)
    for name, value in sent.items():
        setattr(contact, name, value)
    if "telephone" in sent:
        with session.no_autoflush:
            contact.telephone_e164 = _dialled(contact, await session.get_one(Account, contact.account_id))
    if changes := outbox.changes(contact, personal=PERSONAL_OF_CONTACT):
        outbox.record(session, contact, events.ContactUpdated(account_id=contact.account_id, changes=changes))
    return contact


def _dialled(contact: Contact, account: Account) -> str | None:
    address = account.billing_address or account.delivery_address or {}
    return contact.telephone and normalise_phone(contact.telephone, address.get("country"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody said about being contacted: a lead, a contact, or a lead that has become a contact (both)."""

    entry: ConsentEntry
    lead_id: UUID | None = None
    contact_id: UUID | None = None


async def add_consents(
    session: AsyncSession,
    *,
    lead_id: UUID | None = None,
    contact_id: UUID | None = None,
    consents: Iterable[ConsentEntry],
) -> frozenset[UUID]:
    """Keep what one person said; see `add_consents_of_many`. For a converted lead give its contact as well."""
    said = [Said(entry=entry, lead_id=lead_id, contact_id=contact_id) for entry in consents]
    return await add_consents_of_many(session, said=said)


async def add_consents_of_many(session: AsyncSession, *, said: Sequence[Said]) -> frozenset[UUID]:
    """Keep what people said, in few statements however many they are; returns the leads about which it is news.

    What is known already (same person, purpose, channel, answer, time, source and evidence) is not kept twice and tells
    no event. A time in the future counts as now, so that nobody's later withdrawal can be outrun. Contacts get a new
    version; the caller sees to that of leads.
    """
    if not said:
        return frozenset()
    now = clock.now()
    rows = [
        {
            "id": uuid7(),
            "lead_id": each.lead_id,
            "contact_id": each.contact_id,
            **each.entry.model_dump(),
            "at": min(each.entry.at, now),
            "created_at": now,
        }
        for each in said
    ]
    row = Consent
    kept = insert_all(row, rows).on_conflict_do_nothing()
    returned = kept.returning(row.lead_id, row.contact_id, row.purpose, row.channel, row.granted)
    news = (await session.execute(returned)).all()
    await _tell(session, news)
    return frozenset(one.lead_id for one in news if one.lead_id is not None)


async def hand_over_consents(session: AsyncSession, *, lead_id: UUID, contact_id: UUID) -> None:
    """Make what was said as a lead count for the contact that it became; it counts for the lead as well."""
    row = Consent
    handed = (
        update(row)
        .where(row.lead_id == lead_id, row.contact_id.is_(None))
        .values(contact_id=contact_id)
        .returning(row.contact_id, row.purpose, row.channel, row.granted)
    )
    await _tell(session, (await session.execute(handed)).all())


async def consents_of_lead(reader: Reader, *, lead_id: UUID, query: ConsentQuery) -> Listing:
    """One page of all that a lead said (`ConsentRead`); empty for a lead that there is not."""
    return await all_consents.page(reader, query, Consent.lead_id == lead_id, within=lead_id)


async def record_consent(session: AsyncSession, *, contact_id: UUID, body: ContactConsentCreate) -> None:
    """Keep what a contact said.

    Raises:
        NotFound: there is no such contact.

    """
    await contacts.lock(session, contact_id)
    entry = ConsentEntry(**body.model_dump(exclude={"at"}), at=body.at or clock.now())
    await add_consents(session, contact_id=contact_id, consents=[entry])


async def _tell(session: AsyncSession, kept: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """The events of consents, one for each person, and a new version for each contact."""
    of_contacts: dict[UUID, list[events.ConsentSaid]] = {}
    of_leads: dict[UUID, list[events.ConsentSaid]] = {}
    for row in kept:
        said = events.ConsentSaid(purpose=row.purpose, channel=row.channel, granted=row.granted)
        if row.contact_id is not None:
            of_contacts.setdefault(row.contact_id, []).append(said)
        if getattr(row, "lead_id", None) is not None:
            of_leads.setdefault(row.lead_id, []).append(said)
    for lead_id, consents in of_leads.items():
        event: outbox.Event = events.LeadConsentsRecorded(consents=tuple(consents))
        session.add(outbox.as_row(session, lead_id, event))
    for contact_id, consents in of_contacts.items():
        event = events.ContactConsentsRecorded(consents=tuple(consents))
        session.add(outbox.as_row(session, contact_id, event))
    if of_contacts:
        in_order = select(Contact).where(Contact.id.in_(of_contacts)).order_by(Contact.id)
        locked = in_order.with_for_update(key_share=True).execution_options(populate_existing=True)
        for contact in await session.scalars(locked):
            contact.updated_at = clock.now()
