"""Northwind in the database: its figures, what the open orders rest on, and that the past is as services leave it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Contact, PurchaseEntry
from app.accounts.repository import accounts as account_rows
from app.accounts.rules import AccountStatus
from app.accounts.schemas import AccountRead
from app.demo import northwind
from app.demo.history import evidence_of, list_price, number_of, price_reason
from app.demo.loader import ACTOR, DemoRefused, Summary, is_empty, load
from app.demo.northwind import Northwind, Order, sku_of
from app.demo.remedies import LATE, OVERRIDES, REMEDIES, Supply
from app.demo.timetable import Timetable
from app.kernel import clock, outbox
from app.kernel.company import Company
from app.kernel.db import Database
from app.kernel.outbox import Origin, OutboxEvent
from app.kernel.settings import Settings
from app.leads import service as leads
from app.leads.models import Lead
from app.leads.schemas import LeadCreate
from app.orders import capture, confirm, fulfilment
from app.orders.models import Order as OrderRow
from app.orders.models import OrderLine, OrderOverride, Shipment, ShipmentLine
from app.orders.repository import orders
from app.orders.rules import Channel, OrderStatus, ShipmentState
from app.orders.schemas import OrderCreate, OrderLineCreate, OrderRead
from app.products.models import Price, Product
from app.staff.models import StaffMember
from app.supply import service as supply
from app.supply.models import Receipt, Reservation, StockItem, StockMovement
from app.supply.promise import BasisKind
from tests import invariants
from tests.conftest import GivenUp, Live
from tests.demo.conftest import Loaded


@pytest.fixture(scope="module")
def company(settings: Settings) -> Company:
    return Company.of(settings)


@pytest.fixture(scope="module")
def moved(company: Company) -> Northwind:
    return northwind.read().as_of(company.today())


@pytest.fixture
async def tx(northwind_loaded: Loaded) -> AsyncIterator[AsyncSession]:
    """A session whose changes are rolled back."""
    with suppress(GivenUp):
        async with northwind_loaded.database.transaction() as session:
            yield session
            raise GivenUp


async def counts(database: Database) -> dict[str, int]:
    tables = (StaffMember, Product, Price, Account, Contact, OrderRow, OrderLine, Shipment, PurchaseEntry)
    rest = (StockItem, StockMovement, Receipt, Reservation, OrderOverride, OutboxEvent)
    async with database.read() as connection:
        return {
            table.__tablename__: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (*tables, *rest)
        }


async def test_all_that_must_hold_does(tx: AsyncSession, company: Company) -> None:
    await outbox.number(tx, limit=1_000_000)
    await invariants.check(tx, today=company.today())


async def test_figures(northwind_loaded: Loaded, tx: AsyncSession) -> None:
    summary = northwind_loaded.summary
    assert (summary.staff, summary.products, summary.accounts) == (9, 77, 91)
    assert (summary.completed, summary.confirmed) == (809, 21)
    sums = select(func.sum(OrderRow.net_amount), func.sum(OrderRow.freight), func.count())
    assert (await tx.execute(sums)).one() == (Decimal("1265793.29"), Decimal("64942.69"), 830)
    assert (await tx.execute(select(func.sum(OrderLine.amount)))).scalar_one() == Decimal("1265793.29")
    found = await counts(northwind_loaded.database)
    assert found | {"staff": 9, "products": 77, "accounts": 91, "orders": 830, "order_lines": 2155} == found
    assert (found["purchase_entries"], found["shipments"], found["prices"]) == (809, 809, 77)


async def test_new_leads_are_given_to_those_who_sell_where_they_come_from(tx: AsyncSession, company: Company) -> None:
    rows = [LeadCreate(source="fair", person_name=f"P {n}", country="DE") for n in range(50)]
    rows += [LeadCreate(source="fair", person_name=f"Q {n}", country=code) for n, code in enumerate(["US", "BR"] * 15)]
    await leads.capture_many(tx, rows=[*rows, LeadCreate(source="fair", person_name="R")], today=company.today())
    owner = select(StaffMember.name, func.count(Lead.id).label("leads")).join(Lead, Lead.owner_id == StaffMember.id)
    found = await tx.execute(owner.group_by(StaffMember.name))
    assert {row.name: row.leads for row in found} == {
        "Michael Suyama": 20, "Robert King": 20, "Anne Dodsworth": 10,
        "Nancy Davolio": 11, "Janet Leverling": 10, "Margaret Peacock": 10,
    }  # fmt: skip


async def test_progress_ends_complete(northwind_loaded: Loaded) -> None:
    last = {label: (done, total) for label, done, total in northwind_loaded.told}
    assert ("completed orders", 0, 809) in northwind_loaded.told
    assert last["accounts"] == (91, 91)
    assert last["open orders"] == (21, 21)
    assert all(done == total for done, total in last.values())


async def test_states(northwind_loaded: Loaded, tx: AsyncSession) -> None:
    states = select(OrderRow.status, OrderRow.shipment_state, OrderRow.open_to_ship, func.count())
    found = (await tx.execute(states.group_by(OrderRow.status, OrderRow.shipment_state, OrderRow.open_to_ship))).all()
    assert {tuple(row) for row in found} == {
        (OrderStatus.COMPLETED, ShipmentState.DELIVERED, False, 809),
        (OrderStatus.CONFIRMED, ShipmentState.NONE, True, 21),
    }


async def test_the_last_order_is_of_yesterday_or_the_nearest_day_before(tx: AsyncSession, company: Company) -> None:
    last = (await tx.execute(select(func.max(OrderRow.ordered_on)))).scalar_one()
    assert 1 <= (company.today() - last).days <= 7
    assert last.weekday() == 2  # as in Northwind: whole weeks
    latest = (await tx.execute(select(func.max(OutboxEvent.time)).where(OutboxEvent.type != "stock.counted"))).scalar()
    assert latest is not None
    assert clock.business_date(latest, company.timezone) == last


async def test_recorded_times_follow_the_business_dates(tx: AsyncSession) -> None:
    rows = (await tx.scalars(select(OrderRow))).all()
    for row in rows:
        assert row.created_at.date() == row.ordered_on
        assert row.confirmed_at is not None
        assert row.created_at < row.confirmed_at <= row.status_at
        assert row.received_at == row.created_at
        assert row.number.startswith(f"SO-{row.ordered_on.year}-0")
    shipments = (await tx.execute(select(Shipment.shipped_at, Shipment.delivered_at, Shipment.created_at))).all()
    for shipped, delivered, created in shipments:
        assert delivered is not None
        assert created == shipped < delivered


async def test_the_feed_is_in_the_order_of_time(tx: AsyncSession) -> None:
    times = (await tx.scalars(select(OutboxEvent.time).order_by(OutboxEvent.seq))).all()
    assert times == sorted(times)


async def test_the_purchase_record_is_what_was_completed(tx: AsyncSession) -> None:
    bought = select(PurchaseEntry.account_id, func.sum(PurchaseEntry.amount)).group_by(PurchaseEntry.account_id)
    completed = OrderRow.status == OrderStatus.COMPLETED
    ordered = select(OrderRow.account_id, func.sum(OrderRow.net_amount)).where(completed).group_by(OrderRow.account_id)
    assert set(await tx.execute(bought)) == set(await tx.execute(ordered))


async def test_exposure_is_what_is_open(tx: AsyncSession) -> None:
    for account in await tx.scalars(select(Account)):
        confirmed = OrderRow.account_id == account.id, OrderRow.status == OrderStatus.CONFIRMED
        open_orders = await tx.scalar(select(func.sum(OrderRow.base_amount)).where(*confirmed))
        assert account.open_exposure == (open_orders or 0)
        assert account.credit_limit is not None
        assert account.open_exposure <= account.credit_limit


async def test_accounts_that_never_ordered_are_prospects(tx: AsyncSession) -> None:
    prospects = await tx.scalars(select(Account.number).where(Account.status == AccountStatus.PROSPECT))
    assert set(prospects) == {"FISSA", "PARIS"}


async def test_what_the_open_orders_rest_on(tx: AsyncSession, moved: Northwind) -> None:
    """The table of remedies tells the truth: nothing else is needed, and each line rests on what it names."""
    rests = (
        select(OrderLine.sku, OrderLine.basis, Receipt.external_id, Receipt.source)
        .join(OrderRow, OrderRow.id == OrderLine.order_id)
        .outerjoin(Receipt, Receipt.id == OrderLine.basis_receipt_id)
        .where(OrderRow.status == OrderStatus.CONFIRMED, OrderLine.basis != BasisKind.STOCK)
    )
    found: dict[str, set[str]] = {}
    for sku, basis, external_id, source in (await tx.execute(rests)).all():
        found.setdefault(sku, set()).add(
            "production" if basis is BasisKind.PRODUCTION else external_id.removesuffix(f"-{sku}")
        )
        assert source == ("bellwether" if basis is BasisKind.PRODUCTION else "northwind")
    may_be = {
        Supply.PRODUCTION: {"production"},
        Supply.ON_ORDER: {"on-order"},
        Supply.FINAL_RUN: {"on-order", "final-run"},
    }
    assert set(found) <= {sku_of(number) for number in REMEDIES}
    for number, remedy in REMEDIES.items():
        assert found.get(sku_of(number), set()) <= may_be[remedy.supply], remedy
    by_stock_and_a_run = {"NW-024"}  # its last line finds 10 in stock, and the run of 10 by the day requested
    assert {sku_of(number) for number in REMEDIES} - set(found) <= by_stock_and_a_run


async def test_no_promise_exceeds_supply(tx: AsyncSession, company: Company) -> None:
    ids = list(await tx.scalars(select(Product.id)))
    ledgers = await supply.ledgers(tx, product_ids=ids, today=company.today())
    for ledger in ledgers.values():
        days = {day for day, _ in ledger.promised}
        for day in days:
            covered = ledger.on_hand + sum(receipt.quantity for receipt in ledger.receipts if receipt.due <= day)
            assert sum(quantity for promised, quantity in ledger.promised if promised <= day) <= covered


async def test_stock_and_units_on_order(tx: AsyncSession, moved: Northwind, company: Company) -> None:
    stock = select(Product.sku, StockItem.on_hand, StockItem.counted_quantity).join_from(Product, StockItem)
    in_stock = {each.sku: (each.in_stock, each.in_stock) for each in moved.products}
    assert {sku: (on_hand, counted) for sku, on_hand, counted in (await tx.execute(stock)).all()} == in_stock
    receipts = (await tx.scalars(select(Receipt).where(Receipt.source == "northwind"))).all()
    assert all(receipt.due_on > company.today() for receipt in receipts)
    on_order = sum(receipt.quantity for receipt in receipts if receipt.external_id.startswith("on-order"))
    assert on_order == sum(each.on_order for each in moved.products) == 780


async def test_overrides_have_a_reason_and_late_days_a_name(tx: AsyncSession) -> None:
    overrides = (await tx.scalars(select(OrderOverride))).all()
    assert {override.code for override in overrides} == set(OVERRIDES)
    assert all(override.reason == OVERRIDES[override.code] for override in overrides)  # type: ignore[index]
    agreed = select(OrderRow.number, OrderRow.dates_agreed_by).where(OrderRow.dates_agreed_by.is_not(None))
    assert [(int(number[8:]), by) for number, by in (await tx.execute(agreed)).all()] == [
        (number, "Roland Mendel") for number in LATE
    ]


async def test_it_reads_as_the_api_answers(tx: AsyncSession, company: Company) -> None:
    for order_id in await tx.scalars(select(OrderRow.id).order_by(OrderRow.ordered_on.desc()).limit(40)):
        OrderRead.model_validate_json((await orders.show(tx, order_id)).body)
    account_id = (await tx.execute(select(Account.id).where(Account.number == "ERNSH"))).scalar_one()
    shown = await account_rows.show_whole(tx, account_id, company=company)
    record = AccountRead.model_validate_json(shown.body).purchase_record
    assert (record.orders, record.first_order_on is not None, record.revenue_lifetime > 0) == (28, True, True)


async def test_the_next_numbers_follow(tx: AsyncSession) -> None:
    assert (await tx.execute(text("SELECT nextval('order_numbers'), nextval('shipment_numbers')"))).one() == (
        11078,
        810,
    )


async def test_loading_twice_adds_nothing(northwind_loaded: Loaded, settings: Settings) -> None:
    before = await counts(northwind_loaded.database)
    again = await load(northwind_loaded.database, settings, lambda *_: None)
    assert again == Summary(loaded=False)
    assert await counts(northwind_loaded.database) == before
    assert not await is_empty(northwind_loaded.database)


async def test_a_load_that_is_cut_off_leaves_nothing_and_can_be_repeated(live: Live, settings: Settings) -> None:
    """On a Wednesday, seven days after the last order, on the other side of the world, with holidays."""

    def cut(label: str, done: int, total: int) -> None:
        if (label, done) == ("open orders", 1):
            raise KeyboardInterrupt

    there = settings.model_copy(update={"company_timezone": "Pacific/Auckland", "company_country": "NZ"})
    with clock.at(datetime(2028, 2, 29, 20, tzinfo=UTC)):  # the first of March there
        assert await is_empty(live.database)
        with pytest.raises(KeyboardInterrupt):
            await load(live.database, there, cut)
        assert await is_empty(live.database)
        assert set((await counts(live.database)).values()) == {0}
        summary = await load(live.database, there, lambda *_: None)
    assert (summary.loaded, summary.last_order_on) == (True, date(2028, 2, 23))


async def test_another_currency_and_other_business_are_refused(live: Live, settings: Settings) -> None:
    with pytest.raises(DemoRefused, match="USD"):
        await load(live.database, settings.model_copy(update={"company_currency": "EUR"}), lambda *_: None)
    async with live.database.transaction() as session:
        session.add(Lead(source="website", company="Lunds Delikatesser"))
    with pytest.raises(DemoRefused, match="empty"):
        await load(live.database, settings, lambda *_: None)


# A version counts how often a row was written, which is more often than anything happened to it.
_DIFFERENT = {"version", "id", "order_id", "shipment_id", "order_line_id", "number", "order_number", "shipment_number"}
_UNCHECKED = {"checked_at", "findings"}  # nobody checked Northwind's orders; what confirming found, is not invented


def plain(values: Any) -> Any:
    """Values without what differs between two of a kind."""
    if isinstance(values, dict):
        return {name: plain(value) for name, value in values.items() if name not in _DIFFERENT}
    return [plain(value) for value in values] if isinstance(values, list) else values


async def left_by(session: AsyncSession, order: OrderRow) -> list[Any]:
    """All that an order left in the database, in a form that two orders can be compared in."""

    async def rows(table: type[Any], *conditions: Any, by: Any) -> list[dict[str, Any]]:
        found = await session.scalars(
            select(table).where(*conditions).order_by(by).execution_options(populate_existing=True)
        )
        return [plain({column.key: getattr(row, column.key) for column in table.__table__.columns}) for row in found]

    shipment_ids = select(Shipment.id).where(Shipment.order_id == order.id)
    events = await session.execute(
        select(OutboxEvent.type, OutboxEvent.time, OutboxEvent.actor, OutboxEvent.data)
        .where(
            (OutboxEvent.subject_id == order.id) | (OutboxEvent.data["order_id"].astext == str(order.id)),
        )
        .order_by(OutboxEvent.seq)
    )
    head = (await rows(OrderRow, OrderRow.id == order.id, by=OrderRow.id))[0]
    return [
        {name: value for name, value in head.items() if name not in _UNCHECKED},
        await rows(OrderLine, OrderLine.order_id == order.id, by=OrderLine.line_no),
        await rows(Shipment, Shipment.order_id == order.id, by=Shipment.id),
        await rows(ShipmentLine, ShipmentLine.shipment_id.in_(shipment_ids), by=ShipmentLine.line_no),
        await rows(PurchaseEntry, PurchaseEntry.order_id == order.id, by=PurchaseEntry.id),
        await rows(StockMovement, StockMovement.order_id == order.id, by=StockMovement.product_id),
        [(kind, at, actor, plain(data)) for kind, at, actor, data in events],
    ]


async def act_out(
    session: AsyncSession, order: Order, as_loaded: OrderRow, company: Company, moved: Northwind
) -> OrderRow:
    """The same order once more, by the services, at the same times."""
    times = Timetable(moved, company.timezone)
    assert order.shipped_on is not None
    lines = [
        OrderLineCreate(
            sku=sku_of(line.product),
            quantity=line.quantity,
            requested_on=order.required_on,
            unit_price=None if listed == line.price else line.price,
            discount=line.discount,
            price_reason=price_reason(line, listed),
        )
        for line in order.lines
        for listed in [list_price(moved, order, line)]
    ]
    body = OrderCreate(
        account_id=as_loaded.account_id,
        contact_id=as_loaded.contact_id,
        channel=Channel.TELEPHONE,
        evidence_reference=evidence_of(order),
        taken_by_id=as_loaded.taken_by_id,
        delivery_address=order.address,
        freight=order.freight,
        lines=lines,
    )
    with clock.at(times.taken(order)):
        row = await capture.create(session, company=company, body=body)
        await session.flush()
    with clock.at(times.confirmed(order)):
        await confirm.confirm(session, company=company, order_id=row.id, expected=row.version, agreed_by=None)
        await session.flush()
    with clock.at(times.shipped(order.shipped_on)):
        shipment = await fulfilment.ship(
            session, company=company, order_id=row.id, wanted=None, carrier=order.carrier, tracking_number=None,
            shipped_at=None,
        )  # fmt: skip
        await session.flush()
    with clock.at(times.delivered(order.shipped_on)):
        await fulfilment.deliver(
            session, company=company, order_id=row.id, shipment_id=shipment.id, delivered_at=None, received_by=None
        )
        await session.flush()
    return row


async def test_the_past_is_as_the_services_would_have_left_it(
    tx: AsyncSession, company: Company, moved: Northwind
) -> None:
    """Orders that need no override, acted out anew with plenty of stock, leave the same rows and events."""
    tx.info["origin"] = Origin(None, ACTOR)
    await tx.execute(update(StockItem).values(on_hand=100_000, counted_at=None))
    await tx.execute(update(Account).values(credit_limit=None))
    discontinued = {each.number for each in moved.products if each.discontinued}
    plain_ones = [
        order
        for order in moved.orders
        if order.shipped_on
        and not any(line.product in discontinued or line.discount > Decimal("0.1") for line in order.lines)
    ]
    sample = [*plain_ones[::60], *plain_ones[-3:]]
    assert len(sample) > 10
    for order in sample:
        as_loaded = (await tx.execute(select(OrderRow).where(OrderRow.number == number_of(order)))).scalar_one()
        again = await act_out(tx, order, as_loaded, company, moved)
        expected, found = await left_by(tx, again), await left_by(tx, as_loaded)
        for part, (left, would_be) in enumerate(zip(found, expected, strict=True)):
            assert left == would_be, f"part {part} of {order.number}"


def test_opening_is_before_everything(moved: Northwind, company: Company) -> None:
    times = Timetable(moved, company.timezone)
    assert all(times.taken(order) > times.morning(moved.first_order_on - timedelta(days=1)) for order in moved.orders)
