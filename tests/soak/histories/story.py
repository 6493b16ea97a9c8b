"""What a history has told: its events, and whether they agree with each other, with the tables and with the feed."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import text

from app.kernel.statement import Reader
from tests.soak.histories.reference import Reference
from tests.soak.histories.seen import Seen

Event = Mapping[str, Any]

# With what the reference needs and the events do not tell: days asked for, and when goods came.
_EVENTS = text(
    """
    SELECT e.seq, e.id, e.type, e.subject_type, CAST(e.subject_id AS text) AS subject_id, e.request_id, e.data,
        (SELECT json_object_agg(line_no, json_build_object('id', id, 'requested_on', requested_on))
            FROM order_lines l WHERE e.type = 'order.confirmed' AND l.order_id = e.subject_id) AS order_lines,
        r.received_at, b.restocked, b.received_at AS returned_at
    FROM outbox e
    LEFT JOIN receipts r ON e.type = 'receipt.received' AND r.id = e.subject_id
    LEFT JOIN order_returns b ON e.type = 'order.returned' AND b.id = CAST(e.data ->> 'return_id' AS uuid)
    WHERE e.seq > :after ORDER BY e.seq
    """
)

_SUPPLY = text(
    """
    SELECT 'on_hand' AS fact, CAST(product_id AS text) AS product_id, '' AS id, 0 AS line_no, CAST(NULL AS date) AS day,
        on_hand AS quantity FROM stock_items
    UNION ALL SELECT 'coming', CAST(product_id AS text), CAST(id AS text), 0, due_on, quantity
        FROM receipts WHERE status IN ('planned', 'confirmed')
    UNION ALL SELECT 'promised', CAST(v.product_id AS text), CAST(v.order_id AS text), l.line_no, v.promised_on,
        v.quantity FROM reservations v JOIN order_lines l ON l.id = v.order_line_id
    """
)

_TABLES = {"leads": "leads", "orders": "orders", "receipts": "receipts", "accounts": "accounts", "contacts": "contacts"}
_ROWS = text(
    " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, CAST(id AS text) AS id, CAST(row_to_json({table}) AS text) AS body FROM {table}"  # noqa: S608
        for kind, table in _TABLES.items()
    )
)


class Story:
    """All events of one history, and the supply that follows from them."""

    def __init__(self, seen: Seen, *, last: int) -> None:
        self.seen = seen
        self.events: list[Event] = []
        self.reference = Reference(seen.products)
        self._last = last
        self._read = 0

    async def read_on(self, reader: Reader) -> dict[str, list[str]]:
        """Read what was told since; the types of the events of each request."""
        new = [dict(row) for row in (await reader.execute(_EVENTS, {"after": self._last})).mappings()]
        self._read = len(self.events)
        self.events += new
        self._last = new[-1]["seq"] if new else self._last
        self.reference.follow(new, self.seen.today)
        by_request: defaultdict[str, list[str]] = defaultdict(list)
        for event in new:
            by_request[event["request_id"]].append(event["type"])
        return by_request

    def check_silence(self, before: Seen) -> None:
        """What has another version than before is told of."""
        news = {(each["subject_type"], each["subject_id"]) for each in self.events[self._read :]}
        for kind, was, now in (("leads", before.leads, self.seen.leads), ("orders", before.orders, self.seen.orders)):
            versions = {each["id"]: each["version"] for each in was}
            silent = [
                each for each in now if (kind, each["id"]) not in news and each["version"] != versions[each["id"]]
            ]
            assert not silent, f"nothing is told of what changed about {silent}"

    async def check_supply(self, reader: Reader) -> None:
        """The tables hold what the events make of supply."""
        held: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        told: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        for row in (await reader.execute(_SUPPLY)).all():
            held[row.fact][row.product_id, row.id, row.line_no] = row.day, row.quantity
        for key, shelf in self.reference.shelves.items():
            told["on_hand"] |= {(key, "", 0): (None, shelf.on_hand)} if (key, "", 0) in held["on_hand"] else {}
            told["coming"] |= {(key, receipt_id, 0): found for receipt_id, found in shelf.coming.items()}
            told["promised"] |= {(key, *line): found for line, found in shelf.promised.items()}
        for fact in ("on_hand", "coming", "promised"):
            assert held[fact] == told[fact], f"{fact}: the tables hold {held[fact]}, the events make it {told[fact]}"

    def about(self, subject_type: str, subject_id: str) -> list[Event]:
        """The events of one resource, in their order."""
        return [e for e in self.events if (e["subject_type"], e["subject_id"]) == (subject_type, subject_id)]

    async def check_changes(self, reader: Reader) -> None:
        """Each change starts from what the one before it led to, and the last led to what there is now."""
        latest: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for event in self.events:
            known = latest[event["subject_type"], event["subject_id"]]
            for change in event["data"]["changes"]:
                field, old, new = change["field"], change["old"], change["new"]
                personal = old is None and new is None
                assert personal or field not in known or known[field] == old, (
                    f"{field} was told to be {known[field]}, then to have been {old}: {event}"
                )
                if not personal:
                    known[field] = new
        rows = {(row.kind, row.id): json.loads(row.body, parse_float=Decimal) for row in await reader.execute(_ROWS)}
        for key, told in latest.items():
            now = rows.get(key, {})
            wrong = {name: (new, now[name]) for name, new in told.items() if name in now and not _same(new, now[name])}
            assert not wrong, f"{key} was told to be otherwise than it is: {wrong}"

    def check_feed(self, reads: Iterable[tuple[int, Mapping[str, Any]]], numbered: Sequence[Any]) -> None:
        """Whatever was read, whenever, is what the feed has between its two positions: no later read finds more."""
        assert {row.id for row in numbered} == {each["id"] for each in self.events}
        for after, page in reads:
            expected = [str(row.id) for row in numbered if after < row.position <= page["next_after"]]
            assert [each["id"] for each in page["data"]] == expected, f"read after {after}: {page}"


def _same(told: Any, stored: Any) -> bool:
    if told == stored or isinstance(stored, (list, dict)):
        return True
    try:
        return Decimal(str(told)) == Decimal(str(stored))
    except InvalidOperation:
        return False
