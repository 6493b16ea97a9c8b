"""What a row names instead of an id: an account by its number, an owner by name or email, a product by its SKU."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, AccountIdentity
from app.kernel.errors import FieldError
from app.opportunities.models import Stage
from app.products.models import PriceList, Product
from app.staff.models import StaffMember

Way: TypeAlias = Callable[[ColumnElement[Any]], Select[Any, Any]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of the file that names something: which field of the row it becomes, and the ways to look it up.

    Each way is a statement for many names at once, whose rows are a name and what it stands for. They are tried in
    order, until one finds the name.
    """

    noun: str
    target: str
    ways: Mapping[str, Way]


@dataclass(slots=True)
class Found:
    """What names stand for, and what is wrong with those that stand for nothing, or for several."""

    values: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, FieldError] = field(default_factory=dict)


async def look_up(session: AsyncSession, reference: Reference, names: Iterable[str], way: str | None) -> Found:
    """What the names stand for, by this way alone or by any; a statement for each way that is needed."""
    found, left = Found(), dict.fromkeys(names)
    for each in [way] if way is not None else reference.ways:
        if not left:
            break
        known: dict[str, set[Any]] = {}
        asked = bindparam("names", list(left), type_=ARRAY(Text))
        for name, value in await session.execute(reference.ways[each](asked)):
            known.setdefault(name, set()).add(value)
        for name, values in known.items():
            del left[name]
            if len(values) == 1:
                found.values[name] = next(iter(values))
            else:
                detail = (
                    f"{len(values)} {reference.noun}s have the {each.replace('_', ' ')} {name!r}: name one otherwise"
                )
                found.wrong[name] = FieldError("", "ambiguous", detail)
    ways = " or ".join([way] if way is not None else reference.ways).replace("_", " ")
    for name in left:
        found.wrong[name] = FieldError("", "unknown", f"no {reference.noun} has the {ways} {name!r}")
    return found


def _exactly(column: Any, value: Any) -> Way:
    return lambda names: select(column, value).where(column == any_(names))


def _in_any_case(column: Any, value: Any) -> Way:
    """By a column that is compared in small letters, and indexed so."""

    def way(names: ColumnElement[Any]) -> Select[Any, Any]:
        asked = select(func.unnest(names).label("name")).subquery()
        return select(asked.c.name, value).join_from(
            asked, column.class_, func.lower(column) == func.lower(asked.c.name)
        )

    return way


def _as_written_small(column: Any, value: Any) -> Way:
    """By a column that is kept in small letters."""

    def way(names: ColumnElement[Any]) -> Select[Any, Any]:
        asked = select(func.unnest(names).label("name")).subquery()
        return select(asked.c.name, value).join_from(asked, column.class_, column == func.lower(asked.c.name))

    return way


_now = func.coalesce(Account.merged_into_id, Account.id)  # what was merged is what it was merged into


def _of_another_system(names: ColumnElement[Any]) -> Select[Any, Any]:
    row = AccountIdentity
    return (
        select(row.external_id, _now).join(Account, Account.id == row.account_id).where(row.external_id == any_(names))
    )


def account(target: str) -> Reference:
    """A reference to an account; a name alone may be that of several."""
    ways = {
        "number": _exactly(Account.number, _now),
        "external_id": _of_another_system,
        "name": lambda names: select(Account.name, Account.id).where(
            Account.name == any_(names), Account.merged_into_id.is_(None)
        ),
    }
    return Reference("account", target, ways)


def member(target: str) -> Reference:
    """A reference to a member of staff."""
    ways = {
        "email": _as_written_small(StaffMember.email, StaffMember.id),
        "name": _exactly(StaffMember.name, StaffMember.id),
    }
    return Reference("member of staff", target, ways)


PRODUCT = Reference(
    "product", "sku", {"sku": _in_any_case(Product.sku, Product.sku), "name": _exactly(Product.name, Product.sku)}
)
PRICE_LIST = Reference("price list", "price_list_id", {"code": _in_any_case(PriceList.code, PriceList.id)})
STAGE = Reference(
    "stage", "stage", {"code": _in_any_case(Stage.code, Stage.code), "name": _in_any_case(Stage.name, Stage.code)}
)
