"""What a history has made so far, as it stands in the database between two steps."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from sqlalchemy import text

from app.kernel.statement import Reader

ANY = 4
BACK = st.integers(0, ANY + 1)
"""Which of the things, see `likely`."""

Thing = TypeVar("Thing")
Resource = dict[str, Any]

# Ordered by when they were made: instants differ, so a race has no say in who is the first.
_SEEN = text(
    """
    SELECT
    (SELECT coalesce(json_agg(x ORDER BY x.created_at, x.id), '[]') FROM
        (SELECT id, version, status, created_at FROM leads) x) AS leads,
    (SELECT coalesce(json_agg(x ORDER BY x.created_at, x.id), '[]') FROM
        (SELECT id, version, CASE WHEN open_to_ship THEN 'open' WHEN shipment_state = 'none' THEN status
            ELSE 'shipped' END AS status, created_at,
            (SELECT json_object_agg(line_no, sku) FROM order_lines l WHERE l.order_id = orders.id) AS lines
         FROM orders) x) AS orders,
    (SELECT coalesce(json_agg(x ORDER BY x.created_at, x.id), '[]') FROM
        (SELECT id, order_id, created_at FROM shipments) x) AS shipments,
    (SELECT coalesce(json_agg(x ORDER BY x.placed_at, x.id), '[]') FROM
        (SELECT id, order_id, placed_at FROM order_holds) x) AS holds,
    (SELECT coalesce(json_agg(x ORDER BY x.created_at, x.id), '[]') FROM
        (SELECT id, product_id, created_at FROM receipts WHERE status = 'planned' AND source = 'bellwether') x
    ) AS planned,
    (SELECT coalesce(json_agg(x.id ORDER BY x.created_at, x.id), '[]') FROM accounts x) AS accounts,
    (SELECT position FROM outbox_head) AS position,
    (SELECT max(position) FROM kept_outbox) AS start
    """
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The resources there are, each kind in the order in which it was made; `now` is the history's own time.

    `position` is the feed's last, `start` the one before the history began.
    """

    now: datetime
    leads: Sequence[Resource]
    orders: Sequence[Resource]
    shipments: Sequence[Resource]
    holds: Sequence[Resource]
    planned: Sequence[Resource]
    accounts: Sequence[str]
    position: int
    start: int
    products: Sequence[Resource]

    @property
    def today(self) -> date:
        return self.now.astimezone(UTC).date()

    def at(self, now: datetime) -> "Seen":
        """The same, a moment later."""
        return replace(self, now=now)

    def day(self, offset: int) -> str:
        """A business date, counted from today."""
        return str(self.today + timedelta(days=offset))


def newest(things: Sequence[Thing], back: int) -> Thing | None:
    """One of the things there are, counted from the newest and round; None when there is none."""
    return things[-1 - back % len(things)] if things else None


def likely(things: Sequence[Resource], back: int, statuses: Collection[str]) -> Resource | None:
    """`newest` of those in one of the statuses, so that most requests find their way; with a large `back`, of all."""
    fitting = [each for each in things if each["status"] in statuses]
    return newest(fitting if fitting and back < ANY else things, back)


async def look(reader: Reader, *, now: datetime, products: Sequence[Resource]) -> Seen:
    """What there is now. One statement."""
    found = (await reader.execute(_SEEN)).mappings().one()
    return Seen(now=now, products=products, **found)
