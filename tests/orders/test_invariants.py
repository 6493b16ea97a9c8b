"""Every invariant notices what breaks it: a life of orders, of which one thing after the other is made wrong."""

from typing import Any

import pytest
from sqlalchemy import text

from app.kernel import outbox
from tests.conftest import BoundDatabase
from tests.invariants import INVARIANTS, NUMBERED, PROMISES, broken
from tests.orders.factories import TODAY, Shop, ok

SABOTAGE = {
    PROMISES: ["UPDATE stock_items SET on_hand = on_hand - 57 WHERE on_hand > 40"],
    "a reservation is what is open of a confirmed order's line, and every such line has its own": [
        "DELETE FROM reservations WHERE basis = 'stock'",
        "UPDATE reservations SET quantity = quantity - 1",
        (
            "INSERT INTO reservations (order_line_id, order_id, order_number, product_id, quantity, promised_on, basis,"
            " created_at) SELECT id, order_id, 'SO-1', product_id, 1, '2026-03-10', 'stock', now() FROM order_lines"
            " WHERE order_id IN (SELECT id FROM orders WHERE status = 'cancelled')"
        ),
    ],
    "an account's open exposure is the sum of its confirmed orders": [
        "UPDATE accounts SET open_exposure = open_exposure + 0.01"
    ],
    "the purchase record is completed orders less returns": [
        "UPDATE purchase_entries SET amount = amount + 0.01 WHERE kind = 'return'",
        (
            "INSERT INTO purchase_entries (id, account_id, order_id, kind, amount, day, created_at)"
            " SELECT gen_random_uuid(), account_id, gen_random_uuid(), 'sale', 1, day, now() FROM purchase_entries"
        ),
    ],
    "on hand is the last count and what has moved since": ["UPDATE stock_items SET on_hand = on_hand + 1"],
    "what moved for orders is what was shipped and restocked": ["DELETE FROM stock_movements WHERE kind = 'return'"],
    "a received receipt was booked on stock once": ["DELETE FROM stock_movements WHERE kind = 'receipt'"],
    "a planned receipt of ours has its line, and a promise by production its planned receipt": [
        "UPDATE receipts SET pegged_line_id = gen_random_uuid() WHERE status = 'planned'",
        "UPDATE receipts SET status = 'cancelled' WHERE status = 'planned'",
    ],
    "positions are 1 to the head's, each once": [
        "UPDATE outbox SET position = position + 1 WHERE position = (SELECT max(position) FROM outbox)",
        "UPDATE outbox_head SET position = position + 1",
    ],
    "events about one subject keep their order": [
        (
            "UPDATE outbox SET position = CASE type WHEN 'order.created' THEN 1000000 ELSE 2000000 END"
            " + (SELECT position FROM outbox_head) - position WHERE subject_type = 'orders'"
        )
    ],
    NUMBERED: ["UPDATE outbox SET position = NULL WHERE position = (SELECT max(position) FROM outbox)"],
    "what an order derives follows from its lines and holds": [
        "UPDATE orders SET shipment_state = 'shipped' WHERE shipment_state = 'none'",
        "UPDATE orders SET open_to_ship = true WHERE status = 'draft'",
        "UPDATE orders SET due_on = due_on + 1 WHERE status = 'confirmed'",
        "UPDATE orders SET status = 'confirmed' WHERE status = 'completed'",
        "UPDATE order_holds SET released_at = NULL",
    ],
    "a line's quantities are those of its shipments and returns": [
        "UPDATE shipment_lines SET quantity = quantity + 1",
        "UPDATE shipments SET delivered_at = now() WHERE delivered_at IS NULL",
        "DELETE FROM order_return_lines",
    ],
    "an order's amounts are the sums of its lines and returns": [
        "UPDATE order_lines SET amount = amount + 0.01",
        "UPDATE orders SET base_amount = base_amount + 0.01",
        "UPDATE order_returns SET amount = amount + 0.01",
    ],
    "one purchase order of a customer is one order": [
        "UPDATE orders SET po_number = CASE status WHEN 'completed' THEN 'po-1' ELSE 'PO-1' END"
    ],
    "a lead's touches are counted": [
        "UPDATE leads SET touch_count = touch_count + 1",
        "DELETE FROM lead_touches WHERE offer = 'samples'",
    ],
    "what a source calls a lead stays that lead": [
        "UPDATE lead_identities SET external_id = '2'",
        "UPDATE lead_identities SET lead_id = (SELECT id FROM leads WHERE status = 'new')",
    ],
    "a converted lead is a contact of its account, and what it said is the contact's": [
        "UPDATE consents SET contact_id = NULL",
        "UPDATE leads SET account_id = (SELECT account_id FROM orders LIMIT 1) WHERE status = 'converted'",
    ],
    "every Idempotency-Key that is kept has an answer of success": [
        "UPDATE idempotency_records SET status = NULL, body = NULL",
        "UPDATE idempotency_records SET status = 409",
    ],
    "events are exactly the committed facts": [
        "DELETE FROM outbox WHERE type = 'order.confirmed'",
        "UPDATE outbox SET subject_id = gen_random_uuid() WHERE type = 'order.cancelled'",
        "UPDATE outbox SET type = 'order.shipped' WHERE type = 'order.created'",
    ],
}


@pytest.fixture
async def lived(shop: Shop, database: BoundDatabase) -> BoundDatabase:
    """Orders open, made for by production, part shipped, held once, completed and partly returned, cancelled, new;
    leads, one of which is converted.
    """
    await shop.product("CHAI", stock="60")
    await shop.product("TOFU", stock="1", production_days=3)
    await shop.receipt("TOFU", "5", "2026-03-10", status="received")
    chai: dict[str, Any] = {"sku": "CHAI", "quantity": "5"}
    await shop.order(chai)
    await shop.confirmed(chai, {"sku": "TOFU", "quantity": "20"})
    part, all_of_it, off = [await shop.confirmed(chai) for _ in range(3)]
    post = shop.client.post
    lines = [{"line_no": 1, "quantity": "2"}]
    ok(await post(f"/v1/orders/{part['id']}/shipments", json={"lines": lines}, headers={"Idempotency-Key": "part"}))
    held = ok(await post(f"/v1/orders/{part['id']}/holds", json={"reason": "credit"}))["holds"][0]
    ok(await post(f"/v1/orders/{part['id']}/holds/{held['id']}/release", json={"note": "paid"}))
    went = ok(await post(f"/v1/orders/{all_of_it['id']}/shipments", json={}))
    ok(await post(f"/v1/orders/{all_of_it['id']}/shipments/{went['id']}/delivery", json={}))
    back = {"lines": lines, "reason": "damaged", "restock": True}
    ok(await post(f"/v1/orders/{all_of_it['id']}/returns", json=back))
    match = {"If-Match": f'"v{off["version"]}"'}
    ok(await post(f"/v1/orders/{off['id']}/cancel", json={"reason": "not wanted"}, headers=match))
    await _converted(shop)
    await outbox.number_all(database)
    return database


async def _converted(shop: Shop) -> None:
    """A lead that was heard of twice, consented and became an account's contact; another that is new."""
    ana = {"source": "web", "external_id": "1", "email": "ana@example.com", "person_name": "Ana Trujillo"}
    yes = {"purpose": "marketing", "channel": "email", "granted": True}
    post = shop.client.post
    ok(await post("/v1/leads", json={**ana, "consents": [yes]}))
    lead = ok(await post("/v1/leads", json={**ana, "offer": "samples"}))["lead"]
    answers = {"interest_level": "strong", "intention": "intends"}
    for action, body in (("qualify", answers), ("convert", {"account": {"name": "Emparedados"}})):
        match = {"If-Match": f'"v{lead["version"]}"'}
        lead = ok(await post(f"/v1/leads/{lead['id']}/{action}", json=body, headers=match))
    ok(await post("/v1/leads", json={"source": "fair", "company": "Emparedados"}))


async def test_each_tells_what_breaks_it(lived: BoundDatabase) -> None:
    async with lived.transaction() as session:
        assert await broken(session, today=TODAY) == []
        assert SABOTAGE.keys() == INVARIANTS.keys()
        for name, statements in SABOTAGE.items():
            for statement in statements:
                wrong = await session.begin_nested()
                changed = await session.execute(text(statement))
                assert changed.rowcount, statement  # type: ignore[attr-defined]
                found = await broken(session, today=TODAY)
                assert any(each.startswith(name) for each in found), f"{statement}: {found}"
                await wrong.rollback()
        assert await broken(session, today=TODAY) == []


async def test_what_is_left_out_is_not_asked(lived: BoundDatabase) -> None:
    async with lived.transaction() as session:
        await session.execute(
            text("UPDATE outbox SET position = NULL WHERE position = (SELECT max(position) FROM outbox)")
        )
        await session.execute(text("UPDATE outbox_head SET position = position - 1"))
        assert [each.split(":")[0] for each in await broken(session, today=TODAY)] == [NUMBERED]
        assert await broken(session, today=TODAY, leaving_out={NUMBERED, PROMISES}) == []
