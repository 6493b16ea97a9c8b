"""Fills a database for the benchmarks with statements of PostgreSQL's own: 200,000 orders take half a minute."""

import psycopg

ORDERS = 200_000

_FILL = """
INSERT INTO products (id, version, created_at, updated_at, sku, name, category, unit, minimum_quantity, order_multiple,
  status, production_days)
SELECT uuidv7(), 1, now() - interval '2 years', now() - interval '1 year', 'SKU-' || n, 'Product ' || n,
  'Category ' || n % 20, 'piece', 1, 1, 'active', 5
FROM generate_series(1, {orders} / 100) n;

INSERT INTO price_lists (id, version, created_at, updated_at, code, name, currency, is_default, valid_from)
VALUES (uuidv7(), 1, now(), now(), 'standard', 'Standard', 'USD', true, '2020-01-01');

INSERT INTO prices (id, version, created_at, updated_at, price_list_id, product_id, min_quantity, unit_price,
  valid_from)
SELECT uuidv7(), 1, now(), now(), l.id, p.id, 1, 10.00, '2020-01-01' FROM products p, price_lists l;

INSERT INTO stock_items (product_id, on_hand, counted_quantity, counted_at, version, updated_at)
SELECT id, 1000000, 1000000, now(), 1, now() FROM products;

INSERT INTO accounts (id, version, created_at, updated_at, number, name, type, key_account, status, open_status,
  billing_address, delivery_address, currency, payment_terms_days, open_exposure)
SELECT uuidv7(), 1, now() - interval '2 years', now() - interval '1 year', 'A-' || n, 'Company ' || n, 'end_customer',
  false, 'active', 'active', address, address, 'USD', 30, 0
FROM generate_series(1, {orders} / 10) n, (SELECT jsonb_build_object(
  'name', 'Company', 'lines', jsonb_build_array('High Street 1'), 'city', 'London', 'postal_code', 'E1 6AN',
  'country', 'GB') AS address) a;

CREATE TEMPORARY TABLE numbered_accounts AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM accounts;
CREATE UNIQUE INDEX ON numbered_accounts (n);
CREATE TEMPORARY TABLE numbered_products AS SELECT id, sku, row_number() OVER (ORDER BY id) - 1 AS n FROM products;
CREATE UNIQUE INDEX ON numbered_products (n);

INSERT INTO orders (id, version, created_at, updated_at, number, status, status_at, shipment_state, open_to_ship,
  due_on, ordered_on, account_id, channel, evidence_reference, received_at, po_number, delivery_address, currency,
  exchange_rate, net_amount, freight, returned_amount, base_amount, checked_at, findings, confirmed_at, completed_at)
SELECT uuidv7(), 1, at, at, 'SO-' || o.n, status, at, CASE status WHEN 'completed' THEN 'delivered' ELSE 'none' END,
  status = 'confirmed', at::date + 5, at::date, a.id, 'email', 'message ' || o.n, at, 'PO-' || o.n,
  jsonb_build_object('name', 'Company', 'lines', jsonb_build_array('High Street 1'), 'city', 'London',
    'postal_code', 'E1 6AN', 'country', 'GB'),
  'USD', 1, 60.00, 0, 0, 60.00, CASE WHEN status <> 'draft' THEN at END, '[]',
  CASE WHEN status <> 'draft' THEN at END, CASE WHEN status = 'completed' THEN at END
FROM (SELECT n, now() - interval '1 minute' * ({orders} - n) AS at,
    CASE WHEN n % 10 < 5 THEN 'draft' WHEN n % 10 < 7 THEN 'confirmed' ELSE 'completed' END AS status
  FROM generate_series(1, {orders}) n) o
JOIN numbered_accounts a ON a.n = o.n * 7919 % ({orders} / 10);

INSERT INTO order_lines (id, order_id, line_no, product_id, sku, quantity, list_price, unit_price, discount, amount,
  promised_on, basis, shipped_quantity, delivered_quantity, returned_quantity)
SELECT uuidv7(), o.id, line, p.id, p.sku, 2, 10.00, 10.00, 0, 20.00,
  CASE WHEN status <> 'draft' THEN o.due_on END, CASE WHEN status <> 'draft' THEN 'stock' END,
  CASE status WHEN 'completed' THEN 2 ELSE 0 END, CASE status WHEN 'completed' THEN 2 ELSE 0 END, 0
FROM (SELECT *, substr(number, 4)::bigint AS n FROM orders) o
CROSS JOIN generate_series(1, 3) line
JOIN numbered_products p ON p.n = (o.n * 104729 + line * 613) % ({orders} / 100);

INSERT INTO reservations (order_line_id, order_id, order_number, product_id, quantity, promised_on, basis, created_at)
SELECT l.id, o.id, o.number, l.product_id, l.quantity, o.due_on, 'stock', o.created_at
FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.status = 'confirmed';

UPDATE accounts a SET open_exposure = s.total
FROM (SELECT account_id, sum(base_amount) AS total FROM orders WHERE status = 'confirmed' GROUP BY account_id) s
WHERE s.account_id = a.id;

INSERT INTO leads (id, version, created_at, updated_at, source, campaign, person_name, person_key, company, email,
  shared_email, country, message, product_skus, attributes, touch_count, status, status_changed_at, budget, authority,
  need, score, score_lines)
SELECT uuidv7(), 1, at, at, 'web', 'spring', 'Person ' || n, 'person ' || n, 'Company ' || n,
  'person' || n || '@example.org', false, 'GB', 'Please call me', '{{}}', '{{}}', 1, 'new', at, 'unknown', 'unknown',
  'unknown', 0, '[]'
FROM (SELECT n, now() - interval '1 minute' * n AS at FROM generate_series(1, {orders}) n) l;
"""


def fill(url: str, orders: int = ORDERS) -> None:
    """Orders of three lines, half of them drafts, a fifth confirmed; a tenth as many accounts, as many leads."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL.format(orders=orders).encode())
        connection.execute("VACUUM ANALYZE")


def ids(url: str, status: str) -> list[str]:
    """The ids of the orders in a status, shuffled."""
    with psycopg.connect(url) as connection:
        return [str(row[0]) for row in connection.execute(
            "SELECT id FROM orders WHERE status = %s AND version = 1 ORDER BY md5(id::text)", (status,))]  # fmt: skip
