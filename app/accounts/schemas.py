"""What is received and answered about accounts and contacts."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from app.accounts.rules import (
    AccountStatus,
    AccountType,
    CompanySize,
    ConsentCreate,
    ConsentEntry,
)
from app.kernel.address import Address
from app.kernel.schema import (
    Amount,
    Body,
    Called,
    Changes,
    Code,
    Country,
    Currency,
    Day,
    Email,
    Flag,
    Instant,
    Line,
    NonNegativeAmount,
    Query,
    Read,
    Stamped,
    Whole,
    unset,
    words_of,
)

Days = Annotated[Whole, Field(ge=0, le=365, description="Days from the invoice until it is due.", examples=[30])]
Telephone = Annotated[Line, Field(examples=["030 0074321"])]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$", examples=["de"])]
CreditLimit = Annotated[
    NonNegativeAmount, Field(description="In the company's currency; null for none.", examples=["20000.00"])
]

GroupCreditLimit = Annotated[
    NonNegativeAmount,
    Field(
        description="For the account and all that belongs to it, directly or through others; in the company's currency,"
        " null for none.",
        examples=["50000.00"],
    ),
]


class AccountCreate(Body):
    """A new account."""

    number: Code | None = Field(None, description="Made by the service when left out.", examples=["A-000123"])
    name: Line = Field(examples=["Alfreds Futterkiste"])
    type: AccountType = AccountType.END_CUSTOMER
    status: Annotated[Literal["prospect", "active"], AfterValidator(AccountStatus)] = Field(
        "prospect", validate_default=True, description="The first completed order makes a prospect active."
    )
    industry: Line | None = Field(None, examples=["food retail"])
    size: CompanySize | None = None
    key_account: Flag = False
    parent_id: UUID | None = Field(None, description="The account that this one belongs to.")
    owner_id: UUID | None = Field(None, description="The member of staff who looks after it.")
    email: Email | None = None
    telephone: Telephone | None = None
    website: Line | None = Field(None, examples=["https://example.com"])
    billing_address: Address | None = None
    delivery_address: Address | None = None
    currency: Currency = Field(description="In which it is invoiced.")
    price_list_id: UUID | None = Field(None, description="A price list in the account's currency.")
    payment_terms_days: Days = 30
    credit_limit: CreditLimit | None = None
    group_credit_limit: GroupCreditLimit | None = None


class AccountRow(AccountCreate, Called):
    """An account of many, found by its id, by what another system calls it, or by its number."""

    status: AccountStatus | None = Field(None, description="Of a new one; that of others changes by actions.")  # type: ignore[assignment]


class AccountUpdate(Changes):
    """Changes to an account. Its status changes by actions."""

    number: Code = unset(examples=["A-000123"])
    name: Line = unset(examples=["Alfreds Futterkiste"])
    type: AccountType = unset()
    industry: Line | None = None
    size: CompanySize | None = None
    key_account: Flag = unset()
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    email: Email | None = None
    telephone: Telephone | None = None
    website: Line | None = None
    billing_address: Address | None = Field(None, description="Replaces the whole address.")
    delivery_address: Address | None = Field(None, description="Replaces the whole address.")
    currency: Currency = unset()
    price_list_id: UUID | None = None
    payment_terms_days: Days = unset()
    credit_limit: CreditLimit | None = None
    group_credit_limit: GroupCreditLimit | None = None
    next_step: Line | None = Field(None, description="Null clears `next_step_on` as well.", examples=["Send samples"])
    next_step_on: Day | None = Field(None, description="When the next step is due; needs one, sent or planned.")


class AccountBlock(Body):
    """Why an account is blocked."""

    reason: Line = Field(examples=["invoice 4711 is two months overdue"])


class AccountSummary(Stamped):
    """An account as listed."""

    number: str
    name: str
    type: AccountType
    status: AccountStatus
    block_reason: str | None
    industry: str | None
    size: CompanySize | None
    key_account: bool
    parent_id: UUID | None
    owner_id: UUID | None
    email: str | None
    telephone: str | None
    website: str | None
    billing_address: Address | None
    delivery_address: Address | None
    currency: str
    price_list_id: UUID | None
    payment_terms_days: int
    credit_limit: Annotated[Amount | None, Field(description="In the company's currency; null for none.")]
    open_exposure: Annotated[Amount, Field(description="Its confirmed orders, in the company's currency.")]
    group_credit_limit: Annotated[
        Amount | None,
        Field(description="For it and all that belongs to it, in the company's currency; null for none."),
    ]
    last_activity_at: datetime | None
    next_step: str | None
    next_step_on: date | None


class PurchaseRecord(Read):
    """What an account bought: its completed orders, less returns, in the company's currency."""

    currency: str
    orders: Annotated[int, Field(description="Completed orders.")]
    revenue_lifetime: Amount
    revenue_last_12_months: Amount
    first_order_on: date | None
    last_order_on: date | None
    usual_interval_days: Annotated[
        int | None, Field(description="Median of the days from one day with an order to the next; null below two.")
    ]


class AccountRead(AccountSummary):
    """An account with its purchase record."""

    purchase_record: PurchaseRecord


class AccountQuery(Query):
    """Filters of the list of accounts."""

    status: AccountStatus | None = None
    type: AccountType | None = None
    owner_id: UUID | None = None
    key_account: bool | None = None
    parent_id: UUID | None = None
    country: Country | None = Field(None, description="Of the billing address.")
    industry: Line | None = None
    number: Code | None = None
    next_step_by: Day | None = Field(None, description="The next step is due on this day or before.")
    words: Line | None = Field(None, description=words_of("the name or the number"))
    sort: Literal["name", "-name", "number", "-number", "created_at", "-created_at"] = "name"


class ContactSaid(ConsentCreate):
    """What a contact said about being contacted, when, and where we have it from."""

    at: Instant
    source: Line = Field(examples=["trade fair, paper form"])


class ContactCreate(Body):
    """A new contact."""

    account_id: UUID
    name: Line = Field(examples=["Maria Anders"])
    job_title: Line | None = Field(None, examples=["Sales Representative"])
    department: Line | None = None
    email: Email | None = None
    telephone: Telephone | None = None
    language: Language | None = None
    decision_maker: Flag = False
    active: Flag = True


class ContactRow(ContactCreate, Called):
    """A contact of many, found by its id, by what another system calls it, or by account, name and email."""

    consents: list[ContactSaid] = Field([], max_length=100)


class ContactUpdate(Changes):
    """Changes to a contact."""

    name: Line = unset(examples=["Maria Anders"])
    job_title: Line | None = None
    department: Line | None = None
    email: Email | None = None
    telephone: Telephone | None = None
    language: Language | None = None
    decision_maker: Flag = unset()
    active: Flag = unset()


class ContactRead(Stamped):
    """A contact of an account, with the consents that count."""

    account_id: UUID
    name: str
    job_title: str | None
    department: str | None
    email: str | None
    telephone: str | None
    telephone_e164: Annotated[str | None, Field(description="To be dialled; null when the telephone cannot be read.")]
    language: str | None
    decision_maker: bool
    active: bool
    consents: list[ConsentEntry]


class ContactConsentCreate(ConsentCreate):
    """What a contact said about being contacted, and where we have it from."""

    source: Line = Field(examples=["trade fair, paper form"])


class ContactQuery(Query):
    """Filters of the list of contacts."""

    account_id: UUID | None = None
    email: Email | None = None
    decision_maker: bool | None = None
    active: bool | None = None
    words: Line | None = Field(None, description=words_of("the name or the email address"))
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
