"""The explicit list of everything the service is made of; nothing is found by scanning.

Routers and jobs are listed beside, so that a worker starts without any HTTP, and a server without the job queue.
"""

from app.accounts import models as accounts_models
from app.activities import models as activities_models
from app.duplicates import models as duplicates_models
from app.kernel import auth, idempotency, imports, outbox
from app.kernel.db import Base
from app.leads import assignment_models
from app.leads import models as leads_models
from app.meetings import models as meetings_models
from app.opportunities import models as opportunities_models
from app.orders import models as orders_models
from app.products import models as products_models
from app.staff import models as staff_models
from app.supply import models as supply_models

MODELS = (
    auth.ApiKey,
    idempotency.IdempotencyRecord,
    outbox.OutboxEvent,
    outbox.OutboxHead,
    imports.ImportRun,
    staff_models.StaffMember,
    staff_models.Absence,
    products_models.Product,
    products_models.PriceList,
    products_models.Price,
    products_models.ExchangeRate,
    accounts_models.Account,
    accounts_models.Contact,
    accounts_models.AccountIdentity,
    accounts_models.ContactIdentity,
    accounts_models.Consent,
    accounts_models.PurchaseEntry,
    activities_models.Activity,
    opportunities_models.Stage,
    opportunities_models.Opportunity,
    opportunities_models.OpportunityLine,
    opportunities_models.OpportunityContact,
    opportunities_models.StageChange,
    leads_models.Lead,
    leads_models.LeadTouch,
    leads_models.LeadIdentity,
    leads_models.LeadKey,
    duplicates_models.DuplicatePair,
    duplicates_models.DuplicateKey,
    duplicates_models.DuplicateScan,
    duplicates_models.Merge,
    duplicates_models.MergeRow,
    assignment_models.AssignmentRule,
    assignment_models.AssignmentMember,
    meetings_models.Meeting,
    meetings_models.Participant,
    meetings_models.CalendarFeed,
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

metadata = Base.metadata

SCHEMA_VERSION = "transfer"
"""The newest migration's revision: the schema that this release needs."""

OLDER_SCHEMAS = frozenset(
    {
        "kernel",
        "staff",
        "products",
        "accounts",
        "leads",
        "supply",
        "orders",
        "jobs",
        "list_indexes",
        "opportunities",
        "activities_opportunity",
        "orders_opportunity",
        "staff_capacity",
        "lead_assignment",
        "meetings",
        "duplicates",
        "merges",
        "account_groups",
        "funnel",
    }
)
"""The revisions before it. One that is not among them is a newer release's, which this one can work with."""
