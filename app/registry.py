"""The explicit list of everything the service is made of; nothing is found by scanning."""

from fastapi import APIRouter

from app.accounts import models as accounts_models
from app.accounts.router import account_routes, contact_routes
from app.activities import models as activities_models
from app.activities.router import routes as activities
from app.integration.router import HISTORIES
from app.integration.router import routes as events
from app.kernel import auth, health, idempotency, jobs, outbox
from app.kernel.db import Base
from app.leads import models as leads_models
from app.leads.router import routes as leads
from app.orders import models as orders_models
from app.orders.fulfilment_router import routes as fulfilment
from app.orders.router import routes as orders
from app.products import models as products_models
from app.products.router import exchange_rate_routes, price_list_routes, product_routes
from app.staff import models as staff_models
from app.staff.router import routes as staff
from app.supply import models as supply_models
from app.supply.router import production_routes, receipt_routes, stock_routes

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    staff,
    product_routes,
    price_list_routes,
    exchange_rate_routes,
    account_routes,
    contact_routes,
    activities,
    leads,
    stock_routes,
    receipt_routes,
    production_routes,
    orders,
    fulfilment,
    events,
    *HISTORIES,
)

MODELS = (
    auth.ApiKey,
    idempotency.IdempotencyRecord,
    outbox.OutboxEvent,
    outbox.OutboxHead,
    staff_models.StaffMember,
    products_models.Product,
    products_models.PriceList,
    products_models.Price,
    products_models.ExchangeRate,
    accounts_models.Account,
    accounts_models.Contact,
    accounts_models.Consent,
    accounts_models.PurchaseEntry,
    activities_models.Activity,
    leads_models.Lead,
    leads_models.LeadTouch,
    leads_models.LeadIdentity,
    leads_models.LeadKey,
    supply_models.StockItem,
    supply_models.StockMovement,
    supply_models.Receipt,
    supply_models.Reservation,
    orders_models.Order,
    orders_models.OrderLine,
    orders_models.OrderHold,
    orders_models.OrderOverride,
    orders_models.Shipment,
    orders_models.ShipmentLine,
    orders_models.OrderReturn,
    orders_models.OrderReturnLine,
)

JOBS: tuple[jobs.Job, ...] = jobs.JOBS

metadata = Base.metadata
