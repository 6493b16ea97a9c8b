"""Loads Northwind into an empty database, in one transaction: all of it is there, or nothing.

Master data, supply, opportunities and the 21 open orders go through the services, with the clock held at the time of
each; what was shipped is written as the services would have left it (`history`). The feed tells everything in the order
of its time.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.accounts.models import Account
from app.demo import master, open_orders, stock
from app.demo import northwind as source
from app.demo.agenda import Agenda
from app.demo.history import Chronicle, Known, compile_history, continue_numbers, touch_accounts, write_rows
from app.demo.master import Progress
from app.demo.northwind import CURRENCY, Northwind, sku_of
from app.demo.pipeline import CHANCES, Pipeline
from app.demo.timetable import Timetable
from app.kernel import clock
from app.kernel.company import Company
from app.kernel.db import Database, alone
from app.kernel.outbox import Origin
from app.kernel.settings import Settings
from app.leads.models import Lead
from app.opportunities.models import Opportunity
from app.orders.models import SHIPMENT_NUMBERS, Order
from app.products import service as products
from app.products.models import Product
from app.staff.models import StaffMember

ACTOR = "northwind"
"""Who caused the events of the demo."""


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
    opportunities: int = 0
    net_amount: Decimal = Decimal(0)
    freight: Decimal = Decimal(0)
    first_order_on: date | None = None
    last_order_on: date | None = None


async def is_empty(database: Database) -> bool:
    """Whether the database holds no business: neither staff nor products, accounts, leads, opportunities or orders."""
    async with database.read() as connection:
        return await _nothing_in(connection)


async def _nothing_in(reader: AsyncConnection | AsyncSession) -> bool:
    tables = (StaffMember, Product, Account, Lead, Opportunity, Order)
    found = await reader.execute(select(*(select(table.id).exists() for table in tables)))
    return not any(found.one())


async def load(database: Database, settings: Settings, progress: Progress) -> Summary:
    """Load Northwind, its dates moved so that its last order is of yesterday, or of the nearest day before.

    Loading it again adds nothing. What Northwind does not have, the demo states: see `agenda`, `master`, `pipeline`,
    `remedies`, `timetable`.

    Raises:
        DemoRefused: the company's currency is not Northwind's, or the database holds something else.

    """
    if settings.company_currency != CURRENCY:
        raise DemoRefused(f"Northwind's books are in {CURRENCY}: load it without BELLWETHER_COMPANY_CURRENCY")
    async with database.transaction() as session:
        session.info["origin"] = Origin(None, ACTOR)
        await alone(session, "demo")
        if await products.by_sku(session, skus=[sku_of(1)]):
            return Summary(loaded=False)
        if not await _nothing_in(session):
            raise DemoRefused("the database holds something already: load the demo into an empty one")
        company = Company.of(settings)
        northwind = source.read().as_of(company.today())
        return await _load(session, company=company, northwind=northwind, progress=progress)


async def _load(session: AsyncSession, *, company: Company, northwind: Northwind, progress: Progress) -> Summary:
    timetable = Timetable(northwind, company.timezone)
    with clock.at(timetable.morning(northwind.first_order_on - timedelta(days=1))):
        staff_ids = await master.add_staff(session, northwind)
        await master.add_assignment_rules(session, northwind, staff_ids)
        progress("staff", len(staff_ids), len(staff_ids))
        product_ids = await master.add_products(session, northwind)
        progress("products", len(product_ids), len(product_ids))
        price_list_id = await master.add_price_list(session, northwind)
        account_ids, contact_ids = await master.add_accounts(
            session, northwind, staff_ids=staff_ids, price_list_id=price_list_id, progress=progress
        )
        await stock.put_in_stock(session, northwind, product_ids)
    known = Known(staff_ids, product_ids, account_ids, contact_ids)

    to_ship = [order for order in northwind.orders if order.shipped_on is None]
    completed = len(northwind.orders) - len(to_ship)
    progress("completed orders", 0, completed)
    history = compile_history(northwind, known, timetable)
    await write_rows(session, history)
    await continue_numbers(session, SHIPMENT_NUMBERS, completed + 1)
    progress("completed orders", completed, completed)

    chronicle = Chronicle(session, history)
    pipeline = Pipeline(session, company=company, northwind=northwind, known=known, timetable=timetable)
    with clock.at(timetable.morning(northwind.prices_since)) as moment:
        await chronicle.until(moment)
        await master.set_prices(session, northwind, price_list_id)
    with clock.at(timetable.morning(to_ship[0].ordered_on)) as moment:
        await pipeline.until(moment, tell=chronicle.until)
        await chronicle.until(moment)
        await stock.announce_receipts(session, northwind)
    for done, order in enumerate(to_ship, start=1):
        await pipeline.until(timetable.taken(order), tell=chronicle.until)
        await chronicle.until(timetable.taken(order))
        await open_orders.take(
            session, company=company, northwind=northwind, known=known, timetable=timetable, order=order
        )
        progress("open orders", done, len(to_ship))
    await pipeline.until(tell=chronicle.until)
    await chronicle.until()
    agenda = Agenda(session, company=company, northwind=northwind, known=known, timetable=timetable)
    await agenda.arrange()
    await touch_accounts(session, history)
    await stock.count(session, northwind)
    return Summary(
        loaded=True,
        staff=len(staff_ids),
        products=len(product_ids),
        accounts=len(account_ids),
        completed=completed,
        confirmed=len(to_ship),
        opportunities=len(CHANCES),
        net_amount=sum((order.amount for order in northwind.orders), Decimal(0)),
        freight=sum((order.freight for order in northwind.orders), Decimal(0)),
        first_order_on=northwind.first_order_on,
        last_order_on=northwind.last_order_on,
    )
