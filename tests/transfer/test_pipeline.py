"""A sales department of another program, by mapping files alone: every row arrives, counts and sums are the file's.

The real one (Maven Analytics' CRM Sales Opportunities, 8,800 of them) stays outside of the project: its folder is named
by BELLWETHER_PIPELINE_DATA. A small made-up one with the same flaws proves the same wherever it is absent.
"""

import csv
import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.opportunities.models import Opportunity, OpportunityLine, Stage, StageChange
from app.staff.models import StaffMember
from app.transfer.mapping import read_mapping
from tests.transfer.conftest import Import, counts

_MAPPINGS = Path(__file__).with_name("pipeline")
_FILES = {
    "managers": ("staff", "sales_teams.csv"),
    "agents": ("staff", "sales_teams.csv"),
    "products": ("products", "products.csv"),
    "prices": ("prices", "products.csv"),
    "accounts": ("accounts", "accounts.csv"),
    "opportunities": ("opportunities", "sales_pipeline.csv"),
}
_STAGES = {"Won": "won", "Lost": "lost", "Engaging": "qualification", "Prospecting": "prospecting"}
_REAL = os.environ.get("BELLWETHER_PIPELINE_DATA")


def folder(name: str) -> Path:
    if name == "sample":
        return Path(__file__).with_name("sample")
    if not _REAL:
        pytest.skip("BELLWETHER_PIPELINE_DATA names no folder with accounts.csv, products.csv, sales_pipeline.csv, …")
    return Path(_REAL)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8-sig") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize("name", ["sample", "real"])
async def test_it_arrives_whole_and_twice_is_once(import_: Import, tx: AsyncSession, name: str) -> None:
    data = folder(name)
    for turn in ("first", "again"):
        for mapping, (kind, file) in _FILES.items():
            rules = read_mapping(_MAPPINGS / f"{mapping}.toml").model_dump(exclude_unset=True)
            created, updated, unchanged, rejected = counts(await import_(kind, data / file, rules))
            assert (rejected, updated) == (0, 0), (mapping, turn)
            assert created + unchanged == len(rows(data / file)), mapping
            assert created == 0 or turn == "first", mapping

    deals, teams = rows(data / "sales_pipeline.csv"), rows(data / "sales_teams.csv")
    count, whole = func.count(), func.sum(Opportunity.amount)
    by_stage = select(Stage.code, count, whole).join(Opportunity, Opportunity.stage_id == Stage.id).group_by(Stage.code)
    found = {code: (number, amount) for code, number, amount in await tx.execute(by_stage)}
    sums: Counter[str] = Counter()
    for deal in deals:
        sums[deal["deal_stage"]] += int(deal["close_value"] or 0)
    expected = Counter(deal["deal_stage"] for deal in deals)
    assert found == {_STAGES[stage]: (number, Decimal(sums[stage])) for stage, number in expected.items()}

    per_product = Counter(deal["product"].replace("GTXPro", "GTX Pro") for deal in deals)
    skus = select(OpportunityLine.sku, func.count()).group_by(OpportunityLine.sku)
    lines = {row[0]: row[1] for row in await tx.execute(skus)}
    assert lines == {product.upper().replace(" ", "-"): number for product, number in per_product.items()}

    per_agent = select(StaffMember.name, count).join(Opportunity, Opportunity.owner_id == StaffMember.id)
    owners = {row[0]: row[1] for row in await tx.execute(per_agent.group_by(StaffMember.name))}
    assert owners == Counter(deal["sales_agent"] for deal in deals)
    managers = select(count).select_from(StaffMember).where(StaffMember.reports_to_id.is_not(None))
    assert await tx.scalar(managers) == len(teams)

    nobodys = select(count).select_from(Opportunity).where(Opportunity.account_id.is_(None))
    assert await tx.scalar(nobodys) == sum(not deal["account"] for deal in deals)
    companies = rows(data / "accounts.csv")
    industries = select(Account.industry, func.count()).group_by(Account.industry)
    assert {row[0]: row[1] for row in await tx.execute(industries)} == Counter(
        company["sector"].replace("technolgy", "technology") for company in companies
    )
    children = select(count).select_from(Account).where(Account.parent_id.is_not(None))
    assert await tx.scalar(children) == sum(bool(company["subsidiary_of"]) for company in companies)


async def test_what_became_of_them_and_when_is_their_history(
    client: AsyncClient, import_: Import, tx: AsyncSession
) -> None:
    for mapping, (kind, file) in _FILES.items():
        rules = read_mapping(_MAPPINGS / f"{mapping}.toml").model_dump(exclude_unset=True)
        await import_(kind, folder("sample") / file, rules)
    found = await client.get("/v1/opportunities", params={"source": "pipeline", "external_id": "AAAA0002"})
    (won,) = found.json()["data"]
    assert (won["stage"], won["state"], won["opened_on"], won["closed_on"]) == (
        "won",
        "won",
        "2016-10-25",
        "2017-03-11",
    )
    assert (won["amount"], won["account_name"], won["lines"][0]["sku"]) == ("4514.00", "Big Head", "GTX-PRO")
    changes = select(StageChange).where(StageChange.opportunity_id == won["id"]).order_by(StageChange.at)
    opened, decided = await tx.scalars(changes)
    assert (opened.at, opened.to_state) == (datetime(2016, 10, 25, tzinfo=UTC), "open")
    assert (decided.at, decided.to_state) == (datetime(2017, 3, 11, tzinfo=UTC), "won")
    assert (decided.from_stage_id, decided.base_amount) == (opened.to_stage_id, Decimal(4514))
    lost = await client.get("/v1/opportunities", params={"source": "pipeline", "external_id": "AAAA0003"})
    assert lost.json()["data"][0]["lost_reason"] == "other"
