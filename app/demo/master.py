"""Northwind's people, products, prices and customers, through the services.

What Northwind does not have: each account's credit limit is twice its largest order, rounded up to a thousand and at
least 5,000; payment is due after 30 days; the owner is who took most of its orders. Customers sell food on, in shops
and restaurants. New leads from Europe go to the representatives in London, those from America to those in Seattle, and
all others to all of them in turn; who came last takes half as many.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus, AccountType
from app.demo.northwind import CURRENCY, Customer, Northwind, Product
from app.demo.remedies import PRODUCTION_DAYS
from app.leads import assignment_service
from app.leads.assignment_schemas import LeadAssignmentRuleCreate
from app.products import service as products
from app.products.rules import ProductStatus
from app.products.schemas import PriceListCreate, PriceRow, ProductCreate
from app.staff import service as staff
from app.staff.rules import Role
from app.staff.schemas import StaffCreate

Progress = Callable[[str, int, int], None]
"""Told what is loaded, how much of it is done, and how much there is."""

_LEAST_CREDIT = Decimal(5000)
_PAYMENT_DAYS = 30
_SALES_MANAGER = 5  # Steven Buchanan, to whom London reports
_EUROPE = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905 - easier to read
_AMERICA = "AR BO BR CA CL CO CR EC GT HN MX NI PA PE PY SV US UY VE".split()  # noqa: SIM905 - easier to read


async def add_staff(session: AsyncSession, northwind: Northwind) -> dict[int, UUID]:
    """The staff, managers before those who report to them; their ids by number."""
    ids: dict[int, UUID] = {}
    waiting = list(northwind.employees)
    latest = max(each.hired_on for each in waiting)
    while waiting:
        for each in [each for each in waiting if each.reports_to is None or each.reports_to in ids]:
            body = StaffCreate(
                name=each.name,
                email=each.email,
                role=each.role,
                reports_to_id=ids[each.reports_to] if each.reports_to else None,
                active_from=each.hired_on,
                capacity=Decimal("0.5") if each.hired_on == latest else Decimal(1),
            )
            ids[each.number] = (await staff.create(session, body=body)).id
        await session.flush()
        waiting = [each for each in waiting if each.number not in ids]
    return ids


async def add_assignment_rules(session: AsyncSession, northwind: Northwind, staff_ids: Mapping[int, UUID]) -> None:
    """The rules by which new leads are given to the representatives."""
    sellers = [each for each in northwind.employees if each.role is Role.REPRESENTATIVE]
    london = [staff_ids[each.number] for each in sellers if each.reports_to == _SALES_MANAGER]
    seattle = [staff_ids[each.number] for each in sellers if each.reports_to != _SALES_MANAGER]
    rules: tuple[tuple[str, list[str], list[UUID]], ...]
    rules = (("Europe", _EUROPE, london), ("America", _AMERICA, seattle), ("Everywhere else", [], seattle + london))
    for position, (name, countries, members) in enumerate(rules, start=1):
        body = LeadAssignmentRuleCreate(name=name, position=10 * position, countries=countries, members=members)
        await assignment_service.create_rule(session, body=body)


async def add_products(session: AsyncSession, northwind: Northwind) -> dict[int, UUID]:
    """The products; their ids by number."""
    rows = [_product(each) for each in northwind.products]
    await products.upsert(session, rows=rows)
    found = await products.by_sku(session, skus=[row.sku for row in rows])
    return {each.number: found[each.sku].id for each in northwind.products}


async def add_price_list(session: AsyncSession, northwind: Northwind) -> UUID:
    """The default price list, without prices yet."""
    body = PriceListCreate(
        code="NORTHWIND",
        name="Northwind's list prices",
        currency=CURRENCY,
        is_default=True,
        valid_from=northwind.first_order_on,
    )
    price_list = await products.create_price_list(session, body=body)
    await session.flush()
    return price_list.id


async def set_prices(session: AsyncSession, northwind: Northwind, price_list_id: UUID) -> None:
    """The prices of today, from the day on which all orders are at them."""
    since = northwind.prices_since
    rows = [PriceRow(sku=each.sku, unit_price=each.price, valid_from=since) for each in northwind.products]
    await products.upsert_prices(session, price_list_id=price_list_id, rows=rows)


async def add_accounts(
    session: AsyncSession,
    northwind: Northwind,
    *,
    staff_ids: Mapping[int, UUID],
    price_list_id: UUID,
    progress: Progress,
) -> tuple[dict[str, UUID], dict[str, UUID]]:
    """The accounts, each with its contact; the ids of both by customer."""
    account_ids: dict[str, UUID] = {}
    contact_ids: dict[str, UUID] = {}
    for done, customer in enumerate(northwind.customers, start=1):
        account = _account(customer, northwind.largest.get(customer.code))
        owner = northwind.owners.get(customer.code)
        account.owner_id = staff_ids[owner] if owner else None
        account.price_list_id = price_list_id
        account_ids[customer.code] = (await accounts.create_account(session, account=account)).id
        contact = Contact(
            account_id=account.id,
            name=customer.contact,
            job_title=customer.title,
            telephone=customer.telephone,
            decision_maker=customer.decides,
        )
        contact_ids[customer.code] = (await accounts.create_contact(session, contact=contact)).id
        progress("accounts", done, len(northwind.customers))
    await session.flush()
    return account_ids, contact_ids


def _product(each: Product) -> ProductCreate:
    return ProductCreate(
        sku=each.sku,
        name=each.name,
        category=each.category,
        unit=each.unit,
        status=ProductStatus.DISCONTINUED if each.discontinued else ProductStatus.ACTIVE,
        production_days=None if each.discontinued else PRODUCTION_DAYS[each.category],
    )


def _account(customer: Customer, largest_order: Decimal | None) -> Account:
    limit = (2 * (largest_order or Decimal(0)) / 1000).to_integral_value(ROUND_CEILING) * 1000
    address = customer.address.model_dump(mode="json")
    return Account(
        number=customer.code,
        name=customer.name,
        type=AccountType.RESELLER,
        status=AccountStatus.PROSPECT if largest_order is None else AccountStatus.ACTIVE,
        telephone=customer.telephone,
        billing_address=address,
        delivery_address=address,
        currency=CURRENCY,
        payment_terms_days=_PAYMENT_DAYS,
        credit_limit=max(limit, _LEAST_CREDIT),
    )
