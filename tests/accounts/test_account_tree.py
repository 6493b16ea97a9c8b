"""Trees of accounts: where an account stands, and what it comes to with all that belongs to it."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import Account, PurchaseEntry
from app.accounts.rules import PurchaseKind
from app.accounts.tree_schemas import AccountRollup, AccountTree
from app.kernel import clock
from app.kernel.auth import Permission
from tests.accounts.customers import NOBODY, account
from tests.conftest import BoundDatabase, ClientWith
from tests.statements import counted

Json = dict[str, Any]
TODAY = date(2026, 3, 10)
AMOUNTS = ("revenue_lifetime", "revenue_this_year", "revenue_last_12_months", "open_exposure", "credit_limits")
COUNTS = ("accounts", "without_credit_limit")


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(datetime.fromisoformat("2026-03-10T12:00:00+00:00")):
        yield


async def tree(client: AsyncClient, account_id: str, **query: Any) -> Json:
    answer = await client.get(f"/v1/accounts/{account_id}/tree", params=query)
    assert answer.status_code == 200, answer.text
    AccountTree.model_validate(answer.json())
    return answer.json()  # type: ignore[no-any-return]


async def rollup(client: AsyncClient, account_id: str, **query: Any) -> Json:
    answer = await client.get(f"/v1/accounts/{account_id}/rollup", params=query)
    assert answer.status_code == 200, answer.text
    AccountRollup.model_validate(answer.json())
    return answer.json()  # type: ignore[no-any-return]


async def test_where_an_account_stands(client: AsyncClient) -> None:
    top = await account(client, name="Top")
    middle = await account(client, name="Middle", parent_id=top["id"], group_credit_limit="900.00")
    await account(client, name="Aunt", parent_id=top["id"])
    zoe, ann = [await account(client, name=name, parent_id=middle["id"]) for name in ("Zoe", "Ann")]
    grandchild = await account(client, name="Aaron", parent_id=zoe["id"])

    found = await tree(client, middle["id"])
    assert [(each["name"], each["depth"]) for each in found["above"]] == [("Top", -1)]
    assert (found["account"]["name"], found["account"]["group_credit_limit"]) == ("Middle", "900.00")
    assert [(each["name"], each["depth"]) for each in found["below"]] == [("Ann", 1), ("Zoe", 1), ("Aaron", 2)]
    assert found["has_more"] is False

    lowest = await tree(client, grandchild["id"])
    assert [(each["name"], each["depth"]) for each in lowest["above"]] == [("Top", -3), ("Middle", -2), ("Zoe", -1)]
    assert lowest["below"] == []
    some = await tree(client, top["id"], limit=2)
    assert ([each["name"] for each in some["below"]], some["has_more"]) == (["Aunt", "Middle"], True)
    assert ann["id"] not in {each["id"] for each in some["below"]}


async def test_the_parts_add_up_to_the_total(client: AsyncClient, tx: AsyncSession) -> None:
    chance = random.Random(3)  # noqa: S311 - repeatable, no secret
    made: list[Json] = []
    for number in range(40):
        parent = chance.choice(made[:12])["id"] if made and number < 35 else None
        limit = chance.choice([None, f"{chance.randint(0, 99999)}.{chance.randint(10, 99)}"])
        made.append(await account(client, name=f"Account {number}", parent_id=parent, credit_limit=limit))
        own = Account.id == made[-1]["id"]
        exposure = Decimal(chance.randint(0, 999999)) / 100
        await tx.execute(update(Account).where(own).values(open_exposure=exposure))
        made[-1]["open_exposure"] = exposure
        made[-1]["bought"] = []
        for _ in range(chance.randint(0, 4)):
            day = TODAY - timedelta(days=chance.choice([0, 60, 69, 100, 364, 365, 366, 1000]))
            amount = Decimal(chance.randint(-5000, 999999)) / 100
            made[-1]["bought"].append((day, amount))
            kind = PurchaseKind.SALE if amount > 0 else PurchaseKind.RETURN
            tx.add(PurchaseEntry(account_id=made[-1]["id"], order_id=uuid7(), kind=kind, amount=amount, day=day))
    await tx.flush()

    def below(one: Json) -> list[Json]:
        return [one, *(each for child in made if child["parent_id"] == one["id"] for each in below(child))]

    def expected(members: list[Json]) -> Json:
        bought = [each for one in members for each in one["bought"]]
        limits = [one["credit_limit"] for one in members]
        return {
            "accounts": len(members),
            "revenue_lifetime": sum(amount for _, amount in bought),
            "revenue_this_year": sum(amount for day, amount in bought if day >= date(2026, 1, 1)),
            "revenue_last_12_months": sum(amount for day, amount in bought if day > date(2025, 3, 10)),
            "open_exposure": sum(one["open_exposure"] for one in members),
            "credit_limits": sum(Decimal(each) for each in limits if each is not None),
            "without_credit_limit": limits.count(None),
        }

    def told(sums: Json) -> Json:
        return {name: Decimal(sums[name]) for name in AMOUNTS} | {name: sums[name] for name in COUNTS}

    for one in made[:6]:
        for most in (200, 2):
            found = await rollup(client, one["id"], limit=most)
            parts = [found["own"], *found["children"], *([found["other_children"]] if found["other_children"] else [])]
            assert told(found["total"]) == expected(below(one))
            assert told(found["own"]) == expected([one])
            for name in (*AMOUNTS, *COUNTS):
                assert sum(Decimal(part[name]) for part in parts) == Decimal(found["total"][name])
            children = {each["id"]: each for each in made if each["parent_id"] == one["id"]}
            assert len(found["children"]) == min(most, len(children))
            assert (found["other_children"] is None) == (len(children) <= most)
            for child in found["children"]:
                assert told(child) == expected(below(children[child["id"]]))
            revenues = [Decimal(child["revenue_lifetime"]) for child in found["children"]]
            assert revenues == sorted(revenues, reverse=True)


async def test_what_is_left_of_a_groups_credit(client: AsyncClient, tx: AsyncSession) -> None:
    parent = await account(client, group_credit_limit="100.00")
    child = await account(client, parent_id=parent["id"])
    await tx.execute(update(Account).where(Account.id == child["id"]).values(open_exposure=Decimal("120.50")))
    found = await rollup(client, parent["id"])
    assert (found["currency"], found["group_credit_limit"], found["group_credit_left"]) == ("USD", "100.00", "-20.50")
    assert (await rollup(client, child["id"]))["group_credit_left"] is None


async def test_each_takes_one_statement(client: AsyncClient, database: BoundDatabase) -> None:
    made = await account(client)
    for path in ("tree", "rollup"):
        async with counted(database.connection) as sent:
            assert (await client.get(f"/v1/accounts/{made['id']}/{path}")).status_code == 200
        assert len(sent) == 1


@pytest.mark.parametrize("path", ["tree", "rollup"])
async def test_who_is_not_there_or_not_allowed(client: AsyncClient, client_with: ClientWith, path: str) -> None:
    made = await account(client)
    assert (await client.get(f"/v1/accounts/{NOBODY}/{path}")).status_code == 404
    wrong = await client.get(f"/v1/accounts/{made['id']}/{path}", params={"limit": 1001})
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["limit"]
    other = await client_with(Permission.LEADS_READ)
    assert (await other.get(f"/v1/accounts/{made['id']}/{path}")).status_code == 403
