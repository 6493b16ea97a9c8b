"""An opportunity over HTTP: taken up, changed, moved through the stages, won, lost, open again."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient

from app.kernel import clock
from app.opportunities.schemas import StageChangeRead
from tests.opportunities.selling import Sales, if_match, listed, places
from tests.orders.factories import ok

LINES = [{"sku": "CHAI", "quantity": "10"}, {"sku": "TOFU", "quantity": "3", "unit_price": "4.00", "price_reason": "x"}]


@pytest.fixture
async def sales(client: AsyncClient) -> Sales:
    return await Sales.open(client)


async def test_lines_are_priced_and_summed(sales: Sales) -> None:
    await sales.product("CHAI", price="18.00")
    await sales.product("TOFU", price="23.25")
    maria = await sales.contact("Maria Anders")
    part = {"contact_id": maria["id"], "part": "decision_maker"}
    made = await sales.opportunity(lines=LINES, contacts=[part], next_step="Send samples", next_step_on="2026-04-01")
    assert (made["amount"], made["base_amount"], made["currency"]) == ("192.00", "192.00", "USD")
    assert (made["stage"], made["state"], made["probability"]) == ("prospecting", "open", "0.10")
    assert [(line["unit_price"], line["list_price"]) for line in made["lines"]] == [
        ("18.00", "18.00"),
        ("4.00", "23.25"),
    ]
    assert made["contacts"] == [part | {"name": "Maria Anders"}]
    assert (made["account_name"], made["order_id"], made["number"][:3]) == ("Alfreds Futterkiste", None, "OP-")
    changed = ok(await sales.change(made, lines=LINES[:1], probability="0.4"))
    assert (changed["amount"], changed["probability"], changed["version"]) == ("180.00", "0.4", made["version"] + 1)
    same = ok(await sales.change(changed, lines=LINES[:1]))
    assert same["version"] == changed["version"], "nothing changed"
    plain = ok(await sales.change(changed, lines=[], amount="99.999"))
    assert (plain["amount"], plain["lines"]) == ("100.00", [])
    events = await listed(sales.client, f"/v1/opportunities/{made['id']}/history")
    told = [event["data"]["changes"] for event in reversed(events)]
    assert [event["type"] for event in reversed(events)] == ["opportunity.created", *["opportunity.updated"] * 2]
    assert {each["field"] for each in told[1]} == {"lines", "amount", "base_amount", "probability"}


async def test_lines_keep_their_currency(sales: Sales) -> None:
    await sales.product("CHAI")
    rate = {"rate": "1.10"}
    ok(await sales.client.put("/v1/exchange-rates/EUR/2020-01-01", json=rate))
    made = await sales.opportunity(lines=LINES[:1])
    assert places(await sales.change(made, currency="EUR")) == (422, ["/currency"])
    agreed = LINES[0] | {"unit_price": "9.99", "price_reason": "agreed in euro"}
    changed = ok(await sales.change(made, currency="EUR", lines=[agreed]))
    assert (changed["amount"], changed["exchange_rate"], changed["base_amount"]) == ("99.90", "1.10", "109.89")
    plain = ok(await sales.change(changed, lines=[], amount="50"))
    assert ok(await sales.change(plain, currency="USD"))["base_amount"] == "50.00", "the amount stays"


async def test_contacts_are_the_accounts(sales: Sales) -> None:
    maria = await sales.contact("Maria Anders")
    part = {"contact_id": maria["id"], "part": "champion"}
    made = await sales.opportunity(contacts=[part])
    assert places(await sales.change(made, contacts=[part, part])) == (422, ["/contacts/1/contact_id"])
    other = ok(await sales.client.post("/v1/accounts", json={"name": "Other", "currency": "USD"}))
    assert places(await sales.change(made, account_id=other["id"])) == (422, ["/contacts/0/contact_id"])
    moved = ok(await sales.change(made, account_id=other["id"], contacts=[]))
    assert (moved["account_id"], moved["contacts"]) == (other["id"], [])


async def test_through_the_stages_and_back(sales: Sales) -> None:
    with clock.at(datetime(2026, 3, 10, 12, tzinfo=UTC)):
        made = await sales.opportunity(amount="5000.00")
        row = ok(await sales.move(made, "proposal", probability="0.6"))
        assert (row["stage"], row["probability"], row["closed_on"]) == ("proposal", "0.6", None)
        assert places(await sales.move(row, "lost")) == (422, ["/lost_reason"])
        row = ok(await sales.move(row, "lost", lost_reason="price", competitor="Acme", lost_note="too dear"))
        assert (row["state"], row["probability"], row["lost_reason"], row["competitor"], row["closed_on"]) == (
            "lost",
            "0",
            "price",
            "Acme",
            "2026-03-10",
        )
        assert (await sales.change(row, name="Other")).status_code == 409
        assert ok(await sales.change(row, notes="call in autumn"))["notes"] == "call in autumn"
        row = ok(await sales.move(await sales.get(row), "negotiation"))
        assert (row["state"], row["lost_reason"], row["lost_note"], row["closed_on"]) == ("open", None, None, None)
        row = ok(await sales.move(row, "won"))
        assert (row["state"], row["probability"]) == ("won", "1")
    assert (await sales.move(row, "won")).status_code == 409
    gone = await listed(sales.client, f"/v1/opportunities/{made['id']}/stage-changes", sort="at")
    assert [StageChangeRead.model_validate(each).to_stage for each in gone] == [
        "prospecting",
        "proposal",
        "lost",
        "negotiation",
        "won",
    ]
    assert [each["from_stage"] for each in gone] == [None, "prospecting", "proposal", "lost", "negotiation"]
    kinds = [each["type"] for each in await listed(sales.client, f"/v1/opportunities/{made['id']}/history")]
    assert kinds[::-1][1:] == [
        "opportunity.moved",
        "opportunity.lost",
        "opportunity.updated",
        "opportunity.reopened",
        "opportunity.won",
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"account_id": str(uuid4())}, "/account_id"),
        ({"stage": "nowhere"}, "/stage"),
        ({"stage": "won"}, "/stage"),
        ({"opened_on": "2999-01-01"}, "/opened_on"),
        ({"next_step_on": "2026-04-01"}, "/next_step"),
        ({"currency": "EUR"}, "/currency"),
        ({"lines": [{"sku": "NONE", "quantity": "1"}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "CHAI", "quantity": "1"}], "amount": "5"}, "/amount"),
        ({"lines": [{"sku": "CHAI", "quantity": "1", "discount": "0.1"}]}, "/lines/0/price_reason"),
        ({"contacts": [{"contact_id": str(uuid4()), "part": "user"}]}, "/contacts/0/contact_id"),
        ({"amount": "-1"}, "/amount"),
        ({"owner_id": str(uuid4())}, "/owner_id"),
        ({"external_id": "7"}, ""),
        ({"probability": "1.1"}, "/probability"),
        ({"expected_close_on": None}, "/expected_close_on"),
    ],
)
async def test_what_is_wrong_is_named(sales: Sales, fields: dict[str, Any], pointer: str) -> None:
    await sales.product("CHAI")
    body = {"name": "Spring", "account_id": sales.account["id"], "expected_close_on": "2026-06-30"}
    refused = await sales.client.post("/v1/opportunities", json=body | fields)
    assert places(refused) == (422, [pointer])
    assert await listed(sales.client, "/v1/opportunities") == []


async def test_winning_needs_an_account(sales: Sales) -> None:
    row = await sales.opportunity(account_id=None, amount="10")
    assert places(await sales.move(row, "won")) == (422, ["/stage"])
    lost = await sales.move(row, "prospecting")
    assert lost.status_code == 409
    for wrong, pointer in (
        ({"closed_on": "2999-01-01"}, "/closed_on"),
        ({"closed_on": "2000-01-01"}, "/closed_on"),
        ({"probability": "0.2"}, "/probability"),
    ):
        refused = await sales.move(row, "lost", lost_reason="other", **wrong)
        assert places(refused) == (422, [pointer])
    row = ok(await sales.change(row, account_id=sales.account["id"]))
    assert ok(await sales.move(row, "won"))["state"] == "won"


async def test_what_was_read_counts(sales: Sales) -> None:
    row = await sales.opportunity()
    ok(await sales.change(row, name="Autumn"))
    assert (await sales.move(row, "won")).status_code == 412
    assert (await sales.client.post(f"/v1/opportunities/{row['id']}/move", json={"stage": "won"})).status_code == 428


async def test_activities_are_the_accounts_too(sales: Sales) -> None:
    maria = await sales.contact("Maria Anders")
    row = await sales.opportunity()
    path = f"/v1/opportunities/{row['id']}/activities"
    body = {"kind": "call", "subject": "Prices", "contact_id": maria["id"], "next_step": "Offer"}
    done = ok(await sales.client.post(path, json=body))
    assert (done["opportunity_id"], done["account_id"]) == (row["id"], sales.account["id"])
    for name, value in (("opportunity_id", row["id"]), ("account_id", sales.account["id"])):
        assert [each["id"] for each in await listed(sales.client, "/v1/activities", **{name: value})] == [done["id"]]
    now = await sales.get(row)
    assert (now["next_step"], now["last_activity_at"]) == ("Offer", done["at"])
    assert places(await sales.client.post(path, json=body | {"contact_id": str(uuid4())})) == (422, ["/contact_id"])


async def test_lists(sales: Sales) -> None:
    small = await sales.opportunity(
        name="Small", amount="100", expected_close_on="2026-05-01", source="crm", external_id="1"
    )
    large = await sales.opportunity(name="Large", amount="9000", stage="proposal", competitor="Acme")
    with clock.at(datetime(2026, 1, 1, tzinfo=UTC)):
        old = await sales.opportunity(name="Old", amount="500", opened_on="2025-12-01")

    async def ids(**query: Any) -> list[str]:
        return [each["name"] for each in await listed(sales.client, "/v1/opportunities", **query)]

    assert await ids(sort="base_amount") == ["Small", "Old", "Large"]
    assert await ids(sort="expected_close_on", state="open", expected_close_to="2026-05-31") == ["Small"]
    assert await ids(stage="proposal") == ["Large"]
    assert await ids(min_value="500", sort="-base_amount") == ["Large", "Old"]
    assert await ids(stale_days=30) == ["Old"]
    assert await ids(source="crm", external_id="1") == ["Small"]
    assert await ids(words="acm") == ["Large"]
    assert await ids(number=old["number"], account_id=sales.account["id"]) == ["Old"]
    again = {"name": "X", "expected_close_on": "2026-05-01", "source": "crm", "external_id": "1"}
    assert (await sales.client.post("/v1/opportunities", json=again)).status_code == 409
    assert small["id"] != large["id"]


async def test_stages_are_named_placed_and_kept(sales: Sales) -> None:
    client = sales.client
    codes = [each["code"] for each in await listed(client, "/v1/opportunity-stages")]
    assert codes == ["prospecting", "qualification", "proposal", "negotiation", "won", "lost"]
    body = {"code": "demo", "name": "Demonstration", "position": 25}
    assert places(await client.post("/v1/opportunity-stages", json=body)) == (422, ["/probability"])
    demo = ok(await client.post("/v1/opportunity-stages", json=body | {"probability": "0.35"}))
    assert (await client.post("/v1/opportunity-stages", json=body | {"probability": "0.4"})).status_code == 409
    wrong = {"code": "dead", "name": "Dead", "position": 70, "type": "lost", "probability": "0.2"}
    assert places(await client.post("/v1/opportunity-stages", json=wrong)) == (422, ["/probability"])
    row = ok(await sales.move(await sales.opportunity(), "demo"))
    path = f"/v1/opportunity-stages/{demo['id']}"
    ok(await client.patch(path, json={"active": False, "name": "Demo"}, headers=if_match(demo)))
    assert places(await sales.move(await sales.opportunity(), "demo")) == (422, ["/stage"])
    assert (await sales.get(row))["probability"] == "0.35"
    (won,) = await listed(client, "/v1/opportunity-stages", type="won")
    path = f"/v1/opportunity-stages/{won['id']}"
    assert (await client.patch(path, json={"active": False}, headers=if_match(won))).status_code == 409
