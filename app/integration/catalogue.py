"""Every event that the service tells, and who may read it.

Events are kept for good and shown as they were written: a field that is added later needs a default.
"""

from collections.abc import Iterable, Mapping

from app.accounts import events as accounts
from app.activities import events as activities
from app.duplicates import events as duplicates
from app.kernel.auth import Permission, Principal
from app.kernel.errors import Forbidden
from app.kernel.outbox import Event
from app.leads import events as leads
from app.meetings import events as meetings
from app.opportunities import events as opportunities
from app.orders import events as orders
from app.products import events as products
from app.staff import events as staff
from app.supply import events as supply

EVENTS: tuple[type[Event], ...] = (
    *staff.ALL,
    *products.ALL,
    *activities.ALL,
    *accounts.ALL,
    *supply.ALL,
    *opportunities.ALL,
    *orders.ALL,
    *leads.ALL,
    *meetings.ALL,
    *duplicates.ALL,
)

SUBJECTS: Mapping[str, Permission] = {
    "staff": Permission.STAFF_READ,
    "products": Permission.PRODUCTS_READ,
    "price-lists": Permission.PRODUCTS_READ,
    "exchange-rates": Permission.PRODUCTS_READ,
    "accounts": Permission.ACCOUNTS_READ,
    "contacts": Permission.ACCOUNTS_READ,
    "stock": Permission.SUPPLY_READ,
    "receipts": Permission.SUPPLY_READ,
    "orders": Permission.ORDERS_READ,
    "leads": Permission.LEADS_READ,
    "opportunities": Permission.OPPORTUNITIES_READ,
    "opportunity-stages": Permission.OPPORTUNITIES_READ,
    "lead-assignment-rules": Permission.LEADS_ASSIGN,
    "meetings": Permission.MEETINGS_READ,
    "calendars": Permission.MEETINGS_READ,
    "duplicates": Permission.DUPLICATES_READ,
}
"""What events are about, as it stands in a path: who may read it may read what happened to it."""

PERMISSIONS: Mapping[str, Permission] = {event.type: SUBJECTS[event.subject_type] for event in EVENTS}
"""Who may read an event, by its type."""


def visible(caller: Principal, *, types: Iterable[str], subject_type: str | None) -> frozenset[str] | None:
    """The types of events that the caller gets when asking for `types`; None stands for every type there is.

    Raises:
        Forbidden: the key may not read one of the types, nothing about such a subject, or no event at all.

    """
    asked = frozenset(types)
    for permission in sorted({PERMISSIONS[kind] for kind in asked}):
        caller.demand(permission)
    if subject_type is not None:
        caller.demand(SUBJECTS[subject_type])
    if asked:
        return asked
    readable = frozenset(kind for kind, permission in PERMISSIONS.items() if permission in caller.scopes)
    if not readable:
        raise Forbidden("beside events:read this key needs a scope for what events are about, such as orders:read")
    return None if len(readable) == len(PERMISSIONS) else readable
