"""What happens to accounts, to contacts and to consents."""

from datetime import date
from uuid import UUID

from app.accounts.rules import AccountStatus, ConsentChannel, ConsentPurpose, PurchaseKind
from app.kernel.outbox import Event
from app.kernel.schema import Amount, Read


class AccountCreated(Event):
    """A new account."""

    type = "account.created"
    subject_type = "accounts"

    number: str
    status: AccountStatus


class AccountUpdated(Event):
    """An account's fields changed."""

    type = "account.updated"
    subject_type = "accounts"


class AccountActivated(Event):
    """A prospect became a customer."""

    type = "account.activated"
    subject_type = "accounts"


class AccountBlocked(Event):
    """No order of this account is confirmed until it is unblocked."""

    type = "account.blocked"
    subject_type = "accounts"

    reason: str


class AccountUnblocked(Event):
    """Orders of this account may be confirmed again."""

    type = "account.unblocked"
    subject_type = "accounts"

    status: AccountStatus


class AccountClosed(Event):
    """An account is no customer any more."""

    type = "account.closed"
    subject_type = "accounts"


class AccountReopened(Event):
    """A closed account is back."""

    type = "account.reopened"
    subject_type = "accounts"

    status: AccountStatus


class PurchaseRecorded(Event):
    """The purchase record grew by a completed order, or shrank (a negative amount) by a return."""

    type = "account.purchase_recorded"
    subject_type = "accounts"

    order_id: UUID
    kind: PurchaseKind
    amount: Amount
    day: date


class ContactCreated(Event):
    """A new contact of an account."""

    type = "contact.created"
    subject_type = "contacts"

    account_id: UUID


class ContactUpdated(Event):
    """A contact's fields changed."""

    type = "contact.updated"
    subject_type = "contacts"

    account_id: UUID


class ConsentSaid(Read):
    """What was said about one purpose and channel; whether it counts, the lead or contact itself tells."""

    purpose: ConsentPurpose
    channel: ConsentChannel
    granted: bool


class ContactConsentsRecorded(Event):
    """A contact agreed to be contacted, or withdrew."""

    type = "contact.consents_recorded"
    subject_type = "contacts"

    consents: tuple[ConsentSaid, ...]


class LeadConsentsRecorded(Event):
    """A lead agreed to be contacted, or withdrew."""

    type = "lead.consents_recorded"
    subject_type = "leads"

    consents: tuple[ConsentSaid, ...]


ALL: tuple[type[Event], ...] = (
    AccountCreated,
    AccountUpdated,
    AccountActivated,
    AccountBlocked,
    AccountUnblocked,
    AccountClosed,
    AccountReopened,
    PurchaseRecorded,
    ContactCreated,
    ContactUpdated,
    ContactConsentsRecorded,
    LeadConsentsRecorded,
)
