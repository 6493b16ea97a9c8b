"""The limit: the least that can do the same reads and writes on the same database.

Bare ASGI over asyncpg, PostgreSQL builds the JSON. No routing table, no validation, no authentication, no check of any
rule. Leads are looked up under the locks of their keys, as they must be where two systems may send the same one, and an
order is confirmed under the locks of its rows; nothing is decided by what was read. Nothing can be much faster in
Python; what the service reaches of it is its share.

    python -m tests.benchmarks.limit DATABASE_URL PORT
"""

import json
import sys
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn
from uuid_utils.compat import uuid7

_ORDER = """
    SELECT row_to_json(r)::text FROM (
      SELECT o.id, o.version, o.created_at, o.updated_at, o.number, o.status, o.status_at, o.shipment_state,
        o.open_to_ship, o.due_on, o.ordered_on, o.account_id, a.name AS account_name, o.contact_id, o.lead_id,
        o.channel, o.evidence_reference, o.received_at, o.taken_by_id, o.po_number, o.delivery_address, o.notes,
        o.currency, o.exchange_rate::text, o.net_amount::text, o.freight::text, o.returned_amount::text,
        o.base_amount::text,
        o.checked_at, true AS check_is_current, o.findings, o.dates_agreed_by, o.confirmed_at,
        o.completed_at, o.cancelled_at, o.cancel_reason,
        (SELECT json_agg(l ORDER BY l.line_no) FROM (
           SELECT id, line_no, product_id, sku, quantity::text, requested_on, list_price::text, unit_price::text,
             discount::text, price_reason, amount::text, promised_on, basis, basis_receipt_id, shipped_quantity::text,
             delivered_quantity::text, returned_quantity::text
           FROM order_lines WHERE order_id = o.id) l) AS lines,
        (SELECT coalesce(json_agg(h), '[]') FROM order_holds h WHERE h.order_id = o.id) AS holds,
        (SELECT coalesce(json_agg(v), '[]') FROM order_overrides v WHERE v.order_id = o.id) AS overrides
      FROM orders o JOIN accounts a ON a.id = o.account_id {where}) r"""
_ONE = _ORDER.format(where="WHERE o.id = $1")
_PAGE = _ORDER.format(where="WHERE o.status = 'confirmed' ORDER BY o.created_at DESC, o.id DESC LIMIT 100")

_LEADS = """
    WITH sent AS MATERIALIZED (
      SELECT uuidv7() AS id, now() AS at, row, source, external_id, campaign, person_name, company, email, country,
        message
      FROM ROWS FROM (jsonb_to_recordset($1::text::jsonb -> 'leads') AS (
        source text, external_id text, campaign text, person_name text, company text, email text, country text,
        message text)) WITH ORDINALITY AS s(source, external_id, campaign, person_name, company, email, country,
        message, row)),
    lead AS (
      INSERT INTO leads (id, version, created_at, updated_at, source, campaign, person_name, person_key, company, email,
        shared_email, country, message, product_skus, attributes, touch_count, status, status_changed_at, budget,
        authority, need, score, score_lines)
      SELECT id, 1, at, at, source, campaign, person_name, lower(person_name), company, email, false, country, message,
        '{}', '{}', 1, 'new', at, 'unknown', 'unknown', 'unknown', 0, '[]' FROM sent RETURNING *),
    touch AS (
      INSERT INTO lead_touches (id, lead_id, at, source, external_id, campaign, payload, actor)
      SELECT uuidv7(), id, at, source, external_id, campaign, to_jsonb(sent), 'limit' FROM sent),
    identity AS (
      INSERT INTO lead_identities (source, external_id, lead_id, fingerprint)
      SELECT source, external_id, id, md5(sent::text) FROM sent
      ON CONFLICT (source, external_id) DO UPDATE SET fingerprint = excluded.fingerprint),
    event AS (
      INSERT INTO outbox (id, type, subject_type, subject_id, time, actor, data)
      SELECT uuidv7(), 'lead.captured', 'leads', id, at, 'limit', to_jsonb(sent) FROM sent),
    answer AS (SELECT {answer} AS body FROM lead),
    kept AS (
      INSERT INTO idempotency_records (owner, operation, key, fingerprint, status, body, created_at)
      SELECT uuidv7(), 'POST', $2, md5($1::text), 201, convert_to(body, 'UTF8'), now() FROM answer)
    SELECT body FROM answer"""
_CREATE = _LEADS.replace("{answer}", "row_to_json(lead)::text")
_BULK = _LEADS.replace("{answer}", "json_build_object('data', json_agg(json_build_object('id', id)))::text")

_LOCK_LEADS = """
    INSERT INTO lead_keys (key)
    SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest($1::text[]) name ORDER BY key
    ON CONFLICT (key) DO UPDATE SET key = excluded.key WHERE false"""
_KNOWN_LEADS = """
    SELECT l.*, (SELECT json_agg(i) FROM lead_identities i WHERE i.lead_id = l.id) AS identities FROM leads l
    WHERE l.id = ANY (ARRAY(
      SELECT id FROM leads WHERE email = ANY ($1::text[])
      UNION SELECT lead_id FROM lead_identities WHERE source = $3 AND external_id = ANY ($2::text[])))"""

_LOCK_ORDER = "SELECT o.id FROM orders o JOIN accounts a ON a.id = o.account_id WHERE o.id = $1 FOR NO KEY UPDATE"
_LOCK_ITEMS = """
    SELECT product_id FROM stock_items WHERE product_id IN (SELECT product_id FROM order_lines WHERE order_id = $1)
    ORDER BY product_id FOR UPDATE"""
_LEDGER = """
    SELECT l.id, s.on_hand,
      (SELECT array_agg((due_on, quantity)) FROM receipts r WHERE r.product_id = l.product_id
         AND status IN ('planned', 'confirmed')) AS coming,
      (SELECT array_agg((promised_on, total)) FROM (SELECT promised_on, sum(quantity) AS total FROM reservations v
         WHERE v.product_id = l.product_id GROUP BY promised_on) p) AS promised
    FROM order_lines l JOIN stock_items s ON s.product_id = l.product_id WHERE l.order_id = $1"""
_CONFIRM = """
    WITH confirmed AS (
      UPDATE orders SET status = 'confirmed', status_at = now(), confirmed_at = now(), checked_at = now(),
        updated_at = now(), version = version + 1, open_to_ship = true, due_on = current_date
      WHERE id = $1 RETURNING *),
    owed AS (
      UPDATE accounts a SET open_exposure = open_exposure + c.base_amount, version = a.version + 1, updated_at = now()
      FROM confirmed c WHERE a.id = c.account_id),
    line AS (
      UPDATE order_lines SET promised_on = current_date, basis = 'stock' WHERE order_id = $1 RETURNING *),
    held AS (
      INSERT INTO reservations (order_line_id, order_id, order_number, product_id, quantity, promised_on, basis,
        created_at)
      SELECT l.id, c.id, c.number, l.product_id, l.quantity, current_date, 'stock', now() FROM line l, confirmed c),
    event AS (
      INSERT INTO outbox (id, type, subject_type, subject_id, time, actor, data)
      SELECT uuidv7(), 'order.confirmed', 'orders', id, now(), 'limit', to_jsonb(confirmed) FROM confirmed),
    answer AS (
      SELECT row_to_json(r)::text AS body FROM (
        SELECT c.*, (SELECT json_agg(line ORDER BY line_no) FROM line) AS lines FROM confirmed c) r),
    kept AS (
      INSERT INTO idempotency_records (owner, operation, key, fingerprint, status, body, created_at)
      SELECT uuidv7(), 'POST', $2, md5($2), 200, convert_to(body, 'UTF8'), now() FROM answer)
    SELECT body FROM answer"""


_SETTINGS = {"jit": "off", "plan_cache_mode": "force_generic_plan"}


class Limit:
    """The application; its pool is as large as the service's."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.pool = await asyncpg.create_pool(self.url, min_size=10, max_size=10, server_settings=_SETTINGS)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = await self.answer(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, scope: Any, receive: Any) -> bytes:
        path: str = scope["path"]
        if scope["method"] == "GET":
            if path == "/v1/orders":
                rows = await self.pool.fetch(_PAGE)
                return f'{{"data":[{",".join([row[0] for row in rows])}],"next_cursor":"","has_more":true}}'.encode()
            if path.startswith("/v1/orders/"):
                return str(await self.pool.fetchval(_ONE, UUID(path[11:]))).encode()
            return b"{}"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        key = str(uuid7())
        if path == "/v1/leads":
            return await self.capture(_CREATE, b'{"leads":[' + body + b"]}", key)
        if path == "/v1/leads/bulk":
            return await self.capture(_BULK, body, key)
        order_id = UUID(path[11:47])
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.fetchval(_LOCK_ORDER, order_id)
            await connection.fetch(_LOCK_ITEMS, order_id)
            await connection.fetch(_LEDGER, order_id)
            return str(await connection.fetchval(_CONFIRM, order_id, key)).encode()

    async def capture(self, statement: str, body: bytes, key: str) -> bytes:
        rows = json.loads(body)["leads"]
        emails, ids = [row["email"] for row in rows], [row["external_id"] for row in rows]
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.fetch(
                _LOCK_LEADS, [*(f"email:{each}" for each in emails), *(f"ext:{each}" for each in ids)]
            )
            await connection.fetch(_KNOWN_LEADS, emails, ids, rows[0]["source"])
            return str(await connection.fetchval(statement, body.decode(), key)).encode()


if __name__ == "__main__":
    uvicorn.run(
        Limit(sys.argv[1]), port=int(sys.argv[2]), loop="uvloop", http="httptools", ws="none", access_log=False,
        log_level="warning",
    )  # fmt: skip
