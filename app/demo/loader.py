"""Loads Northwind into an empty database, in one transaction: all of it is there, or nothing.

Master data, supply and the 21 open orders go through the services, with the clock held at the time of each; what was
shipped is written as the services would have left it (`history`). The feed tells everything in its order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus, AccountType
from app.demo import northwind as source
from app.demo.history import (
    Chronicle,
    Known,
    Timetable,
    compile_history,
    evidence_of,
    number_of,
    price_reason,
    touch_accounts,
    write_rows,
)
from app.demo.northwind import CURRENCY, Customer, Northwind, Order, Product, sku_of
from app.demo.remedies import LATE, ON_ORDER_DUE, OVERRIDES, PRODUCTION_DAYS, REMEDIES
from app.kernel import bulk, clock
from app.kernel.company import Company
from app.kernel.db import Database
from app.kernel.outbox import Origin
from app.kernel.settings import Settings
from app.leads.models import Lead
from app.orders import capture, confirm, review
from app.orders.check import standing_in_the_way
from app.orders.models import ORDER_NUMBERS, SHIPMENT_NUMBERS, OrderLine
from app.orders.models import Order as OrderRow
from app.orders.rules import Channel
from app.orders.schemas import OrderCreate, OrderLineCreate
from app.products import service as products
from app.products.models import Product as ProductRow
from app.products.rules import ProductStatus
from app.products.schemas import PriceListCreate, PriceRow, ProductCreate
from app.staff import service as staff
from app.staff.models import StaffMember
from app.staff.schemas import StaffCreate
from app.supply import counting, receiving
from app.supply.models import StockItem
from app.supply.rules import ReceiptStatus
from app.supply.schemas import ReceiptUpsert, StockCount

SOURCE = "northwind"
Progress = Callable[[str, int, int], None]
"""Told what is loaded, how much of it is done, and how much there is."""

_LEAST_CREDIT = Decimal(5000)
_PAYMENT_DAYS = 30


class DemoRefused(Exception):  # noqa: N818 - names the state it reports
    """The demo cannot be loaded here; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was loaded; `loaded` is False when all of it was there before, and nothing was added."""

    loaded: bool
    staff: int = 0
    products: int = 0
    accounts: int = 0
    completed: int = 0
    confirmed: int = 0
    net_amount: Decimal = Decimal(0)
    freight: Decimal = Decimal(0)
    first_order_on: date | None = None
    last_order_on: date | None = None


async def is_empty(database: Database) -> bool:
    """Whether the database holds no business at all: neither staff nor products, accounts, leads or orders."""
    tables = (StaffMember, ProductRow, Account, Lead, OrderRow)
    async with database.read() as connection:
        rows = await connection.execute(select(*(select(table.id).exists() for table in tables)))
        return not any(rows.one())


async def load(database: Database, settings: Settings, progress: Progress) -> Summary:
    """Load Northwind, its dates moved so that its last order is of yesterday, or of the nearest day before.

    Loading it again adds nothing. Figures that Northwind does not have, the demo states: each account's credit limit is
    twice its largest order, rounded up to a thousand and at least 5,000; payment is due after 30 days; the owner is who
    took most of its orders; stock is counted now; see `remedies` for the rest.

    Raises:
        DemoRefused: the company's currency is not Northwind's.

    """
    if settings.company_currency != CURRENCY:
        raise DemoRefused(f"Northwind's books are in {CURRENCY}: load it without BELLWETHER_COMPANY_CURRENCY")
    async with database.transaction() as session:
        session.info["origin"] = Origin(None, SOURCE)
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(literal("demo")))))
        if await products.by_sku(session, skus=[sku_of(1)]):
            return Summary(loaded=False)
        company = Company.of(settings)
        northwind = source.read().as_of(company.today())
        return await _Loading(session, company, northwind, progress).run()


class _Loading:
    """The transaction of one load."""

    def __init__(self, session: AsyncSession, company: Company, northwind: Northwind, progress: Progress) -> None:
        self.session, self.company, self.northwind, self.progress = session, company, northwind, progress
        self.timetable = Timetable(northwind, company.timezone)
        self.opening = self.timetable.at(northwind.first_order_on - timedelta(days=1), 8)

    async def run(self) -> Summary:
        with clock.at(self.opening):
            staff_ids = await self._staff()
            product_ids = await self._products()
            price_list_id = await self._price_list()
            account_ids, contact_ids = await self._accounts(staff_ids, price_list_id)
            await self._stock(product_ids)
        known = Known(staff_ids, product_ids, account_ids, contact_ids)
        open_orders = [order for order in self.northwind.orders if order.shipped_on is None]
        self.progress("completed orders", 0, len(self.northwind.orders) - len(open_orders))
        history = compile_history(self.northwind, known, self.timetable)
        await write_rows(self.session, history)
        await self._continue(SHIPMENT_NUMBERS, history.shipments + 1)
        chronicle = Chronicle(self.session, history)
        self.progress("completed orders", history.shipments, history.shipments)

        with self._morning(self.northwind.prices_since) as moment:
            await chronicle.until(moment)
            await self._prices(price_list_id)
        with self._morning(open_orders[0].ordered_on) as moment:
            await chronicle.until(moment)
            await self._receipts()
        for done, order in enumerate(open_orders, start=1):
            await chronicle.until(self.timetable.taken(order))
            await self._open_order(order, known)
            self.progress("open orders", done, len(open_orders))
        await chronicle.until()
        await touch_accounts(self.session, history)
        await self._count()
        return Summary(
            loaded=True,
            staff=len(staff_ids),
            products=len(product_ids),
            accounts=len(account_ids),
            completed=history.shipments,
            confirmed=len(open_orders),
            net_amount=sum((order.amount for order in self.northwind.orders), Decimal(0)),
            freight=sum((order.freight for order in self.northwind.orders), Decimal(0)),
            first_order_on=self.northwind.first_order_on,
            last_order_on=self.northwind.last_order_on,
        )

    @contextmanager
    def _morning(self, day: date) -> Iterator[datetime]:
        with clock.at(self.timetable.at(day, 8)) as moment:
            yield moment

    async def _staff(self) -> dict[int, UUID]:
        ids: dict[int, UUID] = {}
        waiting = list(self.northwind.employees)
        while waiting:  # managers before those who report to them
            ready = [each for each in waiting if each.reports_to is None or each.reports_to in ids]
            for each in ready:
                body = StaffCreate(
                    name=each.name,
                    email=each.email,
                    role=each.role,
                    reports_to_id=ids[each.reports_to] if each.reports_to else None,
                    active_from=each.hired_on,
                )
                ids[each.number] = (await staff.create(self.session, body=body)).id
            await self.session.flush()
            waiting = [each for each in waiting if each.number not in ids]
        self.progress("staff", len(ids), len(ids))
        return ids

    async def _products(self) -> dict[int, UUID]:
        rows = [_product(each) for each in self.northwind.products]
        await products.upsert(self.session, rows=rows)
        found = await products.by_sku(self.session, skus=[row.sku for row in rows])
        self.progress("products", len(found), len(rows))
        return {each.number: found[each.sku].id for each in self.northwind.products}

    async def _price_list(self) -> UUID:
        body = PriceListCreate(
            code="NORTHWIND",
            name="Northwind's list prices",
            currency=CURRENCY,
            is_default=True,
            valid_from=self.northwind.first_order_on,
        )
        price_list = await products.create_price_list(self.session, body=body)
        await self.session.flush()
        return price_list.id

    async def _prices(self, price_list_id: UUID) -> None:
        valid_from = self.northwind.prices_since
        rows = [
            PriceRow(sku=each.sku, unit_price=each.price, valid_from=valid_from) for each in self.northwind.products
        ]
        await products.upsert_prices(self.session, price_list_id=price_list_id, rows=rows)

    async def _accounts(
        self, staff_ids: dict[int, UUID], price_list_id: UUID
    ) -> tuple[dict[str, UUID], dict[str, UUID]]:
        customers = self.northwind.customers
        account_ids: dict[str, UUID] = {}
        contact_ids: dict[str, UUID] = {}
        for done, customer in enumerate(customers, start=1):
            account = _account(customer, self.northwind.largest.get(customer.code))
            owner = self.northwind.owners.get(customer.code)
            account.owner_id = staff_ids[owner] if owner else None
            account.price_list_id = price_list_id
            account_ids[customer.code] = (await accounts.create_account(self.session, account=account)).id
            contact = Contact(
                account_id=account.id,
                name=customer.contact,
                job_title=customer.title,
                telephone=customer.telephone,
                decision_maker=customer.decides,
            )
            contact_ids[customer.code] = (await accounts.create_contact(self.session, contact=contact)).id
            self.progress("accounts", done, len(customers))
        await self.session.flush()
        return account_ids, contact_ids

    async def _stock(self, product_ids: dict[int, UUID]) -> None:
        """What the open orders are promised from; it is counted, with the same figures, when all is loaded."""
        rows = [
            {
                "product_id": product_ids[each.number],
                "on_hand": each.in_stock,
                "version": 1,
                "updated_at": clock.now(),
            }
            for each in self.northwind.products
        ]
        await self.session.execute(bulk.insert_all(StockItem, rows))

    async def _receipts(self) -> None:
        rows = [
            ReceiptUpsert(
                source=SOURCE,
                external_id=f"on-order-{each.sku}",
                sku=each.sku,
                quantity=each.on_order,
                due_on=self.northwind.day(ON_ORDER_DUE[each.number % len(ON_ORDER_DUE)]),
                status=ReceiptStatus.CONFIRMED,
            )
            for each in self.northwind.products
            if each.on_order
        ]
        rows += [
            ReceiptUpsert(
                source=SOURCE,
                external_id=f"final-run-{sku_of(number)}",
                sku=sku_of(number),
                quantity=remedy.quantity,
                due_on=self.northwind.day(remedy.due_on),
                status=ReceiptStatus.CONFIRMED,
            )
            for number, remedy in REMEDIES.items()
            if remedy.due_on is not None
        ]
        await receiving.receive(self.session, rows=rows)

    async def _count(self) -> None:
        now = clock.now()
        rows = [StockCount(sku=each.sku, quantity=each.in_stock, counted_at=now) for each in self.northwind.products]
        await counting.count(self.session, rows=rows)
        self.progress("stock", len(rows), len(rows))

    async def _open_order(self, order: Order, known: Known) -> None:
        """Take, check, override and confirm one order, as order administration would."""
        session, company = self.session, self.company
        with clock.at(self.timetable.taken(order)):
            await self._continue(ORDER_NUMBERS, order.number)
            row = await capture.create(session, company=company, body=_order(order, known, self.northwind))
            await session.flush()
            if row.number != number_of(order):
                raise RuntimeError(f"Northwind's order {order.number} became {row.number}")
        with clock.at(self.timetable.confirmed(order)):
            account = await session.get_one(Account, row.account_id)
            lines = (
                await session.scalars(select(OrderLine).where(OrderLine.order_id == row.id).order_by(OrderLine.line_no))
            ).all()
            reviewed = await review.review(session, company=company, order=row, lines=lines, account=account)
            for finding in standing_in_the_way(reviewed.findings):
                await review.override(
                    session,
                    company=company,
                    order=row,
                    lines=lines,
                    account=account,
                    code=finding.code,
                    line_no=finding.line_no,
                    reason=OVERRIDES[finding.code],
                )
            await session.flush()
            agreed_by = self._contact(order.customer) if order.number in LATE else None
            await confirm.confirm(session, company=company, order_id=row.id, expected=row.version, agreed_by=agreed_by)
            await session.flush()

    def _contact(self, customer: str) -> str:
        return next(each.contact for each in self.northwind.customers if each.code == customer)

    async def _continue(self, sequence: object, value: int) -> None:
        """Let the next number of a sequence be this one."""
        await self.session.execute(select(func.setval(literal(sequence.name), value, False)))  # type: ignore[attr-defined]


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
    """Northwind's customers sell food on, in shops and restaurants; two have never ordered."""
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


def _order(order: Order, known: Known, northwind: Northwind) -> OrderCreate:
    return OrderCreate(
        account_id=known.accounts[order.customer],
        contact_id=known.contacts[order.customer],
        channel=Channel.TELEPHONE,
        evidence_reference=evidence_of(order),
        taken_by_id=known.staff[order.employee],
        delivery_address=order.address,
        freight=order.freight,
        lines=[
            OrderLineCreate(
                sku=sku_of(line.product),
                quantity=line.quantity,
                requested_on=order.required_on,
                discount=line.discount,
                price_reason=price_reason(line, northwind.prices[line.product]),
            )
            for line in order.lines
        ],
    )
