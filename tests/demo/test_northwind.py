"""Northwind as it is read: the figures that the data set itself states, and the shift of its dates."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from app.demo import northwind
from app.demo.northwind import Northwind
from app.kernel.address import missing_fields
from app.staff.rules import Role


@pytest.fixture(scope="module")
def read() -> Northwind:
    return northwind.read()


def test_everything_is_there(read: Northwind) -> None:
    assert (len(read.employees), len(read.products), len(read.customers), len(read.orders)) == (9, 77, 91, 830)
    assert sum(len(order.lines) for order in read.orders) == 2155
    assert sum(order.shipped_on is None for order in read.orders) == 21
    assert sum(order.amount for order in read.orders) == Decimal("1265793.29")
    assert sum(order.freight for order in read.orders) == Decimal("64942.69")


def test_the_reporting_line_has_one_head(read: Northwind) -> None:
    by_number = {each.number: each for each in read.employees}
    assert [each.name for each in read.employees if each.reports_to is None] == ["Andrew Fuller"]
    assert {by_number[each.reports_to].name for each in read.employees if each.reports_to} == {
        "Andrew Fuller",
        "Steven Buchanan",
    }
    assert Counter(each.role for each in read.employees) == {
        Role.SALES_MANAGER: 1,
        Role.REGIONAL_MANAGER: 1,
        Role.REPRESENTATIVE: 6,
        Role.ADMINISTRATOR: 1,
    }


def test_what_the_open_orders_lack(read: Northwind) -> None:
    wanted: Counter[int] = Counter()
    for order in read.orders:
        if order.shipped_on is None:
            for line in order.lines:
                wanted[line.product] += int(line.quantity)
    on_them = [product for product in read.products if product.number in wanted]
    lacking = {product.number for product in on_them if product.in_stock < wanted[product.number]}
    discontinued = {product.number for product in on_them if product.discontinued}
    assert (len(on_them), len(lacking), len(discontinued)) == (49, 17, 6)


def test_every_address_can_be_delivered_to(read: Northwind) -> None:
    addresses = [customer.address for customer in read.customers] + [order.address for order in read.orders]
    for address in addresses:
        assert missing_fields(address.model_dump(mode="json")) == [], address
    names = {order.address.name for order in read.orders}
    assert {None, "Alfred's Futterkiste", "Galería del gastronómo"} <= names


def test_who_decides(read: Northwind) -> None:
    by_code = {each.code: each for each in read.customers}
    assert by_code["ANATR"].decides  # owner
    assert not by_code["ALFKI"].decides  # sales representative


def test_prices_of_today_hold_since(read: Northwind) -> None:
    prices = {product.number: product.price for product in read.products}
    lines = [
        (order.ordered_on >= read.prices_since, line.price == prices[line.product])
        for order in read.orders
        for line in order.lines
    ]
    assert (True, False) not in lines
    assert read.prices_since == date(1997, 9, 5)


def test_owners(read: Northwind) -> None:
    assert len(read.owners) == 89
    assert {each.code for each in read.customers} - set(read.owners) == {"FISSA", "PARIS"}


@pytest.mark.parametrize("days", range(7))
def test_dates_shift_by_whole_weeks(read: Northwind, days: int) -> None:
    today = date(2026, 11, 23) + timedelta(days=days)  # a Monday and the days after it
    moved = read.as_of(today)
    assert 1 <= (today - moved.last_order_on).days <= 7
    assert ((today - moved.last_order_on).days == 1) == (today.weekday() == 3)
    assert {(new.ordered_on - old.ordered_on) for new, old in zip(moved.orders, read.orders, strict=True)} == {
        moved.later
    }
    assert moved.later.days % 7 == 0
    assert moved.day(date(1998, 5, 6)) == moved.last_order_on
    assert moved.as_of(today) == moved
    assert max(order.shipped_on for order in moved.orders if order.shipped_on) < today


def test_the_notice_travels_with_the_data() -> None:
    notice = (files("app.demo") / "northwind" / "NOTICE").read_text(encoding="utf-8")
    assert "Microsoft Public License (Ms-PL)" in notice
