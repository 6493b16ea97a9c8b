"""Trees of accounts in the database: who belongs to whom, and what they come to together."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Date,
    Integer,
    Interval,
    Numeric,
    Select,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.accounts.models import PurchaseEntry as Entry
from app.accounts.repository import accounts
from app.accounts.tree_schemas import AccountRollup, AccountTree, ChildRollup, Rollup, TreeAccount
from app.kernel import money
from app.kernel.company import Company
from app.kernel.statement import Reader, Statement

_ID, _MOST = bindparam("id", type_=Uuid), bindparam("most", type_=Integer)
_TODAY = bindparam("today", type_=Date)
_NAMES = ("number", "name", "status", "parent_id", "credit_limit", "group_credit_limit", "open_exposure")
_SUMS = (
    "accounts", "revenue_lifetime", "revenue_this_year", "revenue_last_12_months", "open_exposure", "credit_limits",
    "without_credit_limit",
)  # fmt: skip


def _standing(row: Any) -> Any:
    return row.merged_into_id.is_(None)


def _line(*, upwards: bool) -> CTE:
    """The account with its depth of 0, and what is above it (below 0), or below it (above 0)."""
    own = select(Account.id, Account.parent_id, cast(0, Integer).label("depth"))
    name, row = ("above" if upwards else "below"), aliased(Account)
    line = own.where(Account.id == _ID, _standing(Account)).cte(name, recursive=True)
    step, joined = (-1, row.id == line.c.parent_id) if upwards else (1, row.parent_id == line.c.id)
    further = select(row.id, row.parent_id, line.c.depth + literal_column(str(step)))
    return line.union_all(further.join(line, and_(joined, _standing(row))))


def _tree() -> Select[Any]:
    """Above from the top, the account itself, and below it no more than `most`."""
    above, below = _line(upwards=True), _line(upwards=False)

    def shown(line: CTE, *where: Any) -> Select[Any]:
        return select(Account.id, *(getattr(Account, name) for name in _NAMES), line.c.depth).join_from(
            line, Account, Account.id == line.c.id
        ).where(*where)  # fmt: skip

    lower = shown(below, below.c.depth > 0).order_by(below.c.depth, Account.name, Account.id).limit(_MOST)
    every = union_all(shown(above), select(lower.subquery())).subquery("every")
    return select(every).order_by(every.c.depth, every.c.name, every.c.id)


def _rollup() -> Select[Any]:
    """What each child comes to with all below it, the account itself (`branch` is its own id), and their names.

    A purchase entry is read once, by its account.
    """
    account, child, member = Account, aliased(Account), aliased(Account)
    own = select(account.id, account.id.label("branch")).where(account.id == _ID, _standing(account))
    line = own.cte("line", recursive=True)
    branch = func.coalesce(func.nullif(line.c.branch, _ID), child.id)
    line = line.union_all(select(child.id, branch).join(line, and_(child.parent_id == line.c.id, _standing(child))))
    year_begins = cast(func.date_trunc("year", _TODAY), Date)
    twelve_months_ago = _TODAY - literal_column("interval '1 year'", Interval)
    revenue = func.sum(Entry.amount)
    bought = (
        select(
            func.coalesce(revenue, 0).label("lifetime"),
            func.coalesce(revenue.filter(Entry.day >= year_begins), 0).label("this_year"),
            func.coalesce(revenue.filter(Entry.day > twelve_months_ago), 0).label("last_12_months"),
        )
        .where(Entry.account_id == member.id)
        .lateral("bought")
    )
    sums = (
        select(
            line.c.branch,
            func.count().label("accounts"),
            func.sum(bought.c.lifetime).label("revenue_lifetime"),
            func.sum(bought.c.this_year).label("revenue_this_year"),
            func.sum(bought.c.last_12_months).label("revenue_last_12_months"),
            func.sum(member.open_exposure).label("open_exposure"),
            func.coalesce(func.sum(member.credit_limit), 0).label("credit_limits"),
            func.count().filter(member.credit_limit.is_(None)).label("without_credit_limit"),
        )
        .select_from(line)
        .join(member, member.id == line.c.id)
        .join(bought, literal_column("true"))
        .group_by(line.c.branch)
        .cte("sums")
    )
    place = func.row_number().over(
        order_by=((sums.c.branch == _ID).desc(), sums.c.revenue_lifetime.desc(), sums.c.branch)
    )
    ranked = select(*sums.c, place.label("place")).subquery("ranked")
    single = (
        select(
            Account.id, Account.number, Account.name, Account.group_credit_limit, *(ranked.c[each] for each in _SUMS)
        )
        .join(ranked, ranked.c.branch == Account.id)
        .where(ranked.c.place <= _MOST + 1)
        .add_columns(ranked.c.place)
    )
    rest = select(
        cast(null(), Uuid), null(), null(), cast(null(), Numeric), *(func.sum(ranked.c[each]) for each in _SUMS), null()
    )
    rest = rest.where(ranked.c.place > _MOST + 1).having(func.count() > 0)
    every = union_all(single, rest).subquery("every")
    return select(every).order_by(every.c.place.nulls_last())


_TREE, _ROLLUP = Statement(_tree), Statement(_rollup)


async def tree(reader: Reader, account_id: UUID, *, most: int) -> AccountTree:
    """Where the account stands, with no more than `most` of those below it.

    Raises:
        NotFound: there is none with this id.
        Moved: it was merged into another.

    """
    rows = await _TREE.all(reader, id=account_id, most=most + 1)
    if not rows:
        raise await _missing(reader, account_id)
    shown = [TreeAccount.model_validate(row) for row in rows]
    above, own = [each for each in shown if each.depth < 0], next(each for each in shown if each.depth == 0)
    below = [each for each in shown if each.depth > 0]
    return AccountTree(above=above, account=own, below=below[:most], has_more=len(below) > most)


async def rollup(reader: Reader, account_id: UUID, *, most: int, company: Company) -> AccountRollup:
    """What the account and all that belongs to it come to, with no more than `most` children by themselves.

    Raises:
        NotFound: there is none with this id.
        Moved: it was merged into another.

    """
    rows = await _ROLLUP.all(reader, id=account_id, most=most, today=company.today())
    if not rows:
        raise await _missing(reader, account_id)
    own, *others = rows
    total = _sum(rows, company)
    limit = own.group_credit_limit
    children = [each for each in others if each.id is not None]
    return AccountRollup(
        id=own.id,
        number=own.number,
        name=own.name,
        currency=company.currency,
        group_credit_limit=limit,
        group_credit_left=None if limit is None else limit - total.open_exposure,
        total=total,
        own=_sum([own], company),
        children=[
            ChildRollup(id=each.id, number=each.number, name=each.name, **dict(_sum([each], company)))
            for each in children
        ],
        other_children=_sum(others[len(children) :], company) if len(others) > len(children) else None,
    )


def _sum(rows: Sequence[Any], company: Company) -> Rollup:
    counts = {"accounts", "without_credit_limit"}
    sums = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    return Rollup(
        **{name: int(sums[name]) if name in counts else money.quantise(sums[name], company.currency) for name in _SUMS}
    )


async def _missing(reader: Reader, account_id: UUID) -> Exception:
    survivor = await accounts.survivor(reader, account_id)
    return accounts.moved(account_id, survivor) if survivor else accounts.missing(account_id)
