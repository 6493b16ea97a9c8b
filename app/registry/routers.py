"""The routers, in the order in which a path is looked for."""

from fastapi import APIRouter

from app.accounts.router import account_routes, contact_routes
from app.accounts.tree_router import tree_routes
from app.activities.router import routes as activities
from app.duplicates.router import account_routes as account_merging
from app.duplicates.router import contact_routes as contact_merging
from app.duplicates.router import duplicate_routes, merge_routes
from app.duplicates.router import lead_routes as lead_merging
from app.funnel.router import routes as funnel
from app.integration.router import HISTORIES
from app.integration.router import routes as events
from app.kernel import health
from app.leads.assignment_router import lead_routes as lead_assignment
from app.leads.assignment_router import rule_routes as lead_assignment_rules
from app.leads.router import routes as leads
from app.meetings.router import calendar_routes, meeting_routes
from app.opportunities.router import routes as opportunities
from app.opportunities.router import stage_routes
from app.orders.fulfilment_router import routes as fulfilment
from app.orders.router import routes as orders
from app.products.router import exchange_rate_routes, price_list_routes, product_routes
from app.staff.router import routes as staff
from app.supply.router import production_routes, receipt_routes, stock_routes
from app.worklist.router import routes as worklist

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    staff,
    product_routes,
    price_list_routes,
    exchange_rate_routes,
    account_routes,
    tree_routes,
    contact_routes,
    activities,
    leads,
    lead_assignment,
    lead_assignment_rules,
    meeting_routes,
    calendar_routes,
    worklist,
    funnel,
    duplicate_routes,
    merge_routes,
    lead_merging,
    contact_merging,
    account_merging,
    stock_routes,
    receipt_routes,
    production_routes,
    stage_routes,
    opportunities,
    orders,
    fulfilment,
    events,
    *HISTORIES,
)
