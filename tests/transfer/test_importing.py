"""Imports of every kind on the database: what becomes of rows, what is told, and what is rejected with its reason."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, AccountIdentity, Contact
from app.kernel.imports import ImportRun
from app.kernel.outbox import OutboxEvent
from app.leads.models import Lead, LeadTouch
from app.products.models import Price, PriceList
from app.staff.models import StaffMember
from app.transfer.reading import BadFile
from tests.transfer.conftest import Import, counts, ndjson

Rejected = Callable[[], str]
ACCOUNTS = """number,name,currency,parent,industry,billing_address.country
A-1,Branch,EUR,Headquarters,tea,DE
A-2,Headquarters,EUR,,tea,DE
"""


async def get(client: AsyncClient, path: str, **query: Any) -> Any:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def events(tx: AsyncSession, kind: str) -> list[str]:
    of_kind = select(OutboxEvent.type).where(OutboxEvent.subject_type == kind).order_by(OutboxEvent.seq)
    return list(await tx.scalars(of_kind))


async def test_accounts_with_parents_further_down(client: AsyncClient, tx: AsyncSession, import_: Import) -> None:
    assert counts(await import_("accounts", ACCOUNTS)) == (2, 0, 0, 0)
    branch, head = (await get(client, "/v1/accounts"))["data"]
    assert (branch["parent_id"], branch["billing_address"]["country"], branch["status"]) == (
        head["id"],
        "DE",
        "prospect",
    )
    assert await events(tx, "accounts") == ["account.created", "account.created", "account.updated"]
    actors = await tx.scalars(select(OutboxEvent.actor).distinct())
    assert list(actors) == ["import"]

    assert counts(await import_("accounts", ACCOUNTS)) == (0, 0, 2, 0)
    moved = ACCOUNTS.replace("A-1,Branch,EUR,Headquarters,tea", "A-1,Branch,EUR,Headquarters,coffee")
    assert counts(await import_("accounts", moved)) == (0, 1, 1, 0)
    assert len(await events(tx, "accounts")) == 4


async def test_a_circle_of_parents_is_refused_and_costs_no_other(
    client: AsyncClient, import_: Import, rejected: Rejected
) -> None:
    await import_("accounts", ACCOUNTS)
    circle = "number,name,currency,parent\nA-2,Headquarters,EUR,A-1\nA-3,New,EUR,A-1\nA-4,Self,EUR,A-4\n"
    assert counts(await import_("accounts", circle)) == (1, 0, 0, 2)
    assert rejected().count("would make the account belong to itself") == 2
    assert (await get(client, "/v1/accounts", number="A-2"))["data"][0]["parent_id"] is None
    assert (await get(client, "/v1/accounts", number="A-4"))["data"] == []


async def test_what_is_rejected_is_mended_and_sent_again(
    client: AsyncClient, import_: Import, rejected: Rejected, tmp_path: Path
) -> None:
    content = (
        "number,name,currency,owner,parent,credit_limit\n"
        "A-1,First,EUR,,,100\n"
        "A-2,,EUR,,,\n"
        "A-3,Third,XXX,,,\n"
        "A-4,Fourth,EUR,nobody,,\n"
        "A-5,Fifth,EUR,,A-9,\n"
        "A-6,Sixth,EUR,,A-2,-5\n"
        "A-7,too short\n"
        "A-8,Eighth,EUR,,A-1,1e3\n"
    )
    assert counts(await import_("accounts", content)) == (1, 0, 0, 7)
    rows = list(csv.reader(rejected().splitlines()))
    assert rows[0] == ["reject_reason", "number", "name", "currency", "owner", "parent", "credit_limit"]
    reasons = {row[1]: row[0] for row in rows[1:]}
    assert reasons["A-2"].startswith("name: Field required")
    assert reasons["A-3"].startswith("currency: ")
    assert reasons["A-4"] == "owner: no member of staff has the email or name 'nobody'"
    assert reasons["A-5"] == "parent: no account has the number or external id or name 'A-9'"
    assert reasons["A-6"].startswith("parent: no account has the number") or "credit_limit: " in reasons["A-6"]
    assert reasons["A-7"] == "has 2 cells, the first line names 6 columns"
    assert reasons["A-8"].startswith("credit_limit: ")

    mended = tmp_path / "mended.csv"
    text_of = rejected().replace(",A-2,,EUR", ",A-2,Second,EUR").replace("XXX", "USD").replace("nobody", "")
    text_of = text_of.replace("A-9", "A-1").replace("-5", "5").replace("A-7,too short", "A-7,Seventh,EUR,,,")
    mended.write_text(text_of.replace("1e3", "1000"))
    assert counts(await import_("accounts", mended)) == (7, 0, 0, 0)
    assert len((await get(client, "/v1/accounts"))["data"]) == 8


async def test_a_dry_run_says_the_same_and_keeps_nothing(tx: AsyncSession, import_: Import, rejected: Rejected) -> None:
    content = ACCOUNTS + "A-3,Third,XXX,,,\nA-4,Fourth,EUR,A-2,,\n"
    # In chunks of one row: the last one names what the second would have made.
    rehearsed = await import_("accounts", content.replace("Headquarters,tea", ",tea"), dry_run=True, chunk=1)
    assert counts(rehearsed) == (3, 0, 0, 1)
    assert "XXX" in rejected()
    for model in (Account, AccountIdentity, OutboxEvent, ImportRun):
        assert await tx.scalar(select(func.count()).select_from(model)) == 0
    assert counts(await import_("accounts", content)) == (3, 0, 0, 1)


async def test_other_systems_ids_find_accounts_and_contacts(
    client: AsyncClient, tx: AsyncSession, import_: Import
) -> None:
    constants = {"fields": {"source": {"value": "crm"}, "currency": {"value": "EUR"}}}
    assert counts(await import_("accounts", "external_id,name\n7,Acme\n8,Other\n", constants)) == (2, 0, 0, 0)
    assert counts(await import_("accounts", "external_id,name\n7,Acme Ltd\n8,Other\n", constants)) == (0, 1, 1, 0)
    people = (
        "external_id,account,name,email,telephone,decision_maker\n"
        "1,7,Ana,ana@acme.example,030 123456,yes\n"
        "2,8,Ben,,,no\n"
    )
    mapping = {"fields": {"source": {"value": "crm"}, "account": {"column": "account", "lookup": "external_id"}}}
    assert counts(await import_("contacts", people, mapping)) == (2, 0, 0, 0)
    assert counts(await import_("contacts", people, mapping)) == (0, 0, 2, 0)
    renamed = people.replace("Ana,ana@", "Anna,anna@")
    assert counts(await import_("contacts", renamed, mapping)) == (0, 1, 1, 0)
    found = (await get(client, "/v1/contacts"))["data"]
    assert [(one["name"], one["email"], one["decision_maker"]) for one in found] == [
        ("Anna", "anna@acme.example", True),
        ("Ben", None, False),
    ]
    assert await events(tx, "contacts") == ["contact.created", "contact.created", "contact.updated"]


async def test_contacts_without_any_id_are_found_by_account_name_and_email(import_: Import) -> None:
    await import_("accounts", ACCOUNTS)
    people = "account,name,email,job_title\nA-1,Ana,ana@x.example,Owner\nA-1,Ana,,Clerk\nA-2,Ana,ana@x.example,Owner\n"
    assert counts(await import_("contacts", people)) == (3, 0, 0, 0)
    assert counts(await import_("contacts", people.replace("Clerk", "Buyer"))) == (0, 1, 2, 0)


async def test_what_people_said_comes_with_them_once(client: AsyncClient, import_: Import) -> None:
    await import_("accounts", ACCOUNTS)
    said = {"purpose": "offers", "channel": "email", "granted": False, "at": "2020-01-01T00:00:00Z", "source": "fair"}
    row = {"account": "A-1", "name": "Ana", "consents": [said]}
    assert counts(await import_("contacts", ndjson(row), format="ndjson")) == (1, 0, 0, 0)
    assert counts(await import_("contacts", ndjson(row), format="ndjson")) == (0, 0, 1, 0)
    row["consents"] = [said, said | {"purpose": "surveys"}]
    assert counts(await import_("contacts", ndjson(row), format="ndjson")) == (0, 1, 0, 0)
    found = (await get(client, "/v1/contacts"))["data"][0]
    assert [one["purpose"] for one in found["consents"]] == ["offers", "surveys"]


async def test_what_was_merged_is_what_it_was_merged_into(
    client: AsyncClient, tx: AsyncSession, import_: Import
) -> None:
    rows = "source,external_id,number,name,currency\ncrm,1,A-1,Kept,EUR\ncrm,2,A-2,Gone,EUR\n"
    await import_("accounts", rows)
    kept, gone = (await get(client, "/v1/accounts", sort="number"))["data"]
    await tx.execute(
        text("UPDATE accounts SET merged_into_id = :kept WHERE id = :gone"), {"kept": kept["id"], "gone": gone["id"]}
    )
    again = "source,external_id,number,name,currency\ncrm,2,A-2,Kept now,EUR\n"
    assert counts(await import_("accounts", again)) == (0, 1, 0, 0)
    assert (await get(client, f"/v1/accounts/{kept['id']}"))["name"] == "Kept now"
    assert counts(await import_("contacts", "account,name\nA-2,Ana\n")) == (1, 0, 0, 0)
    assert str(await tx.scalar(select(Contact.account_id))) == kept["id"]


async def test_names_that_several_have_are_not_guessed(import_: Import, rejected: Rejected) -> None:
    await import_("accounts", "number,name,currency\nA-1,Twin,EUR\nA-2,Twin,EUR\n")
    assert counts(await import_("contacts", "account,name\nTwin,Ana\n")) == (0, 0, 0, 1)
    assert "2 accounts have the name 'Twin'" in rejected()


async def test_a_row_that_names_two_accounts_is_about_neither(import_: Import, rejected: Rejected) -> None:
    await import_("accounts", "source,external_id,number,name,currency\ncrm,1,A-1,One,EUR\n,,A-2,Two,EUR\n")
    clash = "source,external_id,number,name,currency\ncrm,1,A-2,Two,EUR\n"
    assert counts(await import_("accounts", clash)) == (0, 0, 0, 1)
    assert rejected().splitlines()[1].startswith("number: number A-2 is another one's")


async def test_a_row_that_stands_twice_changes_what_the_first_made(client: AsyncClient, import_: Import) -> None:
    twice = "number,name,currency\nA-1,First,EUR\nA-1,Second,EUR\nA-1,Second,EUR\n"
    assert counts(await import_("accounts", twice)) == (1, 1, 1, 0)
    assert [one["name"] for one in (await get(client, "/v1/accounts"))["data"]] == ["Second"]
    products = "sku,name\nTEA,Tea\ntea,Black tea\nTEA,Black tea\n"
    assert counts(await import_("products", products)) == (1, 1, 1, 0)


async def test_products_and_prices_of_a_list_that_is_made(
    tx: AsyncSession, import_: Import, rejected: Rejected
) -> None:
    await import_("products", "sku,name,category\nTEA-1,Tea,Drinks\nCAKE-1,Cake,Food\n")
    prices = (
        "price_list,currency,product,unit_price,valid_from\nP,USD,Tea,10.50,2026-01-01\nP,USD,CAKE-1,3,2026-01-01\n"
    )
    assert counts(await import_("prices", prices)) == (2, 0, 0, 0)
    assert counts(await import_("prices", prices.replace("10.50", "11"))) == (0, 1, 1, 0)
    wrong = prices.replace("USD,Tea", "EUR,Tea").replace("P,USD,CAKE-1", "Q,,CAKE-1")
    assert counts(await import_("prices", wrong)) == (0, 0, 0, 2)
    assert "the price list is in USD" in rejected()
    assert "no price list has this code" in rejected()
    assert await tx.scalar(select(func.count()).select_from(PriceList)) == 1
    assert sorted(await tx.scalars(select(Price.unit_price))) == [3, 11]


async def test_staff_and_whom_they_report_to(tx: AsyncSession, import_: Import, rejected: Rejected) -> None:
    people = (
        "name,email,role,reports_to,active_from\n"
        "Ana,Ana@x.example,representative,boss@x.example,2026-01-01\n"
        "Boss,boss@x.example,sales_manager,,2026-01-01\n"
        "Ben,ben@x.example,director,Boss,2026-01-01\n"
    )
    assert counts(await import_("staff", people)) == (2, 0, 0, 1)
    assert "role: " in rejected()
    assert counts(await import_("staff", people)) == (0, 0, 2, 1)
    boss = select(StaffMember.id).where(StaffMember.name == "Boss")
    assert await tx.scalar(select(StaffMember.reports_to_id).where(StaffMember.name == "Ana")) == await tx.scalar(boss)


async def test_leads_are_captured_like_any_others(client: AsyncClient, tx: AsyncSession, import_: Import) -> None:
    rows = (
        "source,external_id,person_name,email,product_skus,estimated_value,estimated_currency\n"
        "fair,1,Ana Berg,ana@x.example,A;B,100.50,EUR\n"
        "fair,,Ana Berg,ANA@x.example,,,\n"
        "fair,3,,not an address,,,\n"
    )
    assert counts(await import_("leads", rows)) == (1, 1, 0, 1)
    lead = (await get(client, "/v1/leads"))["data"][0]
    assert (lead["product_skus"], lead["touch_count"], lead["estimated_value"]) == (["A", "B"], 2, "100.50")
    assert set(await tx.scalars(select(LeadTouch.actor))) == {"import"}
    assert await events(tx, "leads") == ["lead.captured", "lead.touched"]


async def test_a_lead_with_our_id_is_corrected(
    client: AsyncClient, tx: AsyncSession, import_: Import, rejected: Rejected
) -> None:
    await import_("leads", "source,external_id,person_name,company\nfair,1,Ana Berg,Alpine\n")
    lead = (await get(client, "/v1/leads"))["data"][0]
    head = "id,source,person_name,company,country\n"
    assert counts(await import_("leads", f"{head}{lead['id']},fair,Ana Berg,Alpine,\n")) == (0, 0, 1, 0)
    assert counts(await import_("leads", f"{head}{lead['id']},fair,Ana Berg,Alpine Teas,AT\n")) == (0, 1, 0, 0)
    now = await get(client, f"/v1/leads/{lead['id']}")
    assert (now["company"], now["country"], now["touch_count"]) == ("Alpine Teas", "AT", 1)
    wrong = f"{head}{lead['id']},other,Ana Berg,,\n0198c1de-0000-7000-8000-000000000000,fair,Ana,,\n"
    assert counts(await import_("leads", wrong)) == (0, 0, 0, 2)
    assert "source: is what was sent once" in rejected()
    assert "id: no lead has this id" in rejected()
    assert await tx.scalar(select(func.count()).select_from(Lead)) == 1


async def test_rejected_lines_of_json_are_lines_of_json(import_: Import, rejected: Rejected) -> None:
    content = ndjson({"name": "Tea", "sku": "T"}, {"name": "Cake", "sku": "C", "colour": "red"}) + "{broken\n"
    assert counts(await import_("products", content, format="ndjson")) == (1, 0, 0, 2)
    unknown, broken = map(json.loads, rejected().splitlines())
    assert unknown == {"reject_reason": "colour: is no field", "name": "Cake", "sku": "C", "colour": "red"}
    assert broken["reject_line"] == "{broken"
    assert "not JSON" in broken["reject_reason"]


@pytest.mark.parametrize("bad", ["\\u0000", "\\ud800"])
async def test_characters_that_nothing_takes_cost_their_row_alone(
    import_: Import, rejected: Rejected, bad: str
) -> None:
    content = ndjson({"name": "Tea", "sku": "T"}) + f'{{"name": "x{bad}", "sku": "N"}}\n'
    assert counts(await import_("products", content, format="ndjson")) == (1, 0, 0, 1)
    assert "control character" in rejected()


async def test_nothing_is_done_when_the_whole_cannot_be_meant(
    import_: Import, tx: AsyncSession, tmp_path: Path
) -> None:
    for mapping in (
        {"fields": {"name": {"column": "name", "lookup": "code"}}},
        {"fields": {"parent": {"column": "n", "lookup": "x"}}},
    ):
        with pytest.raises(BadFile, match="looked up"):
            await import_("accounts", "name,currency,n\nA,EUR,\n", mapping)
    file = tmp_path / "rejects"
    file.write_text("name,currency\nA,EUR\n")
    with pytest.raises(BadFile, match="would overwrite"):
        await import_("accounts", file.rename(tmp_path / "rejects.csv").rename(file) and _named_csv(file))
    assert await tx.scalar(select(func.count()).select_from(Account)) == 0


def _named_csv(file: Path) -> Path:
    link = file.with_suffix(".csv")
    link.symlink_to(file)
    return link
