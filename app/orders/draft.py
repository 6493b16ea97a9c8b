"""A draft with all that its check and its promise ask about, in two statements."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.groups import TREE_STAYS, limits_above, line_above
from app.accounts.models import Account
from app.accounts.rules import AccountStatus
from app.kernel.errors import StartOver
from app.kernel.repository import demand_version
from app.kernel.statement import Statement, among
from app.orders.check import GroupCredit
from app.orders.models import Order, OrderHold, OrderLine
from app.orders.repository import orders
from app.orders.rules import Channel, OrderStatus
from app.products.models import Product
from app.products.rules import ProductStatus


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line, and the product it is of."""

    id: UUID
    line_no: int
    product_id: UUID
    sku: str
    quantity: Decimal
    requested_on: date | None
    list_price: Decimal | None
    unit_price: Decimal
    discount: Decimal
    product_status: ProductStatus
    minimum_quantity: Decimal
    order_multiple: Decimal
    production_days: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order, its account and the groups that this is in, whether a hold stands, and who else has its PO number."""

    id: UUID
    version: int
    number: str
    status: OrderStatus
    channel: Channel
    evidence_reference: str | None
    taken_by_id: UUID | None
    po_number: str | None
    delivery_address: dict[str, Any] | None
    currency: str
    net_amount: Decimal
    base_amount: Decimal
    account_id: UUID
    account_version: int
    account_status: AccountStatus
    block_reason: str | None
    credit_limit: Decimal | None
    open_exposure: Decimal
    groups: Sequence[GroupCredit]
    on_hold: bool
    po_number_on: str | None  # another order of the account
    lines: Sequence[DraftLine]


_UNDER_LOCK = {"groups", "on_hold", "po_number_on", "lines"}
_OF_HEAD = [field.name for field in fields(Draft) if field.name not in _UNDER_LOCK]


class Locked(Enum):
    """What nobody else changes until the transaction ends: the order, and the exposure of its account and its groups.

    Whoever adds to a group's exposure locks the account that has the limit, and no account comes to another group.
    """

    NOTHING = ()
    ORDER = (Order,)
    ORDER_AND_ACCOUNT = (Order, Account)


def _own_account() -> Select[Any]:
    own = select(Account.id, Account.parent_id).join(Order, Order.account_id == Account.id)
    return own.where(Order.id == bindparam("id"))  # type: ignore[return-value]


def _head(locked: Locked) -> Statement:
    """The order with its account; when that is locked, also with each account that has a limit for it as well.

    Accounts are locked in the order of their ids.
    """
    of_account = {"account_version": Account.version, "account_status": Account.status}
    of_account |= {name: getattr(Account, name) for name in ("block_reason", "credit_limit", "open_exposure")}
    columns = [(of_account[name] if name in of_account else getattr(Order, name)).label(name) for name in _OF_HEAD]
    own = Account.id == Order.account_id
    grouped = or_(Account.parent_id.is_not(None), Account.group_credit_limit.is_not(None)).label("grouped")
    found: Select[Any] = select(*columns, Account.id.label("locked_id"), own.label("own"), grouped)
    if locked is Locked.ORDER_AND_ACCOUNT:
        found = found.join(Account, among(Account.id.expression, select(line_above(_own_account()).c.id)))
        found = found.where(or_(own, Account.group_credit_limit.is_not(None)), TREE_STAYS).order_by(Account.id)
    else:
        found = found.join(Account, own)
    found = found.where(Order.id == bindparam("id"))
    return Statement(found.with_for_update(key_share=True, of=locked.value) if locked.value else found)


def _rest(*, grouped: bool) -> Statement:
    of_product = {"product_status": Product.status}
    names = ("minimum_quantity", "order_multiple", "production_days")
    of_product |= {name: getattr(Product, name) for name in names}
    columns = [of_product[f.name] if f.name in of_product else getattr(OrderLine, f.name) for f in fields(DraftLine)]
    own = OrderLine.order_id == bindparam("id")
    held = exists().where(OrderHold.order_id == bindparam("id"), OrderHold.released_at.is_(None))
    groups = limits_above(_own_account()) if grouped else literal_column("NULL")
    lines = select(
        *columns, held.label("on_hold"), _same_po_number().label("po_number_on"), groups.label("group_limits")
    )
    return Statement(lines.join(Product, Product.id == OrderLine.product_id).where(own).order_by(OrderLine.line_no))


def _same_po_number() -> Any:
    """The number of another order of the account with the order's purchase order number, in any case.

    A draft counts only when it was there first, so that of two drafts the first one goes through.
    """
    own, other = aliased(Order), aliased(Order)
    same = (
        select(other.number)
        .join(own, own.account_id == other.account_id)
        .where(
            own.id == bindparam("id"),
            func.lower(other.po_number) == func.lower(own.po_number),
            other.id != own.id,
            or_(
                other.status == OrderStatus.CONFIRMED,
                other.status == OrderStatus.COMPLETED,
                and_(other.status == OrderStatus.DRAFT, other.id < own.id),
            ),
        )
    )
    return same.order_by(other.id).limit(1).scalar_subquery()


_HEADS = {locked: _head(locked) for locked in Locked}
_RESTS = {grouped: _rest(grouped=grouped) for grouped in (False, True)}


async def read(
    session: AsyncSession, order_id: UUID, *, locked: Locked = Locked.NOTHING, expected: int | None = None
) -> Draft:
    """The order, whatever its status is by now. What is not locked itself is read when the locks are held.

    Raises:
        NotFound: there is none with this id.
        PreconditionFailed: `expected`, the version in If-Match, is no longer the latest.
        StartOver: the account has come to another group while this waited, or the order to another account.

    """
    found = await _HEADS[locked].all(session, id=order_id)
    head = next((row for row in found if row.own), None)
    if head is None:
        await orders.get(session, order_id)
        raise StartOver  # it has come to another account, into which its own was merged
    demand_version(head.version, expected)
    rest = await _RESTS[head.grouped].all(session, id=order_id)
    limits = rest[0].group_limits or ()
    if locked is Locked.ORDER_AND_ACCOUNT and not {UUID(each["id"]) for each in limits} <= {r.locked_id for r in found}:
        raise StartOver
    own = {name: getattr(head, name) for name in _OF_HEAD}
    own |= {"on_hold": rest[0].on_hold, "po_number_on": rest[0].po_number_on}
    return Draft(**own, groups=[_credit(each) for each in limits], lines=[DraftLine(*line[:-3]) for line in rest])


def _credit(told: dict[str, str]) -> GroupCredit:
    return GroupCredit(told["number"], told["name"], Decimal(told["limit"]), Decimal(told["exposure"]))
