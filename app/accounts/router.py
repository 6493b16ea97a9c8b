"""HTTP for accounts and contacts."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.accounts import service
from app.accounts.models import Account, Consent, Contact
from app.accounts.repository import accounts, consents, contacts
from app.accounts.rules import ConsentQuery, ConsentRead, Move
from app.accounts.schemas import (
    AccountBlock,
    AccountCreate,
    AccountQuery,
    AccountRead,
    AccountSummary,
    AccountUpdate,
    ContactConsentCreate,
    ContactCreate,
    ContactQuery,
    ContactRead,
    ContactUpdate,
    PurchaseRecord,
)
from app.activities import service as activities
from app.activities.rules import ActivityCreate, ActivityRead
from app.kernel.auth import Permission
from app.kernel.http import (
    ExpectedVersion,
    OurCompany,
    ReadTx,
    Tx,
    answer,
    answer_page,
    created,
    requires,
    router,
)
from app.kernel.pagination import Page

account_routes = router("/accounts", "accounts")
contact_routes = router("/contacts", "contacts")
_READ = [requires(Permission.ACCOUNTS_READ)]
_WRITE = [requires(Permission.ACCOUNTS_WRITE)]


@account_routes.post("", summary="Add an account", status_code=201, response_model=AccountRead, dependencies=_WRITE)
async def create(tx: Tx, company: OurCompany, body: AccountCreate) -> Response:
    account = await service.create_account(tx, account=Account(**body.model_dump()))
    return created(await accounts.show_whole(tx, account.id, company=company), "accounts", account.id)


@account_routes.get("", summary="List accounts", response_model=Page[AccountSummary], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[AccountQuery, Parameters()]) -> Response:
    """Indexed: every sort by itself and with a status; by name any other filter but the next step; a number, words."""
    return answer_page(request, await accounts.page(tx, query))


@account_routes.get("/{account_id}", summary="Get an account", response_model=AccountRead, dependencies=_READ)
async def get(tx: ReadTx, company: OurCompany, account_id: UUID) -> Response:
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.patch("/{account_id}", summary="Change an account", response_model=AccountRead, dependencies=_WRITE)
async def update(
    tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID, body: AccountUpdate
) -> Response:
    await service.update_account(tx, account_id=account_id, expected=expected, body=body)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.post(
    "/{account_id}/activate", summary="Make a prospect a customer", response_model=AccountRead, dependencies=_WRITE
)
async def activate(tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID) -> Response:
    """A prospect's first completed order does it by itself."""
    await service.move_account(tx, account_id=account_id, expected=expected, move=Move.ACTIVATE)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.post("/{account_id}/block", summary="Block an account", response_model=AccountRead, dependencies=_WRITE)
async def block(
    tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID, body: AccountBlock
) -> Response:
    """None of its orders is confirmed until it is unblocked."""
    await service.move_account(tx, account_id=account_id, expected=expected, move=Move.BLOCK, reason=body.reason)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.post(
    "/{account_id}/unblock", summary="Unblock an account", response_model=AccountRead, dependencies=_WRITE
)
async def unblock(tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID) -> Response:
    """It becomes what it was before: a prospect or active."""
    await service.move_account(tx, account_id=account_id, expected=expected, move=Move.UNBLOCK)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.post("/{account_id}/close", summary="Close an account", response_model=AccountRead, dependencies=_WRITE)
async def close(tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID) -> Response:
    """It is no customer any more; its orders that are confirmed already go on."""
    await service.move_account(tx, account_id=account_id, expected=expected, move=Move.CLOSE)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.post(
    "/{account_id}/reopen", summary="Reopen a closed account", response_model=AccountRead, dependencies=_WRITE
)
async def reopen(tx: Tx, company: OurCompany, expected: ExpectedVersion, account_id: UUID) -> Response:
    """It becomes what it last was while open, a prospect or active; not blocked."""
    await service.move_account(tx, account_id=account_id, expected=expected, move=Move.REOPEN)
    return answer(await accounts.show_whole(tx, account_id, company=company))


@account_routes.get(
    "/{account_id}/purchase-record",
    summary="Get an account's purchase record",
    response_model=PurchaseRecord,
    dependencies=_READ,
)
async def purchase_record(tx: ReadTx, company: OurCompany, account_id: UUID) -> Response:
    return answer(await accounts.purchase_record(tx, account_id, company=company))


@account_routes.post(
    "/{account_id}/activities",
    summary="Record an activity on an account",
    status_code=201,
    response_model=ActivityRead,
    dependencies=_WRITE,
)
async def record_activity(tx: Tx, account_id: UUID, body: ActivityCreate) -> Response:
    """A next step that its newest activity names becomes the account's, none leaves its own."""
    activity = await service.record_activity(tx, account_id=account_id, body=body)
    return created(await activities.show(tx, activity_id=activity.id), "activities", activity.id)


@contact_routes.post(
    "", summary="Add a contact", status_code=201, response_model=ContactRead, dependencies=_WRITE, name="create"
)
async def create_contact(tx: Tx, body: ContactCreate) -> Response:
    contact = await service.create_contact(tx, contact=Contact(**body.model_dump()))
    return created(await contacts.show(tx, contact.id), "contacts", contact.id)


@contact_routes.get("", summary="List contacts", response_model=Page[ContactRead], dependencies=_READ, name="list")
async def list_contacts(request: Request, tx: ReadTx, query: Annotated[ContactQuery, Parameters()]) -> Response:
    """Indexed: both sorts by themselves, with an account the one by name; an email address, and words."""
    return answer_page(request, await contacts.page(tx, query))


@contact_routes.get(
    "/{contact_id}", summary="Get a contact", response_model=ContactRead, dependencies=_READ, name="get"
)
async def get_contact(tx: ReadTx, contact_id: UUID) -> Response:
    return answer(await contacts.show(tx, contact_id))


@contact_routes.patch(
    "/{contact_id}", summary="Change a contact", response_model=ContactRead, dependencies=_WRITE, name="update"
)
async def update_contact(tx: Tx, expected: ExpectedVersion, contact_id: UUID, body: ContactUpdate) -> Response:
    await service.update_contact(tx, contact_id=contact_id, expected=expected, body=body)
    return answer(await contacts.show(tx, contact_id))


@contact_routes.get(
    "/{contact_id}/consents",
    summary="List what a contact said about being contacted",
    response_model=Page[ConsentRead],
    dependencies=_READ,
)
async def list_consents(
    request: Request, tx: ReadTx, contact_id: UUID, query: Annotated[ConsentQuery, Parameters()]
) -> Response:
    """Everything, with its evidence, also what has been overtaken and what the contact said as a lead."""
    said = await consents.page(tx, query, Consent.contact_id == contact_id, within=contact_id)
    return answer_page(request, await contacts.part(tx, contact_id, said))


@contact_routes.post(
    "/{contact_id}/consents", summary="Record a contact's consent", response_model=ContactRead, dependencies=_WRITE
)
async def record_consent(tx: Tx, contact_id: UUID, body: ContactConsentCreate) -> Response:
    """Everything said is kept. A grant after a withdrawal counts only with evidence: `consents` tell what counts."""
    await service.record_consent(tx, contact_id=contact_id, body=body)
    return answer(await contacts.show(tx, contact_id))
