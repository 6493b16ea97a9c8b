"""The credit limit of a group: of an account and all that belongs to it, in the order check and at the confirmation."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text

from app.kernel import clock
from app.kernel.errors import StartOver
from app.orders import draft as drafts
from tests.conftest import BoundDatabase, Live
from tests.orders.factories import NOON, Shop, ok
from tests.statements import counted

_ADDRESS = {"lines": ["Obere Str. 57"], "city": "Berlin", "postal_code": "12209", "country": "DE"}


@pytest.fixture
async def shop(client: AsyncClient) -> Any:
    with clock.at(NOON):
        shop = await Shop.open(client)
        await shop.product("CHAI", price="10.00", stock="1000")
        yield shop


async def account(shop: Shop, name: str, **fields: Any) -> Any:
    body = {"name": name, "currency": "USD", "delivery_address": _ADDRESS, **fields}
    return ok(await shop.client.post("/v1/accounts", json=body))


async def change(shop: Shop, account_id: str, **fields: Any) -> Response:
    path = f"/v1/accounts/{account_id}"
    while True:
        version = ok(await shop.client.get(path))["version"]
        answer = await shop.client.patch(path, json=fields, headers={"If-Match": f'"v{version}"'})
        if answer.status_code != 412:  # somebody was faster
            return answer


async def order(shop: Shop, owner: Any, quantity: int) -> Any:
    return await shop.order({"sku": "CHAI", "quantity": str(quantity)}, account_id=owner["id"])


async def findings(shop: Shop, made: Any) -> list[tuple[str, str]]:
    checked = ok(await shop.client.post(f"/v1/orders/{made['id']}/check"))
    return [(each["code"], each["detail"]) for each in checked["findings"]]


async def test_a_group_has_one_limit_for_parent_and_children(shop: Shop) -> None:
    parent = await account(shop, "Holding", number="H-1", group_credit_limit="100.00")
    middle = await account(shop, "Region", parent_id=parent["id"])
    one, two = [await account(shop, name, parent_id=middle["id"]) for name in ("One", "Two")]
    assert parent["group_credit_limit"] == "100.00"
    ok(await shop.confirm(await order(shop, one, 4)))
    ok(await shop.confirm(await order(shop, parent, 3)))

    fits, exceeds = await order(shop, two, 3), await order(shop, two, 4)
    assert await findings(shop, fits) == []
    detail = "open orders of 70.00 and this one of 40.00 exceed the credit limit of 100.00 of the group of H-1, Holding"
    assert await findings(shop, exceeds) == [("group_credit_limit", detail)]
    refused = await shop.confirm(exceeds)
    assert refused.status_code == 409
    assert [each["code"] for each in refused.json()["errors"]] == ["group_credit_limit"]
    ok(await shop.confirm(fits))
    assert await findings(shop, await order(shop, parent, 1)) != []


async def test_every_limit_above_counts_and_none_beside(shop: Shop) -> None:
    top = await account(shop, "Top", number="TOP", group_credit_limit="200.00")
    low = await account(
        shop, "Low", number="LOW", group_credit_limit="50.00", parent_id=top["id"], credit_limit="60.00"
    )
    beside = await account(shop, "Beside", parent_id=top["id"])
    alone = await account(shop, "Alone")
    ok(await shop.confirm(await order(shop, beside, 19)))

    codes = [code for code, _ in await findings(shop, await order(shop, low, 7))]
    assert codes == ["credit_limit", "group_credit_limit", "group_credit_limit"]
    assert await findings(shop, await order(shop, alone, 90)) == []
    assert [code for code, _ in await findings(shop, await order(shop, beside, 2))] == ["group_credit_limit"]


async def test_an_override_lets_a_smaller_total_of_the_same_group_stand(shop: Shop) -> None:
    parent = await account(shop, "Holding", number="H-1", group_credit_limit="100.00")
    child = await account(shop, "One", parent_id=parent["id"])
    made = await order(shop, child, 12)
    said = {"code": "group_credit_limit", "reason": "the parent vouches"}
    overridden = ok(await shop.client.post(f"/v1/orders/{made['id']}/overrides", json=said))
    assert [each["overridden"] for each in overridden["findings"]] == [True]

    ok(await change(shop, parent["id"], group_credit_limit="90.00"))
    assert (await shop.confirm(overridden)).status_code == 409, "another limit is another finding"
    ok(await change(shop, parent["id"], group_credit_limit="100.00"))
    ok(await shop.confirm(overridden))


async def test_what_a_group_says_changes_with_its_accounts(shop: Shop) -> None:
    parent = await account(shop, "Holding", group_credit_limit="100.00")
    child = await account(shop, "One")
    ok(await shop.confirm(await order(shop, child, 9)))
    made = await order(shop, parent, 2)
    assert await findings(shop, made) == []
    ok(await change(shop, child["id"], parent_id=parent["id"]))
    assert [code for code, _ in await findings(shop, made)] == ["group_credit_limit"]
    ok(await change(shop, parent["id"], group_credit_limit=None))
    assert await findings(shop, made) == []


async def test_a_check_is_of_the_past_when_the_group_has_changed(shop: Shop) -> None:
    parent = await account(shop, "Holding")
    one, two = [await account(shop, name, parent_id=parent["id"]) for name in ("One", "Two")]
    made = await order(shop, one, 3)

    async def current() -> bool:
        return ok(await shop.client.get(f"/v1/orders/{made['id']}"))["check_is_current"]  # type: ignore[no-any-return]

    async def check_later(seconds: int) -> None:
        with clock.at(NOON + timedelta(seconds=seconds)):
            ok(await shop.client.post(f"/v1/orders/{made['id']}/check"))

    await check_later(1)
    assert await current()
    with clock.at(NOON + timedelta(seconds=2)):
        ok(await shop.confirm(await order(shop, two, 1)))
    assert await current(), "there is no limit, what sisters owe does not matter"
    for seconds, act in ((10, {"group_credit_limit": "50.00"}), (20, {"group_credit_limit": None})):
        with clock.at(NOON + timedelta(seconds=seconds)):
            ok(await change(shop, parent["id"], **act))
        assert not await current()
        await check_later(seconds + 1)
        assert await current()
    ok(await change(shop, parent["id"], group_credit_limit="50.00"))
    await check_later(30)
    with clock.at(NOON + timedelta(seconds=31)):
        ok(await shop.confirm(await order(shop, two, 1)))
    assert not await current()


async def test_a_wrong_limit_is_refused(shop: Shop) -> None:
    wrong = await change(shop, shop.account["id"], group_credit_limit="-1")
    assert wrong.status_code == 422
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["/group_credit_limit"]


async def test_a_confirmation_takes_six_statements_in_a_group_as_well(shop: Shop, database: BoundDatabase) -> None:
    parent = await account(shop, "Holding", group_credit_limit="1000.00")
    child = await account(shop, "One", parent_id=parent["id"])
    for owner in (child, parent, await account(shop, "Alone")):
        made = await order(shop, owner, 1)
        async with counted(database.connection) as sent:
            ok(await shop.confirm(made))
        assert len(sent) == 6


async def test_sisters_confirmed_at_once_share_a_limit(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", price="10.00", stock="1000")
    parent = await account(shop, "Holding", group_credit_limit="100.00")
    middle = await account(shop, "Region", parent_id=parent["id"])
    family = [parent, middle, *[await account(shop, f"Child {n}", parent_id=middle["id"]) for n in range(4)]]
    for _ in range(3):
        made = [await order(shop, owner, 6) for owner in family]
        answers = await asyncio.gather(*(shop.confirm(each) for each in made))
        assert sorted(each.status_code for each in answers) == [200] + [409] * 5
        assert {each.json()["errors"][0]["code"] for each in answers if each.status_code == 409} == {
            "group_credit_limit"
        }
        confirmed = next(each.json() for each in answers if each.status_code == 200)
        match = {"If-Match": f'"v{confirmed["version"]}"'}
        path = f"/v1/orders/{confirmed['id']}/cancel"
        ok(await live.client.post(path, json={"reason": "once more"}, headers=match))


async def _replayed(live: Live, tops: set[str], members: dict[str, str | None]) -> int:
    """Every event about tree, limits and orders, in the order of writing; asserts that no order went past a limit."""
    limits: dict[str, Decimal | None] = dict.fromkeys(tops)
    exposure: dict[str, Decimal] = {}
    checked = 0
    async with live.database.read() as connection:
        told = "SELECT subject_id::text, type, data FROM outbox WHERE type IN ('account.updated', 'order.confirmed')"
        events = (await connection.execute(text(f"{told} ORDER BY seq"))).all()
    for subject, kind, data in events:
        if kind == "account.updated":
            news = {each["field"]: each["new"] for each in data["changes"]}
            if "parent_id" in news:
                members[subject] = news["parent_id"]
            if "group_credit_limit" in news:
                limits[subject] = news["group_credit_limit"] and Decimal(news["group_credit_limit"])
            continue
        owner = data["account_id"]
        exposure[owner] = exposure.get(owner, Decimal(0)) + Decimal(data["net_amount"])
        top = members.get(owner) or owner
        if limit := limits.get(top):
            group = [each for each in exposure if top in (each, members.get(each))]
            assert sum(exposure[each] for each in group) <= limit
            checked += 1
    return checked


async def test_nobody_slips_past_a_limit_while_the_tree_changes(live: Live) -> None:
    """Accounts are confirmed, join, change groups and leave, and limits are set, all at once: one by one it fits."""
    shop = await Shop.open(live.client)
    await shop.product("CHAI", price="10.00", stock="100000")
    chance = random.Random(11)  # noqa: S311 - a repeatable shuffle, no secret
    tops = [await account(shop, f"Holding {n}") for n in range(2)]
    children = [await account(shop, f"Child {n}") for n in range(6)]
    checked = refused = 0
    for _ in range(4):
        made = [await order(shop, owner, chance.randint(1, 4)) for owner in [*children, *tops] * 2]
        acts = [shop.confirm(each) for each in made]
        acts += [
            change(shop, each["id"], parent_id=chance.choice([tops[0]["id"], tops[1]["id"], None])) for each in children
        ]
        acts += [
            change(shop, each["id"], group_credit_limit=f"{chance.randint(10, 60)}0.00", name=f"Holding {n}")
            for n, each in enumerate(tops)
        ]
        chance.shuffle(acts)
        answers = await asyncio.gather(*acts)
        assert {each.status_code for each in answers} <= {200, 409}, [each.text for each in answers]
        refused += sum(each.status_code == 409 for each in answers)
    checked = await _replayed(live, {each["id"] for each in tops}, {})
    assert min(checked, refused) > 3


async def test_who_finds_another_group_than_it_locked_starts_over(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the lock of the tree and what was read before it the tree may have changed; it is looked at again."""
    shop = await Shop.open(live.client)
    await shop.product("CHAI", price="10.00", stock="1000")
    parent = await account(shop, "Holding", group_credit_limit="20.00")
    child = await account(shop, "One")
    made = await order(shop, child, 3)
    started = 0

    class Counted(StartOver):
        def __init__(self) -> None:
            nonlocal started
            started += 1
            super().__init__()

    monkeypatch.setattr(drafts, "StartOver", Counted)
    async with live.database.transaction() as session:
        lock = text("SELECT pg_advisory_xact_lock(hashtext('accounts.parent'))")
        await session.execute(lock)
        confirming = asyncio.create_task(shop.confirm(made))
        async with live.database.read() as reader:
            waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            async with asyncio.timeout(5):
                while not (await reader.execute(waiting)).scalar_one():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
        joined = text("UPDATE accounts SET parent_id = :parent, version = version + 1 WHERE id = :child")
        await session.execute(joined, {"parent": parent["id"], "child": child["id"]})
    refused = await confirming
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "group_credit_limit"
    assert started == 1
