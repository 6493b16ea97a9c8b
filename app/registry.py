"""The explicit list of everything the service is made of; nothing is found by scanning."""

from fastapi import APIRouter

from app.kernel import auth, health, idempotency, jobs, outbox
from app.kernel.db import Base
from app.leads import models as leads_models
from app.leads.router import routes as leads
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
    leads,
    stock_routes,
    receipt_routes,
    production_routes,
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
    leads_models.Lead,
    leads_models.LeadTouch,
    leads_models.LeadIdentity,
    leads_models.LeadKey,
    supply_models.StockItem,
    supply_models.StockMovement,
    supply_models.Receipt,
    supply_models.Reservation,
)

JOBS: tuple[jobs.Job, ...] = jobs.JOBS

metadata = Base.metadata
