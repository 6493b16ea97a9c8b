"""What holds in the database at every instant, whatever was raced, killed or retried: DESIGN's invariants as SQL.

Each is a query of what breaks it, so that none is good news. All are asked in one statement, which sees one instant:
they may be asked while others write. Two hold only under a condition, and are left out where it is not given:
`PROMISES` while supply does not slip (no receipt late, cancelled or smaller, no count below what is promised), and
`NUMBERED` once the feed has been read or `outbox.number_all` has run after the last commit.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import text

from app.kernel.statement import Reader

PROMISES = "never more is promised by any day than supplied by it"
NUMBERED = "every committed event has its position"

_BALANCE = """
    SELECT * FROM (
        SELECT product_id, day, sum(sum(quantity)) OVER (PARTITION BY product_id ORDER BY day) AS balance FROM (
            SELECT product_id, CAST(:today AS date) AS day, on_hand AS quantity FROM stock_items
            UNION ALL SELECT product_id, due_on, quantity FROM receipts
                WHERE status IN ('planned', 'confirmed') AND due_on >= CAST(:today AS date)
            UNION ALL SELECT product_id, greatest(promised_on, CAST(:today AS date)), -quantity FROM reservations
        ) change GROUP BY product_id, day
    ) by_day WHERE balance < 0"""

_RESERVATIONS = """
    SELECT line.*, v.* FROM (
        SELECT l.id AS line_id, l.order_id, o.number, l.product_id, l.quantity - l.shipped_quantity AS open,
            l.promised_on
        FROM order_lines l JOIN orders o ON o.id = l.order_id
        WHERE o.status = 'confirmed' AND l.quantity > l.shipped_quantity
    ) line FULL JOIN reservations v ON v.order_line_id = line.line_id
    WHERE (line.order_id, line.number, line.product_id, line.open, line.promised_on)
        IS DISTINCT FROM (v.order_id, v.order_number, v.product_id, v.quantity, v.promised_on)"""

_EXPOSURE = """
    SELECT a.id, a.open_exposure, sum(o.base_amount) AS confirmed
    FROM accounts a LEFT JOIN orders o ON o.account_id = a.id AND o.status = 'confirmed'
    GROUP BY a.id HAVING a.open_exposure <> coalesce(sum(o.base_amount), 0)"""

_PURCHASES = """
    SELECT * FROM (
        SELECT id, account_id,
            CASE status WHEN 'completed' THEN round((net_amount - returned_amount) * exchange_rate, 2) ELSE 0 END
                AS bought
        FROM orders
    ) o FULL JOIN (
        SELECT order_id, account_id AS entered_for, sum(amount) AS entered FROM purchase_entries GROUP BY 1, 2
    ) e ON e.order_id = o.id AND e.entered_for = o.account_id
    WHERE o.id IS NULL OR o.bought <> coalesce(e.entered, 0)"""

_STOCK = """
    SELECT s.product_id, s.on_hand, s.counted_quantity, sum(m.quantity) AS moved
    FROM stock_items s LEFT JOIN stock_movements m
        ON m.product_id = s.product_id AND (s.counted_at IS NULL OR m.at > s.counted_at)
    GROUP BY s.product_id HAVING s.on_hand <> coalesce(s.counted_quantity, 0) + coalesce(sum(m.quantity), 0)"""

_MOVEMENTS = """
    SELECT * FROM (
        SELECT order_id, product_id, kind, sum(quantity) AS moved FROM stock_movements
        WHERE kind IN ('shipment', 'return') GROUP BY 1, 2, 3
    ) m FULL JOIN (
        SELECT l.order_id, l.product_id, 'shipment' AS kind, -sum(s.quantity) AS told
        FROM shipment_lines s JOIN order_lines l ON l.id = s.order_line_id GROUP BY 1, 2
        UNION ALL SELECT l.order_id, l.product_id, 'return', sum(b.quantity)
        FROM order_return_lines b JOIN order_returns r ON r.id = b.return_id AND r.restocked
        JOIN order_lines l ON l.id = b.order_line_id GROUP BY 1, 2
    ) t ON (t.order_id, t.product_id, t.kind) = (m.order_id, m.product_id, m.kind)
    WHERE m.moved IS DISTINCT FROM t.told"""

_RECEIVED = """
    SELECT r.id, r.status, r.quantity, m.quantity AS moved FROM receipts r
    LEFT JOIN stock_movements m ON m.receipt_id = r.id AND m.product_id = r.product_id
    WHERE CASE r.status WHEN 'received' THEN r.quantity END IS DISTINCT FROM m.quantity"""

_PEGGED = """
    SELECT r.id, r.pegged_line_id, v.order_line_id FROM receipts r
    LEFT JOIN reservations v ON v.order_line_id = r.pegged_line_id AND v.product_id = r.product_id
    WHERE r.status = 'planned' AND r.pegged_line_id IS NOT NULL AND (r.source <> 'bellwether' OR v.order_id IS NULL)
    UNION ALL
    SELECT v.receipt_id, r.pegged_line_id, v.order_line_id FROM reservations v
    LEFT JOIN receipts r ON r.id = v.receipt_id AND r.status = 'planned' AND r.product_id = v.product_id
    WHERE v.basis = 'production' AND r.pegged_line_id IS DISTINCT FROM v.order_line_id"""

_POSITIONS = """
    SELECT h.position AS head, count(o.position), max(o.position), count(DISTINCT o.position)
    FROM outbox_head h LEFT JOIN outbox o ON o.position IS NOT NULL
    GROUP BY h.id HAVING h.position <> count(DISTINCT o.position) OR h.position <> count(o.position)
        OR h.position <> coalesce(max(o.position), 0)"""

_SUBJECT_ORDER = """
    SELECT * FROM (
        SELECT subject_type, subject_id, seq, position,
            lag(coalesce(position, 9223372036854775807)) OVER (PARTITION BY subject_type, subject_id ORDER BY seq)
                AS before
        FROM outbox
    ) e WHERE before > coalesce(position, 9223372036854775807)"""

_UNNUMBERED = "SELECT seq, type FROM outbox WHERE position IS NULL"

_DERIVED = """
    SELECT * FROM (
        SELECT o.id, o.status, o.shipment_state, o.open_to_ship, o.due_on,
            CASE WHEN l.delivered >= l.ordered THEN 'delivered' WHEN l.shipped >= l.ordered THEN 'shipped'
                WHEN l.shipped > 0 THEN 'partial' ELSE 'none' END AS state,
            o.status = 'confirmed' AND l.shipped < l.ordered
                AND NOT EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL)
                AS may_ship,
            l.due
        FROM orders o JOIN LATERAL (
            SELECT sum(quantity) AS ordered, sum(shipped_quantity) AS shipped, sum(delivered_quantity) AS delivered,
                coalesce(
                    min(coalesce(promised_on, requested_on, o.ordered_on)) FILTER (WHERE quantity > shipped_quantity),
                    max(coalesce(promised_on, requested_on, o.ordered_on))
                ) AS due
            FROM order_lines WHERE order_id = o.id
        ) l ON true
    ) d WHERE (shipment_state, open_to_ship, due_on) IS DISTINCT FROM (state, may_ship, due)
        OR (status = 'completed') <> (state = 'delivered')"""

_MOVED_LINES = """
    SELECT l.id, l.shipped_quantity, l.delivered_quantity, l.returned_quantity, went.*, back.* FROM order_lines l
    JOIN LATERAL (
        SELECT coalesce(sum(s.quantity), 0) AS shipped,
            coalesce(sum(s.quantity) FILTER (WHERE h.delivered_at IS NOT NULL), 0) AS delivered
        FROM shipment_lines s JOIN shipments h ON h.id = s.shipment_id WHERE s.order_line_id = l.id
    ) went ON true
    JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0) AS returned FROM order_return_lines WHERE order_line_id = l.id
    ) back ON true
    WHERE (l.shipped_quantity, l.delivered_quantity, l.returned_quantity)
        <> (went.shipped, greatest(went.delivered, back.returned), back.returned)"""

_SUMS = """
    SELECT o.id, o.net_amount, o.base_amount, o.returned_amount FROM orders o
    WHERE o.net_amount IS DISTINCT FROM (SELECT sum(amount) FROM order_lines WHERE order_id = o.id)
        OR o.base_amount <> round((o.net_amount + o.freight) * o.exchange_rate, 2)
        OR o.returned_amount <> coalesce((SELECT sum(amount) FROM order_returns WHERE order_id = o.id), 0)
        OR o.returned_amount <> coalesce((
            SELECT sum(b.amount) FROM order_return_lines b JOIN order_lines l ON l.id = b.order_line_id
            WHERE l.order_id = o.id), 0)"""

_ANSWERS = (
    "SELECT operation, key, status FROM idempotency_records WHERE status IS NULL OR status NOT BETWEEN 200 AND 299"
)

_TOUCHES = """
    SELECT l.id, l.touch_count, count(t.id) AS touches FROM leads l LEFT JOIN lead_touches t ON t.lead_id = l.id
    GROUP BY l.id HAVING l.touch_count <> count(t.id)"""

_IDENTITIES = """
    SELECT t.id, t.source, t.external_id, t.lead_id, i.lead_id AS named FROM lead_touches t
    LEFT JOIN lead_identities i ON (i.source, i.external_id) = (t.source, t.external_id)
    WHERE t.external_id IS NOT NULL AND i.lead_id IS DISTINCT FROM t.lead_id"""

_CONVERTED = """
    SELECT l.id, l.account_id, p.account_id AS of_account, c.id AS consent FROM leads l
    LEFT JOIN contacts p ON p.id = l.contact_id
    LEFT JOIN consents c ON c.lead_id = l.id AND c.contact_id IS DISTINCT FROM l.contact_id
    WHERE l.status = 'converted' AND (p.account_id IS DISTINCT FROM l.account_id OR c.id IS NOT NULL)"""

_PO_NUMBERS = """
    SELECT account_id, lower(po_number) AS po_number, count(*) FROM orders o
    WHERE status IN ('confirmed', 'completed') AND po_number IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM order_overrides v WHERE v.order_id = o.id AND v.code = 'duplicate_po_number')
    GROUP BY 1, 2 HAVING count(*) > 1"""

_FACTS = {
    "staff.created": "SELECT id, 1 FROM staff",
    "product.created": "SELECT id, 1 FROM products",
    "account.created": "SELECT id, 1 FROM accounts",
    "account.purchase_recorded": "SELECT account_id, count(*) FROM purchase_entries GROUP BY 1",
    "contact.created": "SELECT id, 1 FROM contacts",
    "lead.captured": "SELECT id, 1 FROM leads",
    "lead.touched": "SELECT lead_id, count(*) - 1 FROM lead_touches GROUP BY 1 HAVING count(*) > 1",
    "lead.converted": "SELECT id, 1 FROM leads WHERE status = 'converted'",
    "order.created": "SELECT id, 1 FROM orders",
    "order.confirmed": "SELECT id, 1 FROM orders WHERE confirmed_at IS NOT NULL",
    "order.cancelled": "SELECT id, 1 FROM orders WHERE status = 'cancelled'",
    "order.completed": "SELECT id, 1 FROM orders WHERE status = 'completed'",
    "order.held": "SELECT order_id, count(*) FROM order_holds GROUP BY 1",
    "order.released": "SELECT order_id, count(*) FROM order_holds WHERE released_at IS NOT NULL GROUP BY 1",
    "order.shipped": "SELECT order_id, count(*) FROM shipments GROUP BY 1",
    "order.delivered": "SELECT order_id, count(*) FROM shipments WHERE delivered_at IS NOT NULL GROUP BY 1",
    "order.returned": "SELECT order_id, count(*) FROM order_returns GROUP BY 1",
    "receipt.planned": "SELECT id, 1 FROM receipts WHERE source = 'bellwether'",
    "receipt.created": "SELECT id, 1 FROM receipts WHERE source <> 'bellwether'",
    "receipt.received": "SELECT id, 1 FROM receipts WHERE status = 'received'",
}
_ALL_FACTS = " UNION ALL ".join(
    f"SELECT '{kind}' AS type, f.* FROM ({fact}) f(subject_id, times)"  # noqa: S608 - nothing comes from outside
    for kind, fact in _FACTS.items()
)
_KINDS = ", ".join(f"'{kind}'" for kind in _FACTS)
_EVENTS = f"""
    SELECT * FROM ({_ALL_FACTS}) fact FULL JOIN (
        SELECT type AS told_type, subject_id AS told_of, count(*) AS told FROM outbox
        WHERE type IN ({_KINDS}) GROUP BY 1, 2
    ) event ON event.told_type = fact.type AND event.told_of = fact.subject_id
    WHERE fact.times IS DISTINCT FROM event.told"""  # noqa: S608 - nothing comes from outside

INVARIANTS = {
    PROMISES: _BALANCE,
    "a reservation is what is open of a confirmed order's line, and every such line has its own": _RESERVATIONS,
    "an account's open exposure is the sum of its confirmed orders": _EXPOSURE,
    "the purchase record is completed orders less returns": _PURCHASES,
    "on hand is the last count and what has moved since": _STOCK,
    "what moved for orders is what was shipped and restocked": _MOVEMENTS,
    "a received receipt was booked on stock once": _RECEIVED,
    "a planned receipt of ours has its line, and a promise by production its planned receipt": _PEGGED,
    "positions are 1 to the head's, each once": _POSITIONS,
    "events about one subject keep their order": _SUBJECT_ORDER,
    NUMBERED: _UNNUMBERED,
    "what an order derives follows from its lines and holds": _DERIVED,
    "a line's quantities are those of its shipments and returns": _MOVED_LINES,
    "an order's amounts are the sums of its lines and returns": _SUMS,
    "one purchase order of a customer is one order": _PO_NUMBERS,
    "a lead's touches are counted": _TOUCHES,
    "what a source calls a lead stays that lead": _IDENTITIES,
    "a converted lead is a contact of its account, and what it said is the contact's": _CONVERTED,
    "every Idempotency-Key that is kept has an answer of success": _ANSWERS,
    "events are exactly the committed facts": _EVENTS,
}
"""What must hold, and the query of what breaks it. Amounts are in a company currency of two places."""


async def broken(reader: Reader, *, today: date, leaving_out: Collection[str] = ()) -> list[str]:
    """What does not hold now, with the rows that show it; `today` is the company's business date."""
    asked = [name for name in INVARIANTS if name not in leaving_out]
    queries = (
        f"SELECT {number} AS number, CAST(to_jsonb(found) AS text) AS shown FROM ({INVARIANTS[name]}) found"  # noqa: S608
        for number, name in enumerate(asked)
    )
    bound = {"today": today} if PROMISES in asked else {}
    found = (await reader.execute(text(" UNION ALL ".join(queries)), bound)).all()
    return [f"{asked[row.number]}: {row.shown}" for row in found]


async def check(reader: Reader, *, today: date, leaving_out: Collection[str] = ()) -> None:
    """Fail, naming what is broken, unless everything holds now."""
    found = await broken(reader, today=today, leaving_out=leaving_out)
    assert not found, "\n".join(found[:20])
