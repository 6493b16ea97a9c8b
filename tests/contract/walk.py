"""The main job, walked by a program of another team: it knows the generated client and nothing else of us.

`test_generated_client.py` generates `bellwether_client` from the API description, has mypy check it and this walk
together, and runs the walk against the running service.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from bellwether_client import AuthenticatedClient
from bellwether_client.api.accounts import accounts_purchase_record
from bellwether_client.api.events import events_list
from bellwether_client.api.leads import leads_convert, leads_create, leads_get, leads_qualify, leads_record_activity
from bellwether_client.api.orders import (
    orders_check,
    orders_confirm,
    orders_create,
    orders_deliver,
    orders_get,
    orders_history,
    orders_list,
    orders_promise,
    orders_ship,
    orders_update,
)
from bellwether_client.api.price_lists import price_lists_create, price_lists_upsert_prices
from bellwether_client.api.production import production_requirements
from bellwether_client.api.products import products_create
from bellwether_client.api.receipts import receipts_create
from bellwether_client.api.staff import staff_create
from bellwether_client.api.stock import stock_count
from bellwether_client.models import (
    ActivityCreate,
    ActivityKind,
    ActivityOutcome,
    Address,
    Authority,
    BasisKind,
    Budget,
    CaptureOutcome,
    Channel,
    ConfirmCreate,
    ConsentChannel,
    ConsentCreate,
    ConsentPurpose,
    DeliveryCreate,
    Direction,
    Intention,
    Interest,
    LeadConvert,
    LeadCreate,
    LeadQualify,
    LeadStatus,
    NewAccount,
    OrderConfirmedEvent,
    OrderCreate,
    OrderLineCreate,
    OrdersHistorySort,
    OrdersListSort,
    OrderStatus,
    OrderUpdate,
    Outcome,
    PriceBulk,
    PriceListCreate,
    PriceRow,
    Problem,
    ProductCreate,
    ReceiptStatus,
    ReceiptUpsert,
    Role,
    ShipmentCreate,
    ShipmentState,
    StaffCreate,
    StockCount,
)
from bellwether_client.types import Response

T = TypeVar("T")


def parsed(response: Response[T | Problem], status: int = 200) -> T:
    """What was asked for, or the problem said aloud."""
    assert response.parsed is not None, response.status_code
    assert not isinstance(response.parsed, Problem), response.parsed
    assert response.status_code == status, response.status_code
    return response.parsed


def walk(url: str, token: str, mark: str) -> None:
    """From a lead to a delivered order, all of whose names end in `mark`."""
    client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)
    now = datetime.now(UTC)
    sku = f"TEA-{mark}"

    seller = parsed(
        staff_create.sync_detailed(
            client=client,
            body=StaffCreate(
                name="Nancy Davolio",
                email=f"nancy-{mark}@example.com",
                role=Role.REPRESENTATIVE,
                active_from=now.date(),
            ),
        ),
        201,
    )
    _offer(client, sku, mark, now)

    account_id, lead_id = _win(client, sku, mark, seller.id)

    taken = orders_create.sync_detailed(
        client=client,
        idempotency_key=f"order-{mark}",
        body=OrderCreate(
            account_id=account_id,
            lead_id=lead_id,
            channel=Channel.TELEPHONE,
            taken_by_id=seller.id,
            evidence_reference="call at noon",
            currency="USD",
            delivery_address=Address(country="DE", lines=["Obere Str. 57"], city="Berlin", postal_code="12209"),
            lines=[OrderLineCreate(sku=sku, quantity="20", requested_on=now.date())],
        ),
    )
    order = parsed(taken, 201)
    assert (order.status, order.net_amount) == (OrderStatus.DRAFT, "360.00")
    changed = orders_update.sync_detailed(
        order.id, client=client, if_match=taken.headers["ETag"], body=OrderUpdate(notes="ring twice")
    )
    assert parsed(changed).lines[0].requested_on == now.date()
    stale = orders_update.sync_detailed(
        order.id, client=client, if_match=taken.headers["ETag"], body=OrderUpdate(notes="ring thrice")
    )
    assert isinstance(stale.parsed, Problem)
    assert stale.status_code == 412

    checked = orders_check.sync_detailed(order.id, client=client)
    assert [finding for finding in parsed(checked).findings if finding.severity == "blocking"] == []
    promise = parsed(orders_promise.sync_detailed(order.id, client=client))
    assert promise.lines[0].basis is BasisKind.RECEIPT, promise
    assert promise.lines[0].promised_on == now.date() + timedelta(days=12)
    confirmed = orders_confirm.sync_detailed(
        order.id,
        client=client,
        if_match=checked.headers["ETag"],
        body=ConfirmCreate(accept_dates=True, agreed_by="Ms Anders"),
    )
    assert parsed(confirmed).status is OrderStatus.CONFIRMED

    needs = parsed(production_requirements.sync_detailed(client=client, sku=sku))
    assert [(need.quantity, need.lines[0].order_number) for need in needs.data] == [("20", order.number)]
    _receive(client, sku, mark, now, ReceiptStatus.RECEIVED, expected=200)

    waiting = parsed(
        orders_list.sync_detailed(
            client=client, open_to_ship=True, account_id=account_id, sort=OrdersListSort.DUE_ON, limit=1
        )
    )
    assert [(each.id, each.open_to_ship) for each in waiting.data] == [(order.id, True)]
    shipment = parsed(
        orders_ship.sync_detailed(
            order.id, client=client, body=ShipmentCreate(carrier="Speedy Express", tracking_number="SE-1")
        ),
        201,
    )
    parsed(
        orders_deliver.sync_detailed(
            order.id, shipment.id, client=client, body=DeliveryCreate(received_by="Maria Anders")
        )
    )
    done = parsed(orders_get.sync_detailed(order.id, client=client))
    assert (done.status, done.shipment_state) == (OrderStatus.COMPLETED, ShipmentState.DELIVERED)

    record = parsed(accounts_purchase_record.sync_detailed(account_id, client=client))
    assert (record.orders, record.revenue_lifetime, record.currency) == (1, "360.00", "USD")

    feed = parsed(events_list.sync_detailed(client=client, subject=f"orders/{order.id}", limit=100))
    (event,) = [each for each in feed.data if isinstance(each, OrderConfirmedEvent)]
    assert event.data.lines[0].sku == sku
    history = parsed(orders_history.sync_detailed(order.id, client=client, sort=OrdersHistorySort.TIME))
    assert [each.id for each in history.data] == [each.id for each in feed.data]
    assert history.data[-1].type_ == "order.completed"


def _offer(client: AuthenticatedClient, sku: str, mark: str, now: datetime) -> None:
    """A product with a price, 8 in stock, and 50 due on the twelfth day."""
    parsed(products_create.sync_detailed(client=client, body=ProductCreate(sku=sku, name="Tea")), 201)
    prices = parsed(
        price_lists_create.sync_detailed(
            client=client,
            body=PriceListCreate(
                code=f"RETAIL-{mark}", name="Retail", currency="USD", valid_from=now.date(), is_default=True
            ),
        ),
        201,
    )
    priced = parsed(
        price_lists_upsert_prices.sync_detailed(
            prices.id,
            client=client,
            body=PriceBulk(prices=[PriceRow(sku=sku, unit_price="18.00", valid_from=now.date())]),
        )
    )
    assert [row.status for row in priced.data] == [Outcome.CREATED]
    parsed(stock_count.sync_detailed(client=client, body=StockCount(sku=sku, quantity="8", counted_at=now)))
    _receive(client, sku, mark, now, ReceiptStatus.CONFIRMED, expected=201)


def _receive(
    client: AuthenticatedClient, sku: str, mark: str, now: datetime, status: ReceiptStatus, *, expected: int
) -> None:
    told = receipts_create.sync_detailed(
        client=client,
        body=ReceiptUpsert(
            source="plant",
            external_id=f"WO-{mark}",
            sku=sku,
            quantity="50",
            due_on=now.date() + timedelta(days=12),
            status=status,
        ),
    )
    assert parsed(told, expected).status is status


def _win(client: AuthenticatedClient, sku: str, mark: str, seller_id: UUID) -> tuple[UUID, UUID]:
    """Capture a lead, talk to it, qualify and convert it; returns the account and the lead."""
    form = LeadCreate(
        source="website",
        external_id=f"form-{mark}",
        campaign="SPRING-26",
        person_name="Maria Anders",
        company=f"Alfreds Futterkiste {mark}",
        email=f"maria-{mark}@example.com",
        telephone="030 0074321",
        country="DE",
        product_skus=[sku],
        estimated_value="400.00",
        estimated_currency="USD",
        consents=[ConsentCreate(purpose=ConsentPurpose.MARKETING, channel=ConsentChannel.EMAIL, granted=True)],
    )
    captured = parsed(leads_create.sync_detailed(client=client, body=form), 201)
    assert captured.result is CaptureOutcome.CREATED
    again = parsed(leads_create.sync_detailed(client=client, body=form))
    assert (again.result, again.lead.id) == (CaptureOutcome.UNCHANGED, captured.lead.id)

    lead_id = captured.lead.id
    parsed(
        leads_record_activity.sync_detailed(
            lead_id,
            client=client,
            body=ActivityCreate(
                kind=ActivityKind.CALL,
                direction=Direction.OUTBOUND,
                subject="Spring assortment",
                outcome=ActivityOutcome.REACHED,
                by_id=seller_id,
            ),
        ),
        201,
    )
    contacted = leads_get.sync_detailed(lead_id, client=client)
    assert parsed(contacted).status is LeadStatus.CONTACTED
    qualified = leads_qualify.sync_detailed(
        lead_id,
        client=client,
        if_match=contacted.headers["ETag"],
        body=LeadQualify(
            interest_level=Interest.STRONG,
            intention=Intention.INTENDS,
            horizon_months=1,
            budget=Budget.APPROVED,
            authority=Authority.DECISION_MAKER,
        ),
    )
    assert sum(line.points for line in parsed(qualified).score_lines) == parsed(qualified).score
    converted = parsed(
        leads_convert.sync_detailed(
            lead_id,
            client=client,
            if_match=qualified.headers["ETag"],
            body=LeadConvert(account=NewAccount(currency="USD")),
        )
    )
    assert converted.status is LeadStatus.CONVERTED
    assert converted.account_id is not None
    return converted.account_id, lead_id
