"""Every rule of the order check, on both sides of its border."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.orders.check import (
    Finding,
    FindingCode,
    GroupCredit,
    LineFacts,
    OrderFacts,
    Severity,
    check,
    standing_in_the_way,
)
from app.orders.rules import Channel

TODAY = date(2026, 3, 10)
LINE = LineFacts(
    line_no=1,
    sku="CHAI",
    product_active=True,
    minimum_quantity=Decimal(6),
    order_multiple=Decimal(3),
    quantity=Decimal(9),
    requested_on=TODAY,
    list_price=Decimal(18),
    unit_price=Decimal(18),
    discount=Decimal(0),
)
GROUP = GroupCredit(number="H-1", name="Holding", limit=Decimal(862), exposure=Decimal(700))
ORDER = OrderFacts(
    channel=Channel.TELEPHONE,
    has_reference=False,
    has_taker=True,
    po_number="PO-1",
    po_number_on=None,
    delivery_address="Berlin",
    missing_address_fields=(),
    account_block_reason=None,
    account_closed=False,
    credit_limit=Decimal(1000),
    open_exposure=Decimal(838),
    groups=(GROUP,),
    base_amount=Decimal(162),
    today=TODAY,
    price_allowance=Decimal("0.10"),
    lines=(LINE,),
)


def found(facts: OrderFacts) -> list[tuple[FindingCode, Severity, str]]:
    return [(each.code, each.severity, each.pointer) for each in check(facts)]


def with_line(**changes: object) -> OrderFacts:
    return replace(ORDER, lines=(replace(LINE, **changes),))  # type: ignore[arg-type]


def test_an_order_in_order() -> None:
    assert check(ORDER) == []


@pytest.mark.parametrize(
    ("facts", "code", "pointer"),
    [
        (replace(ORDER, account_block_reason="insolvent"), FindingCode.ACCOUNT_BLOCKED, "/account_id"),
        (replace(ORDER, account_closed=True), FindingCode.ACCOUNT_CLOSED, "/account_id"),
        (replace(ORDER, open_exposure=Decimal("838.01")), FindingCode.CREDIT_LIMIT, "/account_id"),
        (
            replace(ORDER, groups=(replace(GROUP, limit=Decimal("861.99")),)),
            FindingCode.GROUP_CREDIT_LIMIT,
            "/account_id",
        ),
        (replace(ORDER, po_number_on="SO-2026-000001"), FindingCode.DUPLICATE_PO_NUMBER, "/po_number"),
        (replace(ORDER, missing_address_fields=("city",)), FindingCode.ADDRESS_INCOMPLETE, "/delivery_address"),
        (replace(ORDER, has_taker=False), FindingCode.EVIDENCE_MISSING, "/taken_by_id"),
        (replace(ORDER, channel=Channel.EMAIL), FindingCode.EVIDENCE_MISSING, "/evidence_reference"),
        (replace(ORDER, channel=Channel.POST), FindingCode.EVIDENCE_MISSING, "/evidence_reference"),
        (with_line(product_active=False), FindingCode.PRODUCT_INACTIVE, "/lines/0/sku"),
        (with_line(quantity=Decimal(3)), FindingCode.BELOW_MINIMUM, "/lines/0/quantity"),
        (with_line(quantity=Decimal(10)), FindingCode.NOT_A_MULTIPLE, "/lines/0/quantity"),
        (with_line(unit_price=Decimal("16.19")), FindingCode.PRICE_BELOW_LIST, "/lines/0/unit_price"),
        (with_line(discount=Decimal("0.11")), FindingCode.PRICE_BELOW_LIST, "/lines/0/unit_price"),
    ],
)
def test_what_blocks(facts: OrderFacts, code: FindingCode, pointer: str) -> None:
    assert found(facts) == [(code, Severity.BLOCKING, pointer)]


@pytest.mark.parametrize(
    ("facts", "code", "pointer"),
    [
        (with_line(requested_on=date(2026, 3, 9)), FindingCode.REQUESTED_IN_THE_PAST, "/lines/0/requested_on"),
        (with_line(unit_price=Decimal("19.81")), FindingCode.PRICE_ABOVE_LIST, "/lines/0/unit_price"),
        (with_line(list_price=None), FindingCode.NO_LIST_PRICE, "/lines/0/unit_price"),
    ],
)
def test_what_warns(facts: OrderFacts, code: FindingCode, pointer: str) -> None:
    assert found(facts) == [(code, Severity.WARNING, pointer)]
    assert standing_in_the_way(check(facts)) == []


@pytest.mark.parametrize(
    "facts",
    [
        replace(ORDER, credit_limit=None, open_exposure=Decimal(10**9)),
        replace(ORDER, channel=Channel.WEB, has_taker=False),
        with_line(unit_price=Decimal("16.20")),
        with_line(unit_price=Decimal("19.80")),
    ],
)
def test_what_is_just_allowed(facts: OrderFacts) -> None:
    assert check(facts) == []


def test_an_override_answers_one_finding_and_its_subject_only() -> None:
    cheap = with_line(unit_price=Decimal(15), quantity=Decimal(3))
    price = next(each for each in check(cheap) if each.code is FindingCode.PRICE_BELOW_LIST)
    overrides = {price.key}

    def blocking(facts: OrderFacts) -> list[Finding]:
        return standing_in_the_way(check(facts, overrides))

    assert [each.code for each in blocking(cheap)] == [FindingCode.BELOW_MINIMUM]
    cheaper = with_line(unit_price=Decimal(14), quantity=Decimal(3), minimum_quantity=Decimal(3))
    assert [each.code for each in blocking(cheaper)] == [FindingCode.PRICE_BELOW_LIST]
    assert [each.overridden for each in check(cheap, overrides)] == [False, True]


def test_a_total_that_was_let_stand_covers_smaller_ones_against_the_same_limit() -> None:
    over = replace(ORDER, open_exposure=Decimal(900))
    (credit,) = check(over)
    overrides = {credit.key}
    assert [each.overridden for each in check(over, overrides)] == [True]
    assert [each.overridden for each in check(replace(over, open_exposure=Decimal(850)), overrides)] == [True]
    assert [each.overridden for each in check(replace(over, open_exposure=Decimal(901)), overrides)] == [False]
    assert [each.overridden for each in check(replace(over, credit_limit=Decimal(999)), overrides)] == [False]


def test_a_total_that_was_let_stand_for_a_group_is_for_its_limit_and_for_that_group() -> None:
    def overridden(**group: object) -> list[bool]:
        return [each.overridden for each in check(replace(ORDER, groups=(replace(GROUP, **group),)), overrides)]  # type: ignore[arg-type]

    over = replace(GROUP, exposure=Decimal(900))
    (credit,) = check(replace(ORDER, groups=(over,)))
    overrides = {credit.key}
    assert overridden(exposure=Decimal(900)) == overridden(exposure=Decimal(850)) == [True]
    assert overridden(exposure=Decimal(901)) == overridden(exposure=Decimal(900), number="H-2") == [False]
    assert overridden(exposure=Decimal(900), limit=Decimal(861)) == [False]


def test_an_override_of_a_block_is_for_its_reason() -> None:
    (blocked,) = check(replace(ORDER, account_block_reason="insolvent"))
    again = replace(ORDER, account_block_reason="fraud")
    assert [each.overridden for each in check(again, {blocked.key})] == [False]


def test_a_price_is_let_stand_for_its_quantity() -> None:
    (price,) = check(with_line(unit_price=Decimal(1)))
    more = with_line(unit_price=Decimal(1), quantity=Decimal(900))
    assert [each.overridden for each in check(more, {price.key})] == [False]


def test_every_line_is_named() -> None:
    facts = replace(ORDER, lines=(LINE, replace(LINE, line_no=2, product_active=False)))
    assert [(each.line_no, each.pointer) for each in check(facts)] == [(2, "/lines/1/sku")]
