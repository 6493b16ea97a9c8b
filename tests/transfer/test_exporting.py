"""What is exported can be imported, and then nothing changes; a spreadsheet calculates none of it."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.outbox import OutboxEvent
from app.transfer import exporting
from app.transfer.kinds import KINDS
from app.transfer.reading import BadFile, Format
from tests.transfer.conftest import Export, Import, counts, ndjson

Rows = list[dict[str, Any]]
SAID = {"purpose": "offers", "channel": "email", "granted": True, "at": "2020-01-01T09:30:00.25Z", "evidence": "mail 1"}
ADDRESS = {"lines": ["Obere Str. 57", "Hof; 2"], "city": "Köln", "country": "DE"}
STAFF: Rows = [
    {
        "name": "Ana",
        "email": "ana@x.example",
        "role": "representative",
        "reports_to": "Boss",
        "active_from": "2020-01-01",
    },
    {"name": "Boss", "email": "boss@x.example", "role": "sales_manager", "active_from": "2020-01-01", "capacity": 0.5},
]
PRODUCTS: Rows = [
    {"sku": "TEA", "name": '=Tea, "black"', "description": "two\nlines", "order_multiple": "0.5"},
    {"sku": "CAKE", "name": "-Cake", "category": "@food", "production_days": 3, "status": "discontinued"},
]
PRICES: Rows = [
    {"price_list": "P", "currency": "EUR", "sku": "TEA", "unit_price": "10.50", "valid_from": "2026-01-01"},
    {"price_list": "P", "sku": "TEA", "unit_price": "9", "min_quantity": "10.5", "valid_from": "2026-01-01"},
]
ACCOUNTS: Rows = [
    {"number": "A-1", "name": "+Acme", "currency": "EUR", "parent": "B", "owner": "Ana", "billing_address": ADDRESS},
    {"source": "crm", "external_id": "B", "name": "'=B", "currency": "EUR", "price_list": "P", "credit_limit": "100"},
]
CONTACTS: Rows = [
    {"account": "A-1", "name": "Ben", "telephone": "+49 30 1", "consents": [SAID | {"source": "fair"}]},
    {"source": "crm", "external_id": "C-1", "account": "A-1", "name": "Ben", "decision_maker": True},
]
LEADS: Rows = [
    {
        "source": "fair", "external_id": "1", "person_name": "Ana Berg", "email": "ana@y.example",
        "product_skus": ["A", "B"], "telephone": "+49 30 1234567",
        "attributes": {"visits": 4, "term": "-tea", "new": True},
        "message": "=1+1\n@x",
        "estimated_value": "12.5", "estimated_currency": "EUR", "consents": [SAID],
    },
    {"source": "web", "company": "'quoted'"},
]  # fmt: skip
OPPORTUNITIES: Rows = [
    {"name": "Won", "account": "A-1", "stage": "won", "opened_on": "2026-01-01", "closed_on": "2026-02-01",
     "lines": [{"sku": "TEA", "quantity": "3", "unit_price": "9.99", "discount": "0.1"}]},
    {"source": "crm", "external_id": "2", "name": "Lost", "stage": "lost", "opened_on": "2026-01-01", "owner": "Ana",
     "closed_on": "2026-02-01", "lost_reason": "price", "competitor": "=them", "amount": "12"},
    {"name": "Open", "stage": "Proposal", "expected_close_on": "2030-01-01", "next_step": "call",
     "probability": "0.35"},
]  # fmt: skip
ALL: dict[str, Rows] = {
    "staff": STAFF, "products": PRODUCTS, "prices": PRICES, "accounts": ACCOUNTS, "contacts": CONTACTS, "leads": LEADS,
    "opportunities": OPPORTUNITIES,
}  # fmt: skip


async def everything(import_: Import) -> None:
    for kind, rows in ALL.items():
        assert counts(await import_(kind, ndjson(*rows), format="ndjson")) == (len(rows), 0, 0, 0), kind


@pytest.mark.parametrize("written", ["csv", "ndjson"])
@pytest.mark.parametrize("raw", [False, True], ids=["escaped", "raw"])
async def test_import_of_an_export_changes_nothing(
    import_: Import, export: Export, tx: AsyncSession, rejected: Callable[[], str], written: Format, raw: bool
) -> None:
    assert ALL.keys() == KINDS.keys()
    await everything(import_)
    told = await tx.scalar(select(func.count()).select_from(OutboxEvent))
    for kind, rows in ALL.items():
        content = await export(kind, written, raw=raw)
        found = counts(await import_(kind, content, format=written, raw=raw))
        assert found == (0, 0, len(rows), 0), (kind, content, rejected())
        assert await export(kind, written, raw=raw) == content
    assert await tx.scalar(select(func.count()).select_from(OutboxEvent)) == told


@pytest.mark.parametrize("written", ["csv", "ndjson"])
async def test_what_is_changed_in_an_export_is_changed_by_it(import_: Import, export: Export, written: Format) -> None:
    await everything(import_)
    for kind, old, new in [
        ("accounts", "Köln", "Bonn"),
        ("contacts", "Ben", "Benno"),
        ("opportunities", "9.99", "9.50"),
        ("leads", "quoted", "unquoted"),
        ("products", "two", "three"),
        ("prices", "10.50", "11"),
    ]:
        content = await export(kind, written)
        if kind == "opportunities":  # the sum changes with its lines
            content = content.replace("26.97", "25.65")
        changed, updated, _, wrong = counts(await import_(kind, content.replace(old, new), format=written))
        assert (changed, wrong) == (0, 0), kind
        assert updated in {1, 2}, kind
        assert new in await export(kind, written)


async def test_no_cell_of_csv_is_a_formula_unless_it_is_asked_for(import_: Import, export: Export) -> None:
    await everything(import_)
    for kind in ALL:
        cells = [cell for row in csv.reader((await export(kind)).splitlines(keepends=True)) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == [], kind
    assert "'=Tea" in await export("products")
    assert "'=Tea" not in await export("products", raw=True)


async def test_filters_and_pages(import_: Import, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    rows = [{"sku": f"P-{n}", "name": f"Product {n}", "category": "even" if n % 2 == 0 else "odd"} for n in range(10)]
    await import_("products", ndjson(*rows), format="ndjson")
    found = [json.loads(line)["sku"] for line in (await export("products", "ndjson")).splitlines()]
    assert sorted(found) == sorted(row["sku"] for row in rows)
    few = (await export("products", "ndjson", where={"category": "odd", "status": "active"})).splitlines()
    assert len(few) == 5
    assert await export("products", "ndjson", where={"category": "none"}) == ""
    with pytest.raises(BadFile, match="there is no field colour"):
        await export("products", where={"colour": "red"})
