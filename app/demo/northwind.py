"""Northwind as it is, read from its CSV files and put into our words. Pure: no database, no clock.

Suppliers, shippers' telephone numbers, regions and territories are in the files and not read: nothing here has a place
for them yet. Northwind tells no e-mail addresses of its customers, no channel of an order and no day of delivery.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from importlib.resources import files

from app.kernel import money
from app.kernel.address import Address
from app.kernel.schema import Country
from app.staff.rules import Role

CURRENCY = "USD"

_ROLES = {
    "Vice President, Sales": Role.SALES_MANAGER,
    "Sales Manager": Role.REGIONAL_MANAGER,
    "Sales Representative": Role.REPRESENTATIVE,
    "Inside Sales Coordinator": Role.ADMINISTRATOR,
}
_DECIDES = ("Owner", "Marketing Manager", "Sales Manager", "Accounting Manager")
"""How the titles of those begin who decide on purchases: owners and heads. Agents, assistants, clerks prepare them."""

_COUNTRIES: Mapping[str, Country] = {
    "Argentina": "AR",
    "Austria": "AT",
    "Belgium": "BE",
    "Brazil": "BR",
    "Canada": "CA",
    "Denmark": "DK",
    "Finland": "FI",
    "France": "FR",
    "Germany": "DE",
    "Ireland": "IE",
    "Italy": "IT",
    "Mexico": "MX",
    "Norway": "NO",
    "Poland": "PL",
    "Portugal": "PT",
    "Spain": "ES",
    "Sweden": "SE",
    "Switzerland": "CH",
    "UK": "GB",
    "USA": "US",
    "Venezuela": "VE",
}


def sku_of(product: int) -> str:
    """The SKU we give to a product."""
    return f"NW-{product:03d}"


@dataclass(frozen=True, slots=True)
class Employee:
    """One of the nine, with the number of whom they report to."""

    number: int
    name: str
    email: str
    role: Role
    reports_to: int | None
    hired_on: date


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its price of today per unit, what lies in stock, and what is on order."""

    number: int
    name: str
    category: str
    unit: str
    price: Decimal
    in_stock: Decimal
    on_order: Decimal
    discontinued: bool

    @property
    def sku(self) -> str:
        return sku_of(self.number)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with its one contact; the telephone number as typed."""

    code: str
    name: str
    contact: str
    title: str
    telephone: str
    address: Address

    @property
    def decides(self) -> bool:
        """Whether the contact's title is one of those who decide."""
        return self.title.startswith(_DECIDES)


@dataclass(frozen=True)
class Line:
    """A line of an order at its own price; `discount` is a fraction."""

    product: int
    price: Decimal
    quantity: Decimal
    discount: Decimal

    @cached_property
    def amount(self) -> Decimal:
        return money.line_amount(self.quantity, self.price, self.discount, CURRENCY)


@dataclass(frozen=True)
class Order:
    """An order; `shipped_on` is None for the 21 that have not left yet."""

    number: int
    customer: str
    employee: int
    ordered_on: date
    required_on: date
    shipped_on: date | None
    carrier: str
    freight: Decimal
    address: Address
    lines: tuple[Line, ...]

    @cached_property
    def amount(self) -> Decimal:
        """What the lines add up to, without freight."""
        return sum((line.amount for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Northwind:
    """The whole sales department; orders by date."""

    employees: Sequence[Employee]
    products: Sequence[Product]
    customers: Sequence[Customer]
    orders: Sequence[Order]
    later: timedelta = timedelta(0)
    """By how much the dates lie behind Northwind's own."""

    def as_of(self, today: date) -> "Northwind":
        """All dates later by the same number of weeks, as many as leave the last order before `today`.

        Whole weeks keep every weekday. The last order is of a Wednesday: so it was yesterday when today is a Thursday,
        and is at most seven days old.
        """
        later = timedelta(weeks=(today - timedelta(days=1) - self.last_order_on).days // 7)
        return replace(
            self,
            employees=[replace(each, hired_on=each.hired_on + later) for each in self.employees],
            orders=[_moved(order, later) for order in self.orders],
            later=self.later + later,
        )

    def day(self, original: date) -> date:
        """A day of Northwind's own calendar among the moved ones."""
        return original + self.later

    @property
    def first_order_on(self) -> date:
        return self.orders[0].ordered_on

    @property
    def last_order_on(self) -> date:
        return self.orders[-1].ordered_on

    @cached_property
    def prices_since(self) -> date:
        """The first day from which every order line is at the price of today."""
        at_other_prices = (
            order.ordered_on
            for order in self.orders
            if any(line.price != self.prices[line.product] for line in order.lines)
        )
        return max(at_other_prices) + timedelta(days=1)

    @cached_property
    def prices(self) -> Mapping[int, Decimal]:
        """The prices of today by product."""
        return {product.number: product.price for product in self.products}

    @cached_property
    def contacts(self) -> Mapping[str, str]:
        """The contacts' names by customer."""
        return {customer.code: customer.contact for customer in self.customers}

    @cached_property
    def owners(self) -> Mapping[str, int]:
        """For each customer who ever ordered the employee who took most of the orders; of several the latest."""
        taken: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for order in reversed(self.orders):
            taken[order.customer][order.employee] += 1
        return {customer: by.most_common(1)[0][0] for customer, by in taken.items()}

    @cached_property
    def largest(self) -> Mapping[str, Decimal]:
        """For each customer who ever ordered the largest order, with its freight."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders:
            totals[order.customer] = max(totals[order.customer], order.amount + order.freight)
        return totals


def read() -> Northwind:
    """Northwind with its own dates, 1996-07-04 to 1998-05-06."""
    categories = {row["category_id"]: row["category_name"] for row in _rows("categories")}
    carriers = {row["shipper_id"]: row["company_name"] for row in _rows("shippers")}
    names = {row["customer_id"]: row["company_name"] for row in _rows("customers")}
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for row in _rows("order_details"):
        numbers = (Decimal(row[name]) for name in ("unit_price", "quantity", "discount"))
        lines[row["order_id"]].append(Line(int(row["product_id"]), *numbers))
    return Northwind(
        employees=[_employee(row) for row in _rows("employees")],
        products=[_product(row, categories) for row in _rows("products")],
        customers=[_customer(row) for row in _rows("customers")],
        orders=sorted(
            (_order(row, carriers, names[row["customer_id"]], lines[row["order_id"]]) for row in _rows("orders")),
            key=lambda order: (order.ordered_on, order.number),
        ),
    )


def _rows(table: str) -> Iterator[dict[str, str]]:
    text = (files(__package__) / "northwind" / f"{table}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _employee(row: Mapping[str, str]) -> Employee:
    return Employee(
        number=int(row["employee_id"]),
        name=f"{row['first_name']} {row['last_name']}",
        email=f"{row['first_name']}.{row['last_name']}@northwind.example".lower(),
        role=_ROLES[row["title"]],
        reports_to=int(row["reports_to"]) if row["reports_to"] else None,
        hired_on=date.fromisoformat(row["hire_date"]),
    )


def _product(row: Mapping[str, str], categories: Mapping[str, str]) -> Product:
    return Product(
        number=int(row["product_id"]),
        name=row["product_name"],
        category=categories[row["category_id"]],
        unit=row["quantity_per_unit"],
        price=Decimal(row["unit_price"]),
        in_stock=Decimal(row["units_in_stock"]),
        on_order=Decimal(row["units_on_order"]),
        discontinued=row["discontinued"] == "1",
    )


def _customer(row: Mapping[str, str]) -> Customer:
    return Customer(
        code=row["customer_id"],
        name=row["company_name"],
        contact=row["contact_name"],
        title=row["contact_title"],
        telephone=row["phone"],
        address=_address(row, ""),
    )


def _order(row: Mapping[str, str], carriers: Mapping[str, str], account: str, lines: Sequence[Line]) -> Order:
    return Order(
        number=int(row["order_id"]),
        customer=row["customer_id"],
        employee=int(row["employee_id"]),
        ordered_on=date.fromisoformat(row["order_date"]),
        required_on=date.fromisoformat(row["required_date"]),
        shipped_on=date.fromisoformat(row["shipped_date"]) if row["shipped_date"] else None,
        carrier=carriers[row["ship_via"]],
        freight=Decimal(row["freight"]),
        address=_address(row, "ship_", row["ship_name"] if row["ship_name"] != account else None),
        lines=tuple(lines),
    )


def _address(row: Mapping[str, str], prefix: str, name: str | None = None) -> Address:
    return Address(
        name=name,
        lines=[row[f"{prefix}address"]],
        city=row[f"{prefix}city"],
        region=row[f"{prefix}region"] or None,
        postal_code=row[f"{prefix}postal_code"] or None,
        country=_COUNTRIES[row[f"{prefix}country"]],
    )


def _moved(order: Order, by: timedelta) -> Order:
    return replace(
        order,
        ordered_on=order.ordered_on + by,
        required_on=order.required_on + by,
        shipped_on=order.shipped_on + by if order.shipped_on else None,
    )
