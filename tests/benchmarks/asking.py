"""What is asked of each list: every sort, with every filter that its query has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args, get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel

from app.integration.schemas import EventPage, EventQuery
from app.kernel import clock
from app.kernel.pagination import Page
from app.kernel.schema import Query

TODAY = clock.now().date()
WEEK = TODAY + timedelta(days=7)
QUARTER = f"{TODAY - timedelta(days=90)}T00:00:00Z"
NOW = f"{TODAY}T00:00:00Z"
KINDS = {
    "staff": "001", "products": "002", "price-lists": "003", "accounts": "006", "contacts": "007", "leads": "008",
    "orders": "00c", "receipts": "011", "opportunities": "014", "meetings": "015", "calendars": "016",
    "opportunity-stages": "017", "lead-assignment-rules": "022", "duplicates": "030", "merges": "031",
}  # fmt: skip
ANY = ""  # any sort

# The filters of each list, and the sorts with which its description says that they have an index.
FILTERS: dict[str, list[tuple[dict[str, Any], tuple[str, ...]]]] = {
    "/v1/staff": [
        ({"role": "administrator"}, ("name",)),
        ({"reports_to_id": "staff"}, (ANY,)),
        ({"active_on": TODAY}, ()),
    ],
    "/v1/products": [
        ({"sku": "sku of 8"}, (ANY,)),
        ({"category": "Category 7"}, ("sku", "name")),
        ({"status": "active"}, ("sku", "name")),
        ({"status": "blocked"}, ("sku", "name")),
    ],
    "/v1/price-lists": [
        ({"code": "list-0000042"}, (ANY,)),
        ({"currency": "EUR"}, ("code",)),
        ({"is_default": True}, (ANY,)),
        ({"is_default": False}, ()),
        ({"valid_on": TODAY}, ()),
    ],
    "/v1/price-lists/{price_list_id}/prices": [({"sku": "sku of 8"}, (ANY,)), ({"valid_on": TODAY}, ())],
    "/v1/exchange-rates": [
        ({"currency": "EUR"}, (ANY,)),
        ({"currency": "EUR", "day_to": "1950-01-07"}, (ANY,)),
        ({"day_from": "1950-01-05"}, (ANY,)),
    ],
    "/v1/accounts": [
        ({"status": "active"}, (ANY,)),
        ({"status": "blocked"}, (ANY,)),
        ({"type": "reseller"}, ("name",)),
        ({"owner_id": "staff"}, ("name",)),
        ({"key_account": True}, ("name",)),
        ({"key_account": False}, ()),
        ({"parent_id": "accounts"}, ("name",)),
        ({"country": "DE"}, ("name",)),
        ({"industry": "Industry 3"}, ("name",)),
        ({"number": "A-0000042"}, (ANY,)),
        ({"next_step_by": TODAY}, ()),
        ({"owner_id": "staff", "next_step_by": TODAY}, ()),
    ],
    "/v1/contacts": [
        ({"account_id": "accounts"}, ("name",)),
        ({"email": "contact-42@example.com"}, (ANY,)),
        ({"decision_maker": True}, ()),
        ({"active": True}, ()),
        ({"active": False}, ()),
    ],
    "/v1/activities": [
        ({"lead_id": "leads"}, (ANY,)),
        ({"account_id": "accounts"}, (ANY,)),
        ({"opportunity_id": "opportunities"}, (ANY,)),
        ({"contact_id": "contacts"}, (ANY,)),
        ({"by_id": "staff"}, (ANY,)),
        ({"kind": "meeting"}, ()),
        ({"account_id": "accounts", "kind": "meeting"}, ()),
        ({"at_from": QUARTER, "at_to": NOW}, (ANY,)),
    ],
    "/v1/leads": [
        ({"status": "new"}, (ANY,)),
        ({"status": "qualified"}, (ANY,)),
        ({"status": "qualified", "created_from": QUARTER}, ("created_at",)),
        ({"source": "partner"}, ("created_at",)),
        ({"campaign": "CAMPAIGN-7"}, ("created_at",)),
        ({"owner_id": "staff"}, (ANY,)),
        ({"owner_id": "staff", "status": "new"}, ()),
        ({"min_score": 50}, ("score",)),
        ({"created_from": QUARTER, "created_to": NOW}, ("created_at",)),
        ({"updated_from": QUARTER, "updated_to": NOW}, ("updated_at",)),
        ({"next_step_due": TODAY}, ()),
    ],
    "/v1/opportunity-stages": [({"type": "open"}, ()), ({"active": True}, ())],
    "/v1/opportunities": [
        ({"state": "open"}, (ANY,)),
        ({"state": "won"}, (ANY,)),
        ({"stage": "stage-3"}, ("created_at", "expected_close_on", "base_amount")),
        ({"owner_id": "staff"}, ("created_at", "expected_close_on", "base_amount")),
        ({"owner_id": "staff", "state": "open"}, ()),
        ({"account_id": "accounts"}, ("created_at",)),
        ({"campaign": "CAMPAIGN-7"}, ("created_at",)),
        ({"number": "OP-000000042"}, (ANY,)),
        ({"source": "crm"}, ()),
        ({"source": "crm", "external_id": "42"}, (ANY,)),
        ({"expected_close_from": TODAY, "expected_close_to": WEEK}, ("expected_close_on",)),
        ({"state": "open", "expected_close_from": TODAY, "expected_close_to": WEEK}, ("expected_close_on",)),
        ({"min_value": "100", "max_value": "500"}, ("base_amount",)),
        ({"stale_days": 30}, ()),
        ({"owner_id": "staff", "stale_days": 30}, ()),
    ],
    "/v1/funnel/leads": [
        ({"source": "partner"}, (ANY,)),
        ({"campaign": "CAMPAIGN-7"}, (ANY,)),
        ({"owner_id": "staff"}, (ANY,)),
        ({"from": TODAY - timedelta(days=90), "to": TODAY}, (ANY,)),
        ({"step": "won"}, ()),
        ({"first_contact": "late", "contact_within_hours": 24}, ()),
        ({"no_campaign": False, "no_owner": False}, ()),
    ],
    "/v1/meetings": [
        ({"status": "held"}, (ANY,)),
        ({"status": "planned"}, (ANY,)),
        ({"person_id": "staff"}, (ANY,)),
        ({"person_id": "staff", "starts_from": QUARTER, "starts_to": NOW}, (ANY,)),
        ({"person_id": "staff", "status": "held"}, ()),
        ({"lead_id": "leads"}, (ANY,)),
        ({"account_id": "accounts"}, (ANY,)),
        ({"opportunity_id": "opportunities"}, (ANY,)),
        ({"starts_from": QUARTER, "starts_to": NOW}, (ANY,)),
    ],
    "/v1/calendars": [({"staff_id": "staff"}, (ANY,))],
    "/v1/duplicates": [
        ({"status": "open"}, (ANY,)),
        ({"status": "dismissed"}, (ANY,)),
        ({"kind": "kind: leads"}, (ANY,)),
        ({"min_score": 80}, ("score",)),
        ({"kind": "kind: leads", "status": "open"}, ()),
        ({"record_id": "leads"}, ()),
    ],
    "/v1/merges": [
        ({"kind": "kind: leads"}, (ANY,)),
        ({"survivor_id": "leads"}, (ANY,)),
        ({"merged_id": "leads"}, (ANY,)),
    ],
    "/v1/stock": [({"sku": "sku of 8"}, (ANY,))],
    "/v1/receipts": [
        ({"status": "confirmed"}, (ANY,)),
        ({"status": "planned"}, (ANY,)),
        ({"sku": "sku of 0"}, (ANY,)),
        ({"source": "plant-2"}, (ANY,)),
        ({"external_id": "WO-42"}, (ANY,)),
        ({"due_from": TODAY, "due_to": WEEK}, ("due_on",)),
        ({"late": True}, ("due_on",)),
        ({"late": False}, ()),
    ],
    "/v1/production/requirements": [
        ({"sku": "sku of 20"}, (ANY,)),
        ({"needed_by_to": WEEK}, (ANY,)),
        ({"unconfirmed": True}, (ANY,)),
        ({"unconfirmed": False}, (ANY,)),
    ],
    "/v1/orders": [
        ({"status": "confirmed"}, (ANY,)),
        ({"status": "draft"}, (ANY,)),
        ({"status": "confirmed", "due_to": WEEK}, ("due_on",)),
        ({"open_to_ship": True}, (ANY,)),
        ({"open_to_ship": True, "due_to": WEEK}, ("due_on",)),
        ({"open_to_ship": False}, ()),
        ({"shipment_state": "partial"}, ("due_on",)),
        ({"account_id": "accounts"}, ("created_at",)),
        ({"account_id": "accounts", "status": "confirmed"}, ()),
        ({"account_id": "accounts", "po_number": "po-8"}, (ANY,)),
        ({"lead_id": "leads"}, (ANY,)),
        ({"opportunity_id": "opportunities"}, (ANY,)),
        ({"number": "SO-000000042"}, (ANY,)),
        ({"due_from": TODAY, "due_to": WEEK}, ("due_on",)),
    ],
    "/v1/events": [
        ({"type": "staff.updated"}, (ANY,)),
        ({"type": ("order.confirmed", "order.shipped")}, (ANY,)),
        ({"subject": "orders/orders"}, (ANY,)),
        ({"subject": "orders/orders", "type": "order.shipped"}, (ANY,)),
    ],
}
# In ten rows, in a hundredth of all, and in all: words are found by an index that has no other order.
WORDS = {
    "/v1/products": ("zanz", "smok", "product"),
    "/v1/accounts": ("zanz", "smok", "company"),
    "/v1/contacts": ("zanz", "smok", "person"),
    "/v1/leads": ("zanz", "smok", "teas"),
    "/v1/opportunities": ("zanz", "smok", "spring"),
}
_SKIPPED = {"limit", "cursor", "sort", "after", "wait"}


def middle(rows: int) -> int:
    """The number of the row that has the most children; `rows.sql` knows it too."""
    return rows * 9 // 25


def identity(kind: str, number: int) -> str:
    """The id that `rows.sql` gave to the row of this number."""
    digits = f"{1_700_000_000_000 + number:012x}7{KINDS[kind]}{number:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@dataclass(frozen=True)
class Question:
    """A list that is asked for in one sort with some filters; `indexed` when there is an index for both together."""

    route: str
    sort: str | None
    filters: dict[str, Any]
    indexed: bool

    def parameters(self, rows: int) -> dict[str, Any]:
        """The parameters, for a database with so many rows."""
        named = {name: _named(value, rows) for name, value in self.filters.items()}
        return named | ({} if self.sort is None else {"sort": self.sort})

    def path(self, rows: int) -> str:
        """The path, below the parent with the most children."""
        steps = self.route.split("/")
        named = [
            identity(kind, middle(rows)) if step.startswith("{") else step
            for kind, step in zip(["", *steps[:-1]], steps, strict=True)
        ]
        return "/".join(named)

    def __str__(self) -> str:
        asked = [f"{name}={'…' if _is_placeholder(value) else value}" for name, value in self.filters.items()]
        return ", ".join((self.sort or "position", *asked))


def _is_placeholder(value: Any) -> bool:
    """Whether it is an id, a SKU or a day, which depend on the database and on today."""
    return value in {*KINDS, "orders/orders", QUARTER, NOW, TODAY, WEEK} or str(value).startswith("sku of ")


def _named(value: Any, rows: int) -> Any:
    if str(value) in KINDS:
        return identity(value, middle(rows))
    if str(value).startswith("kind: "):  # the word itself
        return value.removeprefix("kind: ")
    if value == "orders/orders":
        return f"orders/{identity('orders', middle(rows))}"
    if str(value).startswith("sku of "):
        return f"sku-{(int(value.removeprefix('sku of ')) or middle(rows)) * 7919 % rows:07d}"
    return value


def lists(app: FastAPI) -> list[RouteContext]:
    """Every route that answers one page of many."""
    kinds = (Page, EventPage)
    found = [each for each in iter_route_contexts(app.routes) if isinstance(each.original_route, APIRoute)]
    return [each for each in found if isinstance(each.response_model, type) and issubclass(each.response_model, kinds)]


def query_of(route: RouteContext) -> type[BaseModel]:
    """What a list is asked with."""
    hints = [hint for hint in get_type_hints(route.endpoint).values() if isinstance(hint, type)]
    (found,) = [hint for hint in hints if issubclass(hint, (Query, EventQuery))]
    return found


def questions(route: RouteContext) -> Iterator[Question]:
    """Each sort of the list without a filter, and with each of its filters; the default comes first.

    What has no index is asked for in one direction: the first page of the other one is its last.
    """
    query, path = query_of(route), str(route.path)
    filters = [({}, (ANY,)), *FILTERS.get(path, []), *(({"words": word}, ()) for word in WORDS.get(path, ()))]
    asked = {field.alias or name for name, field in query.model_fields.items()}
    forgotten = asked - _SKIPPED - {name for each, _ in filters for name in each}
    assert not forgotten, f"{path}: say how {forgotten} are asked for"
    field = query.model_fields.get("sort")
    sorts = [None] if field is None else sorted(get_args(field.annotation), key=lambda s: (s != field.default, s))
    for each, indexed in filters:
        seen = set()
        for sort in sorts:
            column = (sort or "").removeprefix("-")
            found = Question(path, sort, each, ANY in indexed or column in indexed)
            if found.indexed or column not in seen:
                yield found
            seen.add(column)
