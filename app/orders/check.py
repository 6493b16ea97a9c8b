"""The order check: what stands in the way of an order. Pure; the service brings the facts.

A blocking finding stops the confirmation unless somebody with the permission overrode it. An override answers the
finding's `subject`: change the price, the quantity or the address and the finding is a new one.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.orders.rules import Channel


class FindingCode(StrEnum):
    """What the order check looks for."""

    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSED = "account_closed"
    CREDIT_LIMIT = "credit_limit"
    GROUP_CREDIT_LIMIT = "group_credit_limit"
    PRODUCT_INACTIVE = "product_inactive"
    BELOW_MINIMUM = "below_minimum"
    NOT_A_MULTIPLE = "not_a_multiple"
    PRICE_BELOW_LIST = "price_below_list"
    PRICE_ABOVE_LIST = "price_above_list"
    NO_LIST_PRICE = "no_list_price"
    ADDRESS_INCOMPLETE = "address_incomplete"
    DUPLICATE_PO_NUMBER = "duplicate_po_number"
    REQUESTED_IN_THE_PAST = "requested_in_the_past"
    EVIDENCE_MISSING = "evidence_missing"


class Severity(StrEnum):
    """Blocking findings stop the confirmation; warnings are for the eye."""

    BLOCKING = "blocking"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line as it is checked; prices in the order's currency per unit, `discount` a fraction."""

    line_no: int
    sku: str
    product_active: bool
    minimum_quantity: Decimal
    order_multiple: Decimal
    quantity: Decimal
    requested_on: date | None
    list_price: Decimal | None
    unit_price: Decimal
    discount: Decimal


@dataclass(frozen=True, slots=True)
class GroupCredit:
    """The limit of a group that the order's account is in: of account `number`, for it and all that belongs to it.

    `exposure` is what the group's confirmed orders amount to, in the company's currency like the limit.
    """

    number: str
    name: str
    limit: Decimal
    exposure: Decimal


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as it is checked; `base_amount`, `open_exposure` and `credit_limit` in the company's currency.

    Neither `open_exposure` nor that of the `groups` holds the order itself; `account_block_reason` is None unless the
    account is blocked.
    """

    channel: Channel
    has_reference: bool
    has_taker: bool
    po_number: str | None
    po_number_on: str | None
    delivery_address: str
    missing_address_fields: Sequence[str]
    account_block_reason: str | None
    account_closed: bool
    credit_limit: Decimal | None
    open_exposure: Decimal
    groups: Sequence[GroupCredit]
    base_amount: Decimal
    today: date
    price_allowance: Decimal
    lines: Sequence[LineFacts]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: where (`pointer` into the order), how grave, what to do, and what an override is for."""

    code: FindingCode
    severity: Severity
    line_no: int | None
    pointer: str
    detail: str
    subject: str
    overridden: bool = False

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What an override names."""
        return (self.code, self.line_no, self.subject)


_AGAINST = " against "

Overrides = AbstractSet[tuple[str, int | None, str]]


def check(facts: OrderFacts, overrides: Overrides = frozenset()) -> list[Finding]:
    """Everything found, the order's own first, then line by line; overridden findings say so."""
    found = [*_of_account(facts), *_of_paper(facts)]
    for index, line in enumerate(facts.lines):
        found += _of_line(line, facts, f"/lines/{index}")
    return [replace(finding, overridden=_let_stand(finding, overrides)) for finding in found]


def _let_stand(finding: Finding, overrides: Overrides) -> bool:
    if finding.code not in {FindingCode.CREDIT_LIMIT, FindingCode.GROUP_CREDIT_LIMIT}:
        return finding.key in overrides
    # Who let a total stand against a limit did so for any smaller one as well.
    total, limit = finding.subject.split(_AGAINST)
    allowed = (subject.split(_AGAINST) for code, _, subject in overrides if code == finding.code)
    return any(limit == against and Decimal(total) <= Decimal(most) for most, against in allowed)


def standing_in_the_way(findings: Sequence[Finding]) -> list[Finding]:
    """The blocking ones that nobody overrode."""
    return [finding for finding in findings if finding.severity is Severity.BLOCKING and not finding.overridden]


def _block(code: FindingCode, pointer: str, detail: str, subject: str, line_no: int | None = None) -> Finding:
    return Finding(code, Severity.BLOCKING, line_no, pointer, detail, subject)


def _warn(code: FindingCode, pointer: str, detail: str, subject: str, line_no: int | None = None) -> Finding:
    return Finding(code, Severity.WARNING, line_no, pointer, detail, subject)


def _of_account(facts: OrderFacts) -> Iterator[Finding]:
    if facts.account_block_reason is not None:
        reason = facts.account_block_reason
        yield _block(FindingCode.ACCOUNT_BLOCKED, "/account_id", f"the account is blocked: {reason}", reason)
    if facts.account_closed:
        yield _block(FindingCode.ACCOUNT_CLOSED, "/account_id", "the account is closed", "")
    if facts.credit_limit is not None:
        after = facts.open_exposure + facts.base_amount
        if after > facts.credit_limit:
            sums = f"open orders of {facts.open_exposure} and this one of {facts.base_amount}"
            detail = f"{sums} exceed the credit limit of {facts.credit_limit}"
            yield _block(FindingCode.CREDIT_LIMIT, "/account_id", detail, f"{after}{_AGAINST}{facts.credit_limit}")
    for group in facts.groups:
        after = group.exposure + facts.base_amount
        if after > group.limit:
            sums = f"open orders of {group.exposure} and this one of {facts.base_amount}"
            detail = f"{sums} exceed the credit limit of {group.limit} of the group of {group.number}, {group.name}"
            subject = f"{after}{_AGAINST}{group.limit} of {group.number}"
            yield _block(FindingCode.GROUP_CREDIT_LIMIT, "/account_id", detail, subject)


def _of_paper(facts: OrderFacts) -> Iterator[Finding]:
    if facts.po_number is not None and facts.po_number_on is not None:
        detail = f"the account's order {facts.po_number_on} has this purchase order number already"
        yield _block(FindingCode.DUPLICATE_PO_NUMBER, "/po_number", detail, facts.po_number)
    if facts.missing_address_fields:
        missing = ", ".join(facts.missing_address_fields)
        subject = f"{missing} of {facts.delivery_address}"
        yield _block(
            FindingCode.ADDRESS_INCOMPLETE, "/delivery_address", f"the delivery address lacks {missing}", subject
        )
    if facts.channel in (Channel.POST, Channel.EMAIL, Channel.EDI) and not facts.has_reference:
        detail = f"an order by {facts.channel} names the letter, mail or message it came in"
        yield _block(FindingCode.EVIDENCE_MISSING, "/evidence_reference", detail, facts.channel)
    if facts.channel is Channel.TELEPHONE and not facts.has_taker:
        yield _block(
            FindingCode.EVIDENCE_MISSING, "/taken_by_id", "an order by telephone names who took it", facts.channel
        )


def _of_line(line: LineFacts, facts: OrderFacts, pointer: str) -> Iterator[Finding]:
    number = line.line_no
    if not line.product_active:
        detail = f"{line.sku} is not sold any more"
        yield _block(FindingCode.PRODUCT_INACTIVE, f"{pointer}/sku", detail, line.sku, number)
    amount = f"{line.quantity.normalize():f} of {line.sku}"
    if line.quantity < line.minimum_quantity:
        detail = f"the least quantity of {line.sku} is {line.minimum_quantity}"
        yield _block(FindingCode.BELOW_MINIMUM, f"{pointer}/quantity", detail, amount, number)
    if line.quantity % line.order_multiple:
        detail = f"{line.sku} is sold in multiples of {line.order_multiple}"
        yield _block(FindingCode.NOT_A_MULTIPLE, f"{pointer}/quantity", detail, amount, number)
    if line.requested_on is not None and line.requested_on < facts.today:
        detail = f"requested for {line.requested_on}, which is past"
        yield _warn(
            FindingCode.REQUESTED_IN_THE_PAST, f"{pointer}/requested_on", detail, str(line.requested_on), number
        )
    yield from _of_price(line, facts.price_allowance, f"{pointer}/unit_price")


def _of_price(line: LineFacts, allowance: Decimal, pointer: str) -> Iterator[Finding]:
    price = line.unit_price * (1 - line.discount)
    shown = f"{price.normalize():f}"
    if line.list_price is None:
        yield _warn(FindingCode.NO_LIST_PRICE, pointer, f"{line.sku} has no list price", shown, line.line_no)
        return
    listed = f"the list price of {line.list_price.normalize():f}"
    subject = f"{line.quantity.normalize():f} of {line.sku} at {shown} against {listed}"
    if price < line.list_price * (1 - allowance):
        detail = f"{shown} is more than {allowance:.0%} below {listed}"
        yield _block(FindingCode.PRICE_BELOW_LIST, pointer, detail, subject, line.line_no)
    elif price > line.list_price * (1 + allowance):
        detail = f"{shown} is more than {allowance:.0%} above {listed}"
        yield _warn(FindingCode.PRICE_ABOVE_LIST, pointer, detail, subject, line.line_no)
