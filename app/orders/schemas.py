"""What is received and answered about orders."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from app.kernel.address import Address
from app.kernel.schema import (
    Amount,
    Body,
    Changes,
    Currency,
    Day,
    Flag,
    Fraction,
    Line,
    NonNegativeAmount,
    Past,
    Quantity,
    Query,
    Rate,
    Read,
    Stamped,
    Text,
    Whole,
    unset,
)
from app.orders.check import FindingCode, Severity
from app.orders.rules import Channel, HoldReason, OrderStatus, ShipmentState
from app.products.rules import PricedLine
from app.supply.promise import BasisKind


class OrderLineCreate(PricedLine):
    """A line: what is wanted and, where it was agreed, at what price."""

    requested_on: Day | None = Field(
        None, description="Day the customer wants it; as soon as possible when left out.", examples=["2026-03-16"]
    )


Lines = Annotated[list[OrderLineCreate], Field(min_length=1, max_length=500)]


class OrderCreate(Body):
    """A new order, as a draft."""

    account_id: UUID | None = Field(None, description="Needed without `opportunity_id`, whose account it is.")
    contact_id: UUID | None = Field(
        None,
        description="Who ordered; a contact of the account. Left out, who decides about the opportunity.",
    )
    lead_id: UUID | None = Field(None, description="The lead the order came from; the opportunity's when left out.")
    opportunity_id: UUID | None = Field(
        None,
        description="The won opportunity that becomes this order, once: what it says need not be said again.",
    )
    channel: Channel = Field(examples=[Channel.EMAIL])
    evidence_reference: Line | None = Field(
        None, description="The letter, mail or message it came in.", examples=["mail of 2 March, 9:12"]
    )
    received_at: Past | None = Field(None, description="When it reached us; now when left out.")
    taken_by_id: UUID | None = Field(None, description="Who of the staff took it; needed on the telephone.")
    po_number: Line | None = Field(None, description="The customer's purchase order number.", examples=["PO-4711"])
    delivery_address: Address | None = Field(None, description="The account's delivery address when left out.")
    currency: Currency | None = Field(None, description="The opportunity's, or else the account's when left out.")
    freight: NonNegativeAmount = Field(Decimal(0), description="Freight charged beside the lines.", examples=["32.38"])
    notes: Text | None = Field(None, examples=["deliver before noon"])
    lines: Lines | None = Field(None, description="Needed without `opportunity_id`, whose lines they are if left out.")


class OrderUpdate(Changes):
    """Changes to a draft; `lines` replaces all of them."""

    contact_id: UUID | None = None
    channel: Channel = unset()
    evidence_reference: Line | None = None
    received_at: Past = unset()
    taken_by_id: UUID | None = None
    po_number: Line | None = Field(None, examples=["PO-4711"])
    delivery_address: Address | None = None
    freight: NonNegativeAmount = unset(examples=["32.38"])
    notes: Text | None = None
    lines: Lines = unset()


class OrderLineRead(Read):
    """A line: wanted, promised, shipped, delivered, returned."""

    id: UUID
    line_no: int
    product_id: UUID
    sku: str = Field(examples=["CHAI-10"])
    quantity: Quantity
    requested_on: date | None = Field(description="Null for as soon as possible.")
    list_price: Amount | None = Field(description="Of the account's list, on the day the order was taken.")
    unit_price: Amount
    discount: Fraction
    price_reason: str | None
    amount: Amount
    promised_on: date | None
    basis: BasisKind | None = Field(description="What the promised day rests on.")
    basis_receipt_id: UUID | None = Field(
        description="The receipt it rested on when it was promised; that names the one which took its place."
    )
    shipped_quantity: Quantity
    delivered_quantity: Quantity
    returned_quantity: Quantity


class FindingRead(Read):
    """One thing that the order check found."""

    code: FindingCode
    severity: Severity
    line_no: int | None
    pointer: str = Field(description="The place in the order.", examples=["/lines/0/quantity"])
    detail: str
    overridden: bool = Field(description="Somebody with the permission let it stand.")


class HoldRead(Read):
    """A reason why the order may not go on; `released_at` is null while it stands."""

    id: UUID
    reason: HoldReason
    note: str | None
    placed_by: str = Field(examples=["order-desk"])
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None
    release_note: str | None


class OverrideRead(Read):
    """A blocking finding that somebody let stand."""

    code: FindingCode
    line_no: int | None
    reason: str
    overridden_by: str = Field(examples=["sales-manager"])
    overridden_at: datetime


class OrderRead(Stamped):
    """An order with its lines, the last check, holds and overrides."""

    number: str = Field(examples=["SO-2026-000123"])
    status: OrderStatus
    status_at: datetime = Field(description="When the present status began.")
    shipment_state: ShipmentState
    open_to_ship: bool = Field(description="Confirmed, not on hold, and something has not left yet.")
    due_on: date = Field(
        description="The earliest promised day still open; before the promise, the earliest requested."
    )
    ordered_on: date
    account_id: UUID
    account_name: str = Field(examples=["Alfreds Futterkiste"])
    contact_id: UUID | None
    lead_id: UUID | None
    opportunity_id: UUID | None = Field(description="The opportunity that became it.")
    channel: Channel
    evidence_reference: str | None
    received_at: datetime
    taken_by_id: UUID | None
    po_number: str | None
    delivery_address: Address | None
    notes: str | None
    currency: str
    exchange_rate: Rate = Field(description="Company currency per unit of the order's, frozen when it was taken.")
    net_amount: Amount = Field(description="Sum of the lines.")
    freight: Amount
    returned_amount: Amount
    base_amount: Amount = Field(description="Lines and freight in the company's currency.")
    checked_at: datetime | None
    check_is_current: bool = Field(
        description="Of a draft: order, account and products have not changed since the last check, and confirming it"
        " checks once more. Afterwards always true: what was checked was confirmed."
    )
    findings: list[FindingRead]
    dates_agreed_by: str | None
    confirmed_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    lines: list[OrderLineRead]
    holds: list[HoldRead]
    overrides: list[OverrideRead]


class OrderQuery(Query):
    """Filters of the list of orders."""

    status: OrderStatus | None = None
    open_to_ship: bool | None = Field(None, description="Confirmed, not on hold, and something has not left yet.")
    shipment_state: ShipmentState | None = None
    account_id: UUID | None = None
    lead_id: UUID | None = None
    opportunity_id: UUID | None = None
    number: Line | None = None
    po_number: Line | None = Field(None, description="Needs account_id beside it.")
    due_from: Day | None = Field(None, description="Promised (before the promise: requested) on this day or later.")
    due_to: Day | None = Field(None, description="Promised (before the promise: requested) on this day or earlier.")
    sort: Literal["due_on", "-due_on", "status_at", "-status_at", "created_at", "-created_at"] = Field(
        "-created_at", description="`status_at` is the time of confirmation among confirmed orders."
    )

    @field_validator("po_number")
    @classmethod
    def _of_an_account(cls, po_number: str | None, others: ValidationInfo) -> str | None:
        if po_number is not None and others.data.get("account_id") is None:
            raise ValueError("needs account_id beside it: each customer has numbers of its own")
        return po_number


class OverrideCreate(Body):
    """Let a blocking finding stand."""

    code: FindingCode
    line_no: Whole | None = Field(None, ge=1, le=500, description="The finding's line, when it has one.")
    reason: Line = Field(examples=["the sales manager agreed to it"])


class HoldCreate(Body):
    """Put the order on hold."""

    reason: HoldReason
    note: Text | None = None


class HoldRelease(Body):
    """Release a hold."""

    note: Text = Field(examples=["paid on 3 March"])


class LinePromise(Read):
    """What can be promised for a line; `promised_on` is null when neither stock, receipts nor production cover it."""

    line_no: int
    sku: str
    quantity: Quantity
    requested_on: date | None
    available_on_requested: Quantity = Field(
        description="What is available on the requested day, or today, after the lines before."
    )
    promised_on: date | None
    basis: BasisKind | None
    basis_receipt_id: UUID | None


class PromiseRead(Read):
    """A proposal: nothing is reserved by it."""

    order_id: UUID
    on_time: bool = Field(description="Every line can be had on the day requested.")
    lines: list[LinePromise]


class ConfirmCreate(Body):
    """Confirm a draft."""

    accept_dates: Flag = Field(False, description="The customer accepts days later than requested.", examples=[True])
    agreed_by: Line | None = Field(
        None,
        validate_default=True,
        description="Who accepted them; needed with accept_dates.",
        examples=["Ms Anders"],
    )
    latest_on: Day | None = Field(
        None,
        description="With accept_dates: the latest day they accepted beside those requested; any day when left out.",
    )

    @field_validator("agreed_by")
    @classmethod
    def _agreed(cls, agreed_by: str | None, others: ValidationInfo) -> str | None:
        if others.data.get("accept_dates") and agreed_by is None:
            raise ValueError("is needed with accept_dates: who accepted the later days")
        return agreed_by

    @field_validator("latest_on")
    @classmethod
    def _accepted(cls, latest_on: date | None, others: ValidationInfo) -> date | None:
        if latest_on is not None and not others.data.get("accept_dates"):
            raise ValueError("goes with accept_dates")
        return latest_on


class CancelCreate(Body):
    """Cancel an order of which nothing has left."""

    reason: Line = Field(examples=["the customer ordered twice"])
