-- What `lists.py` lists: `:rows` rows of each kind over three years, the newest last.
-- Every eighth child belongs to the one parent in the middle; all others are spread evenly.

CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
$$ SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || kind || lpad(to_hex(n), 16, '0'))::uuid $$;

CREATE FUNCTION pg_temp.at(n bigint) RETURNS timestamptz STABLE LANGUAGE sql AS
$$ SELECT date_trunc('day', now()) - interval '1095 days' * (1 - n / :rows::float8) $$;

CREATE FUNCTION pg_temp.parent(n bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE WHEN n % 8 = 0 THEN :rows * 9 / 25 ELSE 1 + n * 7919 % :rows END $$;

CREATE FUNCTION pg_temp.one_of(VARIADIC kinds text[]) RETURNS text VOLATILE LANGUAGE sql AS
$$ SELECT kinds[1 + floor(random() * cardinality(kinds))::int] $$;

SELECT setseed(0.5);

INSERT INTO staff (id, name, email, role, reports_to_id, active_from, active_to, version, created_at, updated_at)
SELECT pg_temp.id('001', n), 'Person ' || substr(md5(n::text), 1, 12), 'person-' || n || '@example.com',
       CASE WHEN n % 10 = 0 THEN 'sales_manager' WHEN n % 10 = 1 THEN 'administrator' ELSE 'representative' END,
       CASE WHEN n % 8 > 0 AND n > 8 THEN pg_temp.id('001', n - n % 8) END, '2020-01-01',
       CASE WHEN n % 10 = 3 THEN date '2024-12-31' END, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO staff_absences (id, staff_id, from_day, to_day, version, created_at, updated_at)
SELECT pg_temp.id('021', n), pg_temp.id('001', pg_temp.parent(n)), pg_temp.at(n)::date, pg_temp.at(n)::date + 7, 1,
       pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO products (id, sku, name, category, unit, minimum_quantity, order_multiple, status, production_days, version,
                      created_at, updated_at)
SELECT pg_temp.id('002', n), 'SKU-' || lpad((n * 7919 % :rows)::text, 7, '0'),
       'Product ' || substr(md5(n::text), 1, 12) || CASE WHEN n % 100 = 7 THEN ' smoked' ELSE '' END
       || CASE WHEN n % (:rows / 10) = 7 THEN ' zanzibar' ELSE '' END,
       'Category ' || n % 40, 'pcs', 1, 1,
       CASE WHEN n % 50 = 0 THEN 'blocked' WHEN n % 10 = 1 THEN 'discontinued' ELSE 'active' END,
       CASE WHEN n % 5 > 0 THEN 10 END, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO price_lists (id, code, name, currency, is_default, valid_from, valid_to, version, created_at, updated_at)
SELECT pg_temp.id('003', n), 'LIST-' || lpad((n * 7919 % :rows)::text, 7, '0'), 'List ' || n,
       (ARRAY['USD', 'EUR', 'GBP', 'CHF', 'JPY'])[1 + n % 5], n <= 5, pg_temp.at(n)::date,
       pg_temp.at(n)::date + 365, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO prices (id, price_list_id, product_id, min_quantity, unit_price, valid_from, valid_to, version, created_at,
                    updated_at)
SELECT pg_temp.id('004', n), pg_temp.id('003', pg_temp.parent(n)), pg_temp.id('002', n), 1, 10 + n % 90,
       date '2020-01-01' + (n * 31 % 2000)::int, NULL, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO exchange_rates (id, currency, to_currency, day, rate, version, created_at, updated_at)
SELECT pg_temp.id('005', n), (ARRAY['EUR', 'GBP', 'CHF', 'JPY', 'DKK', 'SEK', 'NOK', 'PLN'])[1 + n % 8],
       'X' || n / 8 % 100, date '1950-01-01' + (n / 800)::int, 1 + random()::numeric(6, 4), 1, pg_temp.at(n),
       pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO accounts (id, number, name, type, industry, size, key_account, parent_id, status, open_status, block_reason,
                      owner_id, billing_address, currency, payment_terms_days, open_exposure, next_step, next_step_on,
                      version, created_at, updated_at)
SELECT pg_temp.id('006', n), 'A-' || lpad(n::text, 7, '0'),
       'Company ' || substr(md5(n::text), 1, 12) || CASE WHEN n % 100 = 7 THEN ' smoked' ELSE '' END
       || CASE WHEN n % (:rows / 10) = 7 THEN ' zanzibar' ELSE '' END,
       CASE WHEN n % 4 = 0 THEN 'reseller' ELSE 'end_customer' END, 'Industry ' || n % 30, 'small', n % 50 = 0,
       CASE WHEN n % 10 = 0 THEN pg_temp.id('006', pg_temp.parent(n * 4)) END,
       CASE WHEN n % 50 = 1 THEN 'blocked' WHEN n % 20 = 2 THEN 'closed' WHEN n % 3 = 0 THEN 'prospect'
            ELSE 'active' END,
       'prospect', CASE WHEN n % 50 = 1 THEN 'unpaid' END, pg_temp.id('001', pg_temp.parent(n)),
       jsonb_build_object('lines', jsonb_build_array('Street ' || n), 'city', 'Town', 'country',
                          (ARRAY['DE', 'FR', 'US', 'GB', 'IT', 'ES', 'AT', 'CH'])[1 + n % 8]),
       'USD', 30, 0, CASE WHEN n % 9 = 5 THEN 'call' END,
       CASE WHEN n % 9 = 5 THEN CURRENT_DATE + (n * 7 % 60)::int - 20 END, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO contacts (id, account_id, name, job_title, email, decision_maker, active, version, created_at, updated_at)
SELECT pg_temp.id('007', n), pg_temp.id('006', pg_temp.parent(n)),
       'Person ' || substr(md5(n::text), 1, 12) || CASE WHEN n % 100 = 7 THEN ' smoked' ELSE '' END
       || CASE WHEN n % (:rows / 10) = 7 THEN ' zanzibar' ELSE '' END,
       'Buyer', 'contact-' || n || '@example.com', n % 5 = 0, n % 20 > 0, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO leads (id, source, campaign, person_name, person_key, job_title, company, email, shared_email, country,
                   interest, product_skus, message, attributes, touch_count, status, status_changed_at, budget,
                   authority, need, score, score_lines, owner_id, next_step, next_step_on, account_id, version,
                   created_at, updated_at)
SELECT pg_temp.id('008', n),
       (ARRAY['website', 'website', 'website', 'fair', 'partner', 'mailing', 'fair', 'website'])[1 + n % 8],
       'CAMPAIGN-' || n * 7919 % 100, 'Person ' || substr(md5(n::text), 1, 8), 'person', 'Buyer',
       'Company ' || substr(md5((n % 1000)::text), 1, 8), 'lead-' || n || '@example.com', false, 'DE',
       'teas for a shop' || CASE WHEN n % 100 = 7 THEN ' smoked' ELSE '' END
       || CASE WHEN n % (:rows / 10) = 7 THEN ' zanzibar' ELSE '' END, '{}',
       CASE WHEN n % 3 = 0 THEN 'We would like to hear what you offer, call after ' || n % 12 END,
       '{}', 1, status, pg_temp.at(n), 'unknown', 'unknown', 'unknown', floor(100 * random() * random())::int, '[]',
       pg_temp.id('001', pg_temp.parent(n)), CASE WHEN n % 7 = 0 THEN 'call' END,
       CASE WHEN n % 7 = 0 THEN CURRENT_DATE + (n * 7 % 60)::int - 20 END,
       CASE WHEN status = 'converted' THEN pg_temp.id('006', n) END, 1, pg_temp.at(n),
       pg_temp.at(n) + random() * interval '30 days'
FROM (SELECT n, CASE WHEN n > :rows * 0.97 THEN pg_temp.one_of('new', 'contacted')
                     ELSE pg_temp.one_of('contacted', 'qualified', 'converted', 'disqualified', 'disqualified',
                                         'recycled') END AS status
      FROM generate_series(1, :rows) AS n) AS made;

INSERT INTO lead_assignment_rules (id, name, position, active, countries, campaigns, sources, product_skus, sizes,
                                   version, created_at, updated_at)
SELECT pg_temp.id('022', n), 'Rule ' || n, n * 7919 % :rows, n % 10 > 0, ARRAY['DE', 'AT'], '{}', '{}', '{}', '{}', 1,
       pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO lead_assignment_members (id, rule_id, staff_id, position, given, credit)
SELECT pg_temp.id('023', n), pg_temp.id('022', pg_temp.parent(n)), pg_temp.id('001', n), n, n % 100, 0
FROM generate_series(1, :rows) AS n;

INSERT INTO lead_identities (source, external_id, lead_id, fingerprint)
SELECT 'website', 'form-' || lpad(n::text, 7, '0'), pg_temp.id('008', n), '' FROM generate_series(1, :rows) AS n;

INSERT INTO lead_touches (id, lead_id, at, source, external_id, payload, actor)
SELECT pg_temp.id('009', n), pg_temp.id('008', pg_temp.parent(n)), pg_temp.at(n), 'website', 'form-' || n,
       '{"source": "website", "person_name": "Ann"}', 'website'
FROM generate_series(1, :rows) AS n;

INSERT INTO consents (id, lead_id, contact_id, purpose, channel, granted, at, evidence, source, created_at)
SELECT pg_temp.id('00a', n), pg_temp.id('008', pg_temp.parent(n)), pg_temp.id('007', pg_temp.parent(n)), 'newsletter',
       'email', n % 2 = 0, pg_temp.at(n), 'double opt-in', 'website', pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO opportunity_stages (id, code, name, type, probability, position, active, version, created_at, updated_at)
SELECT pg_temp.id('017', n), 'stage-' || n, 'Stage ' || n, type, CASE type WHEN 'won' THEN 1 WHEN 'lost' THEN 0 ELSE 0.5 END,
       n, n % 10 > 0, 1, pg_temp.at(n), pg_temp.at(n)
FROM (SELECT n, CASE n WHEN 5 THEN 'won' WHEN 6 THEN 'lost' ELSE 'open' END AS type
      FROM generate_series(1, :rows) AS n) AS made;

-- The last seventh is open, in four stages; of the others every third is won.
INSERT INTO opportunities (id, number, name, account_id, campaign, source, external_id, stage_id, state, stage_changed_at,
                           probability, currency, exchange_rate, amount, base_amount, opened_on, expected_close_on,
                           closed_on, owner_id, last_activity_at, lost_reason, version, created_at, updated_at)
SELECT pg_temp.id('014', n), 'OP-' || lpad(n::text, 9, '0'),
       'Spring ' || substr(md5(n::text), 1, 12) || CASE WHEN n % 100 = 7 THEN ' smoked' ELSE '' END
       || CASE WHEN n % (:rows / 10) = 7 THEN ' zanzibar' ELSE '' END,
       pg_temp.id('006', pg_temp.parent(n)), 'CAMPAIGN-' || n % 40, 'crm', n::text,
       pg_temp.id('017', CASE state WHEN 'won' THEN 5 WHEN 'lost' THEN 6 ELSE 1 + n % 4 END), state,
       least(pg_temp.at(n) + random() * interval '30 days', now()), 0.5, 'USD', 1, 10 + n * 31 % 990, 10 + n * 31 % 990,
       pg_temp.at(n)::date, pg_temp.at(n)::date + (random() * 180)::int,
       CASE WHEN state <> 'open' THEN pg_temp.at(n)::date + 60 END, pg_temp.id('001', pg_temp.parent(n)),
       CASE WHEN n % 3 > 0 THEN least(pg_temp.at(n) + random() * interval '60 days', now()) END,
       CASE WHEN state = 'lost' THEN 'price' END, 1, pg_temp.at(n), pg_temp.at(n)
FROM (SELECT n, CASE WHEN n > :rows * 6 / 7 THEN 'open' WHEN n % 3 = 0 THEN 'won' ELSE 'lost' END AS state
      FROM generate_series(1, :rows) AS n) AS made;

INSERT INTO opportunity_lines (id, opportunity_id, line_no, product_id, sku, quantity, list_price, unit_price, discount,
                               amount)
SELECT pg_temp.id('018', n), pg_temp.id('014', n), 1, pg_temp.id('002', 1 + n * 7919 % (:rows / 100)), 'SKU-0000001', 10,
       10, 10, 0, 100
FROM generate_series(1, :rows) AS n;

INSERT INTO opportunity_contacts (opportunity_id, contact_id, part)
SELECT pg_temp.id('014', n), pg_temp.id('007', pg_temp.parent(n)), 'decision_maker' FROM generate_series(1, :rows) AS n;

INSERT INTO opportunity_stage_changes (id, opportunity_id, at, to_stage_id, to_state, probability, base_amount,
                                       expected_close_on, actor)
SELECT pg_temp.id('019', n), pg_temp.id('014', pg_temp.parent(n)), pg_temp.at(n), pg_temp.id('017', 1 + n % 4), 'open', 0.5,
       300, pg_temp.at(n)::date + 90, 'desk'
FROM generate_series(1, :rows) AS n;

INSERT INTO activities (id, kind, lead_id, account_id, contact_id, opportunity_id, direction, at, subject, outcome, by_id,
                        version, created_at, updated_at)
SELECT pg_temp.id('00b', n), (ARRAY['call', 'call', 'email', 'meeting', 'note'])[1 + n % 5],
       pg_temp.id('008', pg_temp.parent(n)), pg_temp.id('006', pg_temp.parent(n)), pg_temp.id('007', pg_temp.parent(n)),
       pg_temp.id('014', pg_temp.parent(n)), 'outbound', pg_temp.at(n), 'opens two shops', 'reached', pg_temp.id('001', pg_temp.parent(n)), 1, pg_temp.at(n),
       pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

-- The last 500 meetings are planned; each is about a lead, an opportunity with its account, or an account.
INSERT INTO meetings (id, subject, starts_at, ends_at, organizer_id, lead_id, opportunity_id, account_id, status,
                      status_changed_at, activity_id, held_at, result, reason, version, created_at, updated_at)
SELECT pg_temp.id('015', n), 'Teas', pg_temp.at(n), pg_temp.at(n) + interval '1 hour',
       pg_temp.id('001', pg_temp.parent(n)),
       CASE WHEN n % 3 = 0 THEN pg_temp.id('008', pg_temp.parent(n)) END,
       CASE WHEN n % 3 = 1 THEN pg_temp.id('014', pg_temp.parent(n)) END,
       CASE WHEN n % 3 > 0 THEN pg_temp.id('006', pg_temp.parent(n)) END,
       status, pg_temp.at(n), CASE WHEN status = 'held' THEN pg_temp.id('00b', n) END,
       CASE WHEN status = 'held' THEN pg_temp.at(n) END, CASE WHEN status = 'held' THEN 'liked them' END,
       CASE WHEN status = 'not_held' THEN 'ill' END, 1, pg_temp.at(n), pg_temp.at(n)
FROM (SELECT n, CASE WHEN n > :rows - 500 THEN 'planned' WHEN n % 20 = 7 THEN 'cancelled'
                     WHEN n % 20 = 11 THEN 'not_held' ELSE 'held' END AS status
      FROM generate_series(1, :rows) AS n) AS made;

INSERT INTO meeting_participants (meeting_id, position, staff_id, contact_id, starts_at, ends_at, status)
SELECT pg_temp.id('015', n), position, CASE WHEN position = 0 THEN pg_temp.id('001', pg_temp.parent(n)) END,
       CASE WHEN position = 1 THEN pg_temp.id('007', n) END, pg_temp.at(n), pg_temp.at(n) + interval '1 hour',
       CASE WHEN n > :rows - 500 THEN 'planned' WHEN n % 20 = 7 THEN 'cancelled' WHEN n % 20 = 11 THEN 'not_held'
            ELSE 'held' END
FROM generate_series(1, :rows) AS n, generate_series(0, 1) AS position;

INSERT INTO calendar_feeds (id, staff_id, digest, issued_at, revoked_at, version, created_at, updated_at)
SELECT pg_temp.id('016', n), pg_temp.id('001', pg_temp.parent(n)), md5(n::text), pg_temp.at(n), pg_temp.at(n), 1,
       pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

-- The last seventh is open: a tenth of it drafts, the rest confirmed, of which some left already or are on hold.
INSERT INTO orders (id, number, status, status_at, shipment_state, open_to_ship, due_on, ordered_on, account_id,
                    lead_id, opportunity_id, channel, received_at, taken_by_id, po_number, currency, exchange_rate, net_amount, freight,
                    returned_amount, base_amount, findings, version, created_at, updated_at)
SELECT pg_temp.id('00c', n), 'SO-' || lpad(n::text, 9, '0'), status, pg_temp.at(n) + random() * interval '3 days',
       CASE status WHEN 'completed' THEN 'delivered'
            WHEN 'confirmed' THEN CASE WHEN n % 10 = 1 THEN 'shipped' WHEN n % 10 = 2 THEN 'partial' ELSE 'none' END
            ELSE 'none' END,
       status = 'confirmed' AND n % 10 <> 1 AND n % 33 > 0, pg_temp.at(n)::date + (random() * 60)::int,
       pg_temp.at(n)::date, pg_temp.id('006', pg_temp.parent(n)),
       CASE WHEN n % 10 = 0 THEN pg_temp.id('008', n) END, CASE WHEN n % 10 = 0 THEN pg_temp.id('014', n) END, 'telephone', pg_temp.at(n),
       pg_temp.id('001', 1 + n % 20), 'PO-' || n, 'USD', 1, 300, 0, 0, 300, '[]', 1, pg_temp.at(n), pg_temp.at(n)
FROM (SELECT n, CASE WHEN n % 20 = 7 THEN 'cancelled' WHEN n <= :rows * 6 / 7 THEN 'completed'
                     WHEN n % 10 = 0 THEN 'draft' ELSE 'confirmed' END AS status
      FROM generate_series(1, :rows) AS n) AS made;

INSERT INTO order_lines (id, order_id, line_no, product_id, sku, quantity, list_price, unit_price, discount, amount,
                         promised_on, basis, shipped_quantity, delivered_quantity, returned_quantity)
SELECT pg_temp.id('00d', n * 3 + line), pg_temp.id('00c', n), line,
       pg_temp.id('002', 1 + (n * 3 + line) * 7919 % (:rows / 100)),
       'SKU-0000001', 10, 10, 10, 0, 100, CURRENT_DATE + (n % 90)::int,
       (ARRAY['stock', 'stock', 'stock', 'receipt', 'production'])[1 + n % 5], 0, 0, 0
FROM generate_series(1, :rows) AS n, generate_series(1, 3) AS line;

INSERT INTO order_holds (id, order_id, reason, placed_by, placed_at)
SELECT pg_temp.id('00e', n), pg_temp.id('00c', n), 'credit', 'desk', pg_temp.at(n)
FROM generate_series(33, :rows, 33) AS n;

INSERT INTO shipments (id, number, order_id, shipped_at, version, created_at, updated_at)
SELECT pg_temp.id('00f', n), 'SH-' || n, pg_temp.id('00c', pg_temp.parent(n)), pg_temp.at(n), 1, pg_temp.at(n),
       pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO shipment_lines (shipment_id, order_line_id, line_no, quantity)
SELECT pg_temp.id('00f', n), pg_temp.id('00d', pg_temp.parent(n) * 3 + 1), 1, 1 FROM generate_series(1, :rows) AS n;

INSERT INTO order_returns (id, number, order_id, reason, received_at, restocked, amount, version, created_at,
                           updated_at)
SELECT pg_temp.id('010', n), 'RE-' || n, pg_temp.id('00c', pg_temp.parent(n)), 'damaged', pg_temp.at(n), true, 10, 1,
       pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

INSERT INTO order_return_lines (return_id, order_line_id, line_no, quantity, amount)
SELECT pg_temp.id('010', n), pg_temp.id('00d', pg_temp.parent(n) * 3 + 1), 1, 1, 10 FROM generate_series(1, :rows) AS n;

INSERT INTO stock_items (product_id, on_hand, counted_quantity, counted_at, version, updated_at)
SELECT pg_temp.id('002', n), 100, 100, pg_temp.at(n), 1, pg_temp.at(n) FROM generate_series(1, :rows) AS n;

-- What production told; the newest tenth has yet to come.
INSERT INTO receipts (id, source, external_id, product_id, quantity, due_on, status, received_at, replaced_quantity,
                      largest_quantity, version, created_at, updated_at)
SELECT pg_temp.id('011', n), CASE WHEN n % 10 = 0 THEN 'plant-2' ELSE 'plant-1' END, 'WO-' || n,
       pg_temp.id('002', pg_temp.parent(n)), 10, pg_temp.at(n)::date + (random() * 90)::int,
       CASE WHEN n % 50 = 3 THEN 'cancelled' WHEN n > :rows * 0.9 THEN 'confirmed' ELSE 'received' END,
       CASE WHEN n <= :rows * 0.9 THEN pg_temp.at(n) END, 0, 10, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;

-- What is promised of the open orders, a tenth of it late; a fifth of it rests on planned receipts.
INSERT INTO reservations (order_line_id, order_id, order_number, product_id, quantity, promised_on, basis, receipt_id,
                          created_at)
SELECT line.id, line.order_id, orders.number, line.product_id, 10, line.promised_on - 9, line.basis,
       CASE WHEN line.basis = 'production' THEN pg_temp.id('012', row_number() OVER ()) END, orders.created_at
FROM order_lines AS line JOIN orders ON orders.id = line.order_id
WHERE orders.status = 'confirmed' AND orders.shipment_state = 'none';

INSERT INTO receipts (id, source, external_id, product_id, quantity, due_on, status, pegged_line_id, replaced_quantity,
                      largest_quantity, version, created_at, updated_at)
SELECT receipt_id, 'bellwether', order_line_id::text, product_id, quantity, promised_on, 'planned', order_line_id,
       0, 0, 1, created_at, created_at
FROM reservations WHERE receipt_id IS NOT NULL;

-- Most events are about one thing of each kind that has a history.
INSERT INTO outbox (id, position, type, subject_type, subject_id, time, actor, data)
SELECT pg_temp.id('013', n), n,
       CASE WHEN n % (:rows / 100) = 0 THEN 'staff.updated' ELSE types[1 + n % cardinality(types)] END,
       CASE WHEN n % 10 < 8 THEN kinds[1 + n / 10 % cardinality(kinds)] ELSE 'orders' END,
       CASE WHEN n % 10 < 8 THEN pg_temp.id(codes[1 + n / 10 % cardinality(kinds)], :rows * 9 / 25)
            ELSE pg_temp.id('00c', n) END,
       pg_temp.at(n), 'desk', '{"changes": []}'
FROM generate_series(1, :rows) AS n, (SELECT
    ARRAY['order.created', 'order.confirmed', 'order.shipped', 'order.delivered', 'order.completed', 'lead.captured',
          'lead.touched', 'lead.qualified', 'account.updated', 'receipt.received', 'stock.counted',
          'price.set'] AS types,
    ARRAY['staff', 'products', 'price-lists', 'accounts', 'contacts', 'receipts', 'orders', 'leads', 'meetings',
          'calendars', 'duplicates', 'opportunities', 'opportunity-stages', 'lead-assignment-rules'] AS kinds,
    ARRAY['001', '002', '003', '006', '007', '011', '00c', '008', '015', '016', '030', '014', '017', '022'] AS codes) AS given;

UPDATE outbox_head SET position = :rows;

INSERT INTO duplicate_pairs (id, kind, left_id, right_id, score, reasons, status, found_at, note, decided_at,
                             decided_by, version, created_at, updated_at)
SELECT pg_temp.id('030', n), kind, pg_temp.id(digits, pg_temp.parent(n)), pg_temp.id(digits, :rows + n),
       60 + n * 31 % 41,
       '[{"field": "telephone", "detail": "the same number, +493012345678", "points": 35}]',
       CASE WHEN n % 20 = 0 THEN 'dismissed' WHEN n % 3 = 0 THEN 'merged' ELSE 'open' END, pg_temp.at(n),
       CASE WHEN n % 20 = 0 THEN 'two' END, CASE WHEN n % 20 = 0 OR n % 3 = 0 THEN pg_temp.at(n) END,
       CASE WHEN n % 20 = 0 OR n % 3 = 0 THEN 'sales' END, 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n,
     LATERAL (SELECT (ARRAY['leads', 'contacts', 'accounts'])[1 + n % 3], (ARRAY['008', '007', '006'])[1 + n % 3])
         AS of (kind, digits);

INSERT INTO merges (id, kind, survivor_id, merged_id, before, after, tombstone, merged_by, version, created_at,
                    updated_at)
SELECT pg_temp.id('031', n), CASE WHEN n % 4 = 0 THEN 'accounts' ELSE 'leads' END, pg_temp.id('008', pg_temp.parent(n)),
       pg_temp.id('008', n), '{}', '{"job_title": "Owner"}', '{}', 'sales', 1, pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :rows) AS n;
