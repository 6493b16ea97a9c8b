-- What `winning.py` reads: `:rows` activities of two years and as many touches, a fifth as many leads, a tenth as many
-- opportunities and contacts, a twentieth as many accounts, meetings and orders; a member of staff for each 5,000
-- activities.

CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
$$ SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || kind || lpad(to_hex(n), 16, '0'))::uuid $$;

CREATE FUNCTION pg_temp.owner(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
$$ SELECT pg_temp.id('001', 1 + n % (:rows / 5000)) $$;

CREATE FUNCTION pg_temp.ago(days float8) RETURNS timestamptz VOLATILE LANGUAGE sql AS
$$ SELECT now() - random() * days * interval '1 day' $$;

SELECT setseed(0.5);

INSERT INTO staff (id, name, email, role, active_from, version, created_at, updated_at)
SELECT pg_temp.id('001', n), 'Person ' || n, 'person-' || n || '@example.com', 'representative', '2020-01-01', 1,
       pg_temp.ago(900), now()
FROM generate_series(1, :rows / 5000) AS n;

INSERT INTO accounts (id, number, name, type, key_account, status, open_status, owner_id, currency, payment_terms_days,
                      open_exposure, next_step, next_step_on, version, created_at, updated_at)
SELECT pg_temp.id('006', n), 'A-' || n, 'Company ' || n, 'reseller', false, 'active', 'active', pg_temp.owner(n), 'USD',
       30, 0, CASE WHEN n % 10 = 0 THEN 'call' END, CASE WHEN n % 10 = 0 THEN CURRENT_DATE + (n / 10 % 60)::int - 5 END,
       1, pg_temp.ago(900), now()
FROM generate_series(1, :rows / 20) AS n;

INSERT INTO contacts (id, account_id, name, decision_maker, active, version, created_at, updated_at)
SELECT pg_temp.id('007', n), pg_temp.id('006', 1 + n % (:rows / 20)), 'Person ' || n, false, true, 1, pg_temp.ago(900),
       now()
FROM generate_series(1, :rows / 10) AS n;

-- Half are worked on; of those a fifth have never been contacted, and every tenth has a next step that is due.
INSERT INTO leads (id, source, campaign, contacted_at, first_qualified_at, converted_at, person_name, person_key, email, shared_email, product_skus, attributes, touch_count,
                   status, status_changed_at, budget, authority, need, score, score_lines, owner_id, next_step,
                   next_step_on, last_activity_at, account_id, version, created_at, updated_at)
SELECT pg_temp.id('008', n), (ARRAY['website', 'fair', 'partner'])[1 + n % 3], 'CAMPAIGN-' || n % 40,
       CASE WHEN n % 5 > 0 THEN at + interval '1 hour' * (n % 60) END,
       CASE WHEN n % 5 > 1 THEN at + interval '5 days' END, CASE WHEN n % 5 > 2 THEN at + interval '20 days' END,
       'Person ' || n, 'person', 'lead-' || n || '@example.com', false, '{}', '{}', 1,
       status, now(), 'unknown', 'unknown', 'unknown', floor(100 * random() * random())::int, '[]', pg_temp.owner(n),
       CASE WHEN n % 3 = 0 THEN 'call' END,
       CASE WHEN n % 3 = 0 THEN CURRENT_DATE + (n / 3 % 60)::int - 6 END,
       CASE WHEN n % 5 > 0 THEN pg_temp.ago(30) END, CASE WHEN status = 'converted' THEN pg_temp.id('006', 1) END, 1,
       at, now()
FROM (SELECT n, pg_temp.ago(730) AS at,
             (ARRAY['new', 'contacted', 'qualified', 'recycled', 'contacted', 'converted', 'converted',
                       'disqualified', 'disqualified', 'disqualified'])[1 + floor(random() * 10)::int] AS status
      FROM generate_series(1, :rows / 5) AS n) AS made;

INSERT INTO opportunity_stages (id, code, name, type, probability, position, active, version, created_at, updated_at)
SELECT pg_temp.id('017', n), code, code, type, chance, n, true, 1, now(), now()
FROM (VALUES (1, 'prospecting', 'open', 0.1), (2, 'qualification', 'open', 0.2), (3, 'proposal', 'open', 0.5),
             (4, 'negotiation', 'open', 0.8), (5, 'won', 'won', 1), (6, 'lost', 'lost', 0)
     ) AS stage (n, code, type, chance);

-- A fifth are open.
INSERT INTO opportunities (id, number, name, account_id, lead_id, stage_id, state, stage_changed_at, probability, currency,
                           exchange_rate, amount, base_amount, opened_on, expected_close_on, closed_on, owner_id,
                           next_step, next_step_on, last_activity_at, lost_reason, version, created_at, updated_at)
SELECT pg_temp.id('014', n), 'OP-' || n, 'Opportunity ' || n, pg_temp.id('006', 1 + n % (:rows / 20)),
       CASE WHEN n % 2 = 0 THEN pg_temp.id('008', n * 2) END,
       pg_temp.id('017', CASE state WHEN 'won' THEN 5 WHEN 'lost' THEN 6 ELSE 1 + floor(random() * 4)::int END), state,
       pg_temp.ago(60), 0.5, 'USD', 1, 100, 100, CURRENT_DATE - (random() * 120)::int,
       CURRENT_DATE + (random() * 120)::int, CASE WHEN state <> 'open' THEN CURRENT_DATE - 7 END, pg_temp.owner(n),
       CASE WHEN n % 2 = 0 THEN 'call' END, CASE WHEN n % 2 = 0 THEN CURRENT_DATE + (n % 60)::int - 6 END,
       pg_temp.ago(40), CASE WHEN state = 'lost' THEN 'price' END, 1, pg_temp.ago(120), now()
FROM (SELECT n, (ARRAY['open', 'won', 'lost', 'lost', 'won'])[1 + floor(random() * 5)::int] AS state
      FROM generate_series(1, :rows / 10) AS n) AS made;

INSERT INTO opportunity_contacts (opportunity_id, contact_id, part)
SELECT pg_temp.id('014', n), pg_temp.id('007', 1 + (n + turn) % (:rows / 10)),
       CASE turn WHEN 0 THEN 'decision_maker' ELSE 'user' END
FROM generate_series(1, :rows / 10) AS n, generate_series(0, 1) AS turn;

INSERT INTO activities (id, kind, lead_id, account_id, contact_id, opportunity_id, at, subject, outcome, by_id, version,
                        created_at, updated_at)
SELECT pg_temp.id('00b', n), (ARRAY['call', 'call', 'email', 'meeting', 'note'])[1 + n % 5],
       CASE WHEN n % 2 = 0 THEN pg_temp.id('008', 1 + n * 7919 % (:rows / 5)) END,
       CASE WHEN n % 2 = 1 THEN pg_temp.id('006', 1 + n * 7919 % (:rows / 20)) END,
       CASE WHEN n % 2 = 1 THEN pg_temp.id('007', 1 + n * 7919 % (:rows / 10)) END,
       CASE WHEN n % 4 = 1 THEN pg_temp.id('014', 1 + n * 7919 % (:rows / 10)) END,
       pg_temp.ago(730), 'teas', 'reached', pg_temp.owner(n), 1, now(), now()
FROM generate_series(1, :rows) AS n;

-- Over a year, half of it to come; each with a contact.
INSERT INTO meetings (id, subject, starts_at, ends_at, organizer_id, account_id, status, status_changed_at, activity_id,
                      held_at, result, version, created_at, updated_at)
SELECT pg_temp.id('015', n), 'Teas', at, at + interval '1 hour', pg_temp.owner(n), pg_temp.id('006', n),
       CASE WHEN at < now() THEN 'held' ELSE 'planned' END, now(),
       CASE WHEN at < now() THEN pg_temp.id('00b', n) END, CASE WHEN at < now() THEN at END,
       CASE WHEN at < now() THEN 'liked them' END, 1, now(), now()
FROM (SELECT n, date_trunc('day', now()) + (random() * 365 - 182)::int * interval '1 day' + (n % 24) * interval '1 hour'
             AS at
      FROM generate_series(1, :rows / 20) AS n) AS made;

INSERT INTO meeting_participants (meeting_id, position, staff_id, contact_id, starts_at, ends_at, status)
SELECT id, position, CASE position WHEN 0 THEN organizer_id END,
       CASE position WHEN 1 THEN pg_temp.id('007', 1 + row_number() OVER () % (:rows / 10)) END, starts_at, ends_at, status
FROM meetings, generate_series(0, 1) AS position;

INSERT INTO lead_touches (id, lead_id, at, source, campaign, payload, actor)
SELECT pg_temp.id('009', n), pg_temp.id('008', 1 + n * 7919 % (:rows / 5)), pg_temp.ago(730), 'website', 'CAMPAIGN-7',
       '{"source": "website", "person_name": "Ann"}', 'website'
FROM generate_series(1, :rows) AS n;

-- Half name the lead, half the opportunity of one.
INSERT INTO orders (id, number, status, status_at, shipment_state, open_to_ship, due_on, ordered_on, account_id, lead_id,
                    opportunity_id, channel, received_at, currency, exchange_rate, net_amount, freight, returned_amount,
                    base_amount, findings, version, created_at, updated_at)
SELECT pg_temp.id('00c', n), 'SO-' || n, CASE WHEN n % 10 = 0 THEN 'draft' ELSE 'completed' END, now(), 'none', false,
       CURRENT_DATE, CURRENT_DATE, pg_temp.id('006', n), CASE WHEN n % 2 = 1 THEN pg_temp.id('008', n * 4 - 1) END,
       CASE WHEN n % 2 = 0 THEN pg_temp.id('014', n) END, 'email', now(), 'USD', 1, 100 + n % 900, 0, n % 7, 100, '[]', 1,
       now(), now()
FROM generate_series(1, :rows / 20) AS n;
