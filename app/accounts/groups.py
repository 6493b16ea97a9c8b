"""Groups of accounts: an account with a limit for itself and all that belongs to it, directly or through others.

The tree changes under a lock that whoever relies on it holds shared (`TREE_STAYS`): it stays as it is meanwhile.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, DateTime, Select, Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.kernel.statement import among

TREE_KEY: ColumnElement[int] = literal_column("hashtext('accounts.parent')")
TREE_STAYS: ColumnElement[bool] = literal_column(
    "(SELECT pg_advisory_xact_lock_shared(hashtext('accounts.parent'))) IS NOT NULL"
)
"""A condition that is true, and while the transaction lasts no account comes to belong to another one."""

CHANGED_AT: ColumnElement[datetime | None] = literal_column(
    """(WITH RECURSIVE line AS (
            SELECT id, parent_id, group_credit_limit FROM accounts WHERE id = orders.account_id
            UNION SELECT a.id, a.parent_id, a.group_credit_limit FROM accounts AS a JOIN line ON a.id = line.parent_id),
        below AS (
            SELECT id FROM line WHERE group_credit_limit IS NOT NULL
            UNION SELECT a.id FROM accounts AS a JOIN below ON a.parent_id = below.id)
        SELECT max(updated_at) FROM accounts WHERE id IN (SELECT id FROM line UNION SELECT id FROM below))""",
    DateTime(timezone=True),
)
"""When anything last changed above the account of a row of `orders`, or in a group with a limit that it is in."""


def line_above(accounts: Select[Any]) -> CTE:
    """The accounts that `accounts` (their `id` and `parent_id`) selects, and everything that they belong to."""
    above = aliased(Account)
    line = accounts.cte("line", recursive=True)
    return line.union(select(above.id, above.parent_id).join(line, above.id == line.c.parent_id))


def limits_above(accounts: Select[Any]) -> ColumnElement[Any]:
    """The groups with a limit that the selected account is in, as JSON: id, number, name, limit and exposure.

    What the group's confirmed orders amount to is summed over its accounts.
    """
    line, group, member, child = line_above(accounts), aliased(Account), aliased(Account), aliased(Account)
    limited = (
        select(group.id, group.number, group.name, group.group_credit_limit)
        .where(among(group.id, select(line.c.id)), group.group_credit_limit.is_not(None))
        .cte("limited")
    )
    below = select(limited.c.id.label("group_id"), limited.c.id.label("id")).cte("below", recursive=True)
    below = below.union(select(below.c.group_id, child.id).join(child, child.parent_id == below.c.id))
    sums = (
        select(below.c.group_id, func.sum(member.open_exposure).label("exposure"))
        .join(member, member.id == below.c.id)
        .group_by(below.c.group_id)
        .subquery()
    )
    rows = (
        select(
            limited.c.id,
            limited.c.number,
            limited.c.name,
            cast(limited.c.group_credit_limit, Text).label("limit"),
            cast(sums.c.exposure, Text).label("exposure"),
        )
        .join(sums, sums.c.group_id == limited.c.id)
        .order_by(limited.c.number)
        .subquery("found")
    )
    return select(func.json_agg(literal_column("found"), type_=JSON)).select_from(rows).scalar_subquery()
