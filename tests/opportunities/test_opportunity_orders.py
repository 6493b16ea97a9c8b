"""From a lead to an opportunity, and from a won one to an order: nothing is typed twice, nothing becomes two."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient, Response

from app.kernel.auth import Permission
from tests.conftest import ClientWith, Live
from tests.leads.test_lead_life import ANSWERS, act, done, qualified
from tests.opportunities.selling import Sales, if_match, listed, places
from tests.orders.factories import ok

LINES = [
    {"sku": "CHAI", "quantity": "10"},
    {"sku": "TOFU", "quantity": "3", "discount": "0.05", "price_reason": "spring offer"},
]


@pytest.fixture
async def sales(client: AsyncClient) -> Sales:
    return await stocked(client)


async def stocked(client: AsyncClient) -> Sales:
    sales = await Sales.open(client)
    await sales.product("CHAI", price="18.00", stock="100")
    await sales.product("TOFU", price="23.25", stock="100")
    return sales


async def order(sales: Sales, opportunity: dict[str, Any], **fields: Any) -> Response:
    body = {"opportunity_id": opportunity["id"], "channel": "email", "evidence_reference": "mail of 2 March", **fields}
    return await sales.client.post("/v1/orders", json=body)


async def test_a_won_one_becomes_an_order_once(sales: Sales) -> None:
    parts = [("Maria", "decision_maker"), ("Thomas", "user")]
    people = {name: (await sales.contact(name))["id"] for name, _ in parts}
    contacts = [{"contact_id": people[name], "part": part} for name, part in parts]
    won = await sales.won(lines=LINES, contacts=contacts)
    await sales.client.post(
        f"/v1/price-lists/{sales.prices['id']}/prices/bulk",
        json={"prices": [{"sku": "CHAI", "unit_price": "15.00", "valid_from": "2020-01-01"}]},
    )
    made = ok(await order(sales, won))
    assert (made["opportunity_id"], made["account_id"], made["status"]) == (won["id"], sales.account["id"], "draft")
    assert made["contact_id"] == people["Maria"], "who decides"
    assert made["net_amount"] == won["amount"] == "246.26", "at the prices that were offered"
    assert [(line["sku"], line["quantity"], line["price_reason"]) for line in made["lines"]] == [
        ("CHAI", "10", f"as offered in {won['number']}"),
        ("TOFU", "3", "spring offer"),
    ]
    now = await sales.get(won)
    assert now["order_id"] == made["id"]
    again = await order(sales, won)
    assert (again.status_code, made["id"] in again.json()["detail"]) == (409, True)
    assert (await sales.move(now, "negotiation")).status_code == 409
    (found,) = await listed(sales.client, "/v1/orders", opportunity_id=won["id"])
    assert found["id"] == made["id"]
    assert ok(await sales.confirm(made, accept_dates=True, agreed_by="Ms Anders"))["status"] == "confirmed"


async def test_a_cancelled_order_sets_it_free(sales: Sales) -> None:
    won = await sales.won(lines=LINES)
    first = ok(await order(sales, won))
    path = f"/v1/orders/{first['id']}/cancel"
    ok(await sales.client.post(path, json={"reason": "typed wrongly"}, headers=if_match(first)))
    assert (await sales.get(won))["order_id"] is None
    second = ok(await order(sales, won, lines=[{"sku": "CHAI", "quantity": "1"}]))
    assert (await sales.get(won))["order_id"] == second["id"]
    assert {each["id"] for each in await listed(sales.client, "/v1/orders", opportunity_id=won["id"])} == {
        first["id"],
        second["id"],
    }


async def test_what_does_not_become_an_order(sales: Sales) -> None:
    still_open = await sales.opportunity(lines=LINES)
    assert (await order(sales, still_open)).status_code == 409
    bare = await sales.won(amount="10")
    assert places(await order(sales, bare)) == (422, ["/lines"])
    other = ok(await sales.client.post("/v1/accounts", json={"name": "Other", "currency": "USD"}))
    assert places(await order(sales, await sales.won(lines=LINES), account_id=other["id"])) == (422, ["/account_id"])
    nobody = {"id": "0198c1de-0000-7000-8000-000000000000"}
    assert places(await order(sales, nobody)) == (422, ["/opportunity_id"])
    neither = await sales.client.post("/v1/orders", json={"channel": "email"})
    assert places(neither) == (422, ["/account_id", "/lines"])


async def test_conversion_makes_one_when_asked(sales: Sales, client_with: ClientWith) -> None:
    lead = await qualified(sales.client, estimated_value="1500.00", estimated_currency="USD", campaign="SPRING")
    few = await client_with(Permission.LEADS_WRITE, Permission.LEADS_READ, Permission.ACCOUNTS_WRITE)
    assert (await act(few, lead, "convert", {"opportunity": {}})).status_code == 403
    wrong = await act(sales.client, lead, "convert", {"opportunity": {"stage": "nowhere"}})
    assert places(wrong) == (422, ["/opportunity/stage"])
    converted = await done(sales.client, lead, "convert", {"opportunity": {"expected_close_on": "2026-06-30"}})
    made = await sales.get({"id": converted["opportunity_id"]})
    assert (made["lead_id"], made["account_id"], made["campaign"]) == (lead["id"], converted["account_id"], "SPRING")
    assert (made["amount"], made["expected_close_on"], made["stage"]) == ("1500.00", "2026-06-30", "prospecting")
    assert [(each["contact_id"], each["part"]) for each in made["contacts"]] == [
        (converted["contact_id"], "decision_maker")
    ]
    again = await done(sales.client, lead, "convert", {"opportunity": {}})
    assert again["opportunity_id"] == made["id"], "once"
    assert len(await listed(sales.client, "/v1/opportunities")) == 1
    history = await listed(sales.client, f"/v1/leads/{lead['id']}/history")
    (told,) = [event for event in history if event["type"] == "lead.converted"]
    assert told["data"]["opportunity_id"] == made["id"]
    row = ok(await sales.change(made, lines=LINES))
    bought = ok(await order(sales, ok(await sales.move(row, "won"))))
    assert bought["lead_id"] == lead["id"]


async def test_what_the_conversion_says_counts(sales: Sales) -> None:
    lead = await qualified(sales.client, estimated_value="1500.00", estimated_currency="USD")
    lead = await done(sales.client, lead, "qualify", ANSWERS | {"authority": "influencer"})
    asked = {"name": "Chai for all", "lines": LINES, "stage": "proposal"}
    wrong = await act(sales.client, lead, "convert", {"opportunity": asked | {"amount": "1.00"}})
    assert places(wrong) == (422, ["/opportunity/amount"])
    converted = await done(sales.client, lead, "convert", {"opportunity": asked})
    made = await sales.get({"id": converted["opportunity_id"]})
    assert (made["name"], made["stage"], made["amount"]) == ("Chai for all", "proposal", "246.26")
    assert [each["part"] for each in made["contacts"]] == ["influencer"]


async def test_without_being_asked_there_is_none(sales: Sales) -> None:
    lead = await qualified(sales.client)
    assert (await done(sales.client, lead, "convert", {}))["opportunity_id"] is None


async def test_sixteen_at_once_get_one_order(live: Live) -> None:
    sales = await stocked(live.client)
    won = await sales.won(lines=LINES)
    answers = await asyncio.gather(*(order(sales, won) for _ in range(16)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 15]
    (made,) = await listed(live.client, "/v1/orders", opportunity_id=won["id"])
    assert (await sales.get(won))["order_id"] == made["id"]


async def test_eight_conversions_at_once_make_one(live: Live) -> None:
    lead = await qualified(live.client, estimated_currency="USD")
    answers = await asyncio.gather(
        *(act(live.client, lead, "convert", {"opportunity": {"name": f"Try {n}"}}) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    (made,) = await listed(live.client, "/v1/opportunities")
    assert {answer.json()["opportunity_id"] for answer in answers} == {made["id"]}


async def test_won_and_lost_at_once_it_is_one_of_them(live: Live) -> None:
    sales = await stocked(live.client)
    row = await sales.opportunity(lines=LINES)
    answers = await asyncio.gather(
        *(sales.move(row, "won") for _ in range(4)), *(sales.move(row, "lost", lost_reason="price") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    gone = await listed(live.client, f"/v1/opportunities/{row['id']}/stage-changes")
    assert [each["to_stage"] for each in gone] == [(await sales.get(row))["stage"], "prospecting"]


async def test_of_two_last_stages_one_stays(live: Live) -> None:
    body = {"code": "signed", "name": "Signed", "position": 55, "type": "won"}
    ok(await live.client.post("/v1/opportunity-stages", json=body))
    both = await listed(live.client, "/v1/opportunity-stages", type="won")
    answers = await asyncio.gather(
        *(
            live.client.patch(f"/v1/opportunity-stages/{each['id']}", json={"active": False}, headers=if_match(each))
            for each in both
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_reopened_and_ordered_at_once_it_is_one_of_them(live: Live) -> None:
    sales = await stocked(live.client)
    won = await sales.won(lines=LINES)
    reopened, *orders = await asyncio.gather(sales.move(won, "proposal"), *(order(sales, won) for _ in range(4)))
    now = await sales.get(won)
    if reopened.status_code == 200:
        assert (now["state"], now["order_id"], {each.status_code for each in orders}) == ("open", None, {409})
    else:
        assert reopened.status_code in {409, 412}
        assert (now["state"], sorted(each.status_code for each in orders)) == ("won", [201, 409, 409, 409])


async def test_cancelled_and_ordered_at_once_it_is_one_order_at_most(live: Live) -> None:
    sales = await stocked(live.client)
    won = await sales.won(lines=LINES)
    first = ok(await order(sales, won))
    path = f"/v1/orders/{first['id']}/cancel"
    cancelled, *others = await asyncio.gather(
        live.client.post(path, json={"reason": "changed"}, headers=if_match(first)),
        *(order(sales, won) for _ in range(8)),
    )
    assert cancelled.status_code == 200
    assert {answer.status_code for answer in others} <= {201, 409}
    alive = [
        each for each in await listed(live.client, "/v1/orders", opportunity_id=won["id"]) if each["status"] == "draft"
    ]
    assert len(alive) <= 1
    assert (await sales.get(won))["order_id"] == (alive[0]["id"] if alive else None)
