"""Merges raced with real parallel transactions: against each other, against capture, against orders."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from httpx import Response
from sqlalchemy import text

from tests.accounts.customers import BERLIN, account
from tests.conftest import Live
from tests.duplicates.looking import get, versioned
from tests.leads.test_lead_capture import capture
from tests.orders.factories import Shop

Json = dict[str, Any]


async def merge(live: Live, kind: str, this: Json, other: Json) -> Response:
    return await versioned(live.client, f"/v1/{kind}/{this['id']}/merge", this, {"from_id": other["id"]})


async def number(live: Live, statement: str, **given: object) -> Any:
    async with live.database.read() as connection:
        return (await connection.execute(text(statement), given)).scalar_one()


async def test_each_into_the_other_at_once_is_one_merge(live: Live) -> None:
    makers: tuple[tuple[str, Callable[..., Awaitable[Json]], Json], ...] = (
        ("accounts", account, {}),
        ("leads", capture, {"person_name": "Anna"}),
    )
    for kind, make, named in makers:
        for _ in range(5):
            one = await make(live.client, **named)
            two = await make(live.client, **named)
            answers = await asyncio.gather(merge(live, kind, one, two), merge(live, kind, two, one))
            assert sorted(each.status_code for each in answers) == [201, 409], [each.text for each in answers]
            ids = {(await get(live.client, kind, each["id"]))["id"] for each in (one, two)}
            assert len(ids) == 1


async def test_capture_during_a_merge_is_lost_by_neither(live: Live) -> None:
    for n in range(8):
        mine: Json = {"person_name": "Anna Berg", "email": f"anna{n}@example.com", "external_id": f"a{n}"}
        other: Json = {
            "person_name": "Ana Berg",
            "email": f"ana{n}@example.com",
            "external_id": f"b{n}",
            "source": "fair",
        }
        one, two = await capture(live.client, **mine), await capture(live.client, **other)
        touches = [
            {"source": "web", "email": f"ana{n}@example.com", "person_name": "Ana Berg", "offer": f"{i}"}
            for i in range(4)
        ]
        touches += [{"source": "fair", "external_id": f"b{n}", "company": f"Company {i}"} for i in range(4)]
        merging = merge(live, "leads", one, two)
        posts = [live.client.post("/v1/leads", json=row) for row in touches]
        done, *captured = await asyncio.gather(merging, *posts)
        assert done.status_code == 201, done.text
        assert {each.status_code for each in captured} == {200}, [each.text for each in captured]
        lead = await get(live.client, "leads", one["id"])
        assert lead["touch_count"] == 2 + len(touches)
        kept = "SELECT count(*) FROM lead_touches WHERE lead_id = :id"
        assert await number(live, kept, id=one["id"]) == lead["touch_count"]
        assert await number(live, kept, id=two["id"]) == 0
    assert await number(live, "SELECT count(*) FROM leads WHERE merged_into_id IS NULL") == 8


async def test_orders_confirmed_and_taken_during_a_merge_are_the_survivors(live: Live) -> None:
    shop = await Shop.open(live.client)
    await shop.product("CHAI", price="10.00", stock="10000")
    for _ in range(6):
        old = await account(live.client, name="Alfreds", currency="USD", delivery_address=BERLIN)
        new = await account(live.client, name="Alfred's", currency="USD")
        shop.account = old
        drafts = [await shop.order({"sku": "CHAI", "quantity": "1"}) for _ in range(4)]
        confirms = [shop.confirm(draft, accept_dates=True, agreed_by="Ms Anders") for draft in drafts[:3]]
        cancel = versioned(live.client, f"/v1/orders/{drafts[3]['id']}/cancel", drafts[3], {"reason": "twice"})
        taken = live.client.post("/v1/orders", json=shop.draft({"sku": "CHAI", "quantity": "1"}))
        answers = await asyncio.gather(*confirms, cancel, taken, merge(live, "accounts", new, old))
        *others, created, done = answers
        assert done.status_code == 201, done.text
        # One that was read before the merge was written has a version more by now; nothing is done by halves.
        assert {each.status_code for each in others} <= {200, 412}, [each.text for each in others]
        assert created.status_code in {201, 422}, created.text
        left = "SELECT count(*) FROM orders WHERE account_id = :id"
        assert await number(live, left, id=old["id"]) == 0
        booked = "SELECT coalesce(sum(base_amount), 0) FROM orders WHERE account_id = :id AND status = 'confirmed'"
        exposure = Decimal((await get(live.client, "accounts", new["id"]))["open_exposure"])
        assert exposure == await number(live, booked, id=new["id"])


async def test_undone_twice_at_once_is_undone_once(live: Live) -> None:
    one, two = await account(live.client), await account(live.client)
    done = (await merge(live, "accounts", one, two)).json()
    undos = [versioned(live.client, f"/v1/merges/{done['id']}/undo", done) for _ in range(4)]
    answers = await asyncio.gather(*undos)
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412], [each.text for each in answers]
