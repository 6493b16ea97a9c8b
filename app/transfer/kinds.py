"""What can be imported and exported: for each kind its rows, what they may name, and how they are written."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import importing as accounts
from app.accounts.schemas import AccountRow, ContactRow
from app.kernel import bulk
from app.kernel.bulk import BulkResult, Done, Rejected
from app.kernel.company import Company
from app.kernel.errors import FieldError
from app.kernel.schema import Body, Code, Currency, Flag
from app.leads.importing import LeadRow, take_leads
from app.opportunities import importing as opportunities
from app.opportunities.rows import OpportunityRow
from app.products import service as products
from app.products.schemas import PriceListCreate, PriceRow, ProductCreate
from app.staff import importing as staff
from app.staff.schemas import StaffRow
from app.transfer.lookups import PRICE_LIST, PRODUCT, STAGE, Reference, account, member
from app.transfer.values import Shape, parts_of, shape_of

Upsert: TypeAlias = Callable[[AsyncSession, Company, Sequence[Any]], Awaitable[BulkResult]]
_ALWAYS = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to rows of the same kind, which may stand further down in the file.

    `own`: by which of its fields a row is named. `write` makes the links, and returns the rows for which they are news.
    """

    field: str
    own: Sequence[str]
    write: Callable[[AsyncSession, Mapping[UUID, UUID | None]], Awaitable[frozenset[UUID]]]


@dataclass(frozen=True)
class Kind:
    """A kind of rows."""

    name: str
    row: type[Body]
    upsert: Upsert
    references: Mapping[str, Reference]
    link: Link | None = None

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The fields of the file, and what each takes."""
        found: dict[str, Shape] = dict.fromkeys(self.references, "text")
        for name, field in self.row.model_fields.items():
            found[name] = shape_of(field.annotation)
            found |= {f"{name}.{part}": shape for part, shape in parts_of(field.annotation).items()}
        return found

    @cached_property
    def required(self) -> list[str]:
        """The fields that no row can do without; alternatives are joined by `|`."""
        named = {reference.target: field for field, reference in self.references.items()}
        needed = [name for name, field in self.row.model_fields.items() if field.is_required()]
        return [f"{named[name]}|{name}" if name in named else name for name in needed]


class PriceOfList(PriceRow):
    """A price of a list, which is made when it is not there and the row says its currency."""

    price_list: Code
    currency: Currency | None = Field(None, description="Of the list.")
    is_default: Flag = Field(False, description="Whether a list that is made serves who has none.")


def _turns(rows: Sequence[Any], key: Callable[[Any], object]) -> Iterator[dict[int, Any]]:
    """The rows by position, in turns in which no key stands twice: the services refuse a second one in a batch."""
    turns: list[dict[int, Any]] = []
    seen: dict[object, int] = {}
    for index, row in enumerate(rows):
        turn = 0
        if not isinstance(row, Rejected):
            turn = seen.get(key(row), 0)
            seen[key(row)] = turn + 1
        if turn == len(turns):
            turns.append({})
        turns[turn][index] = row
    yield from turns


_PLACE = re.compile(r"^(?:/[a-z_]+)?/\d+")


def done_of(result: BulkResult) -> list[Done]:
    """What became of rows, the pointers of the wrong ones relative to their row."""
    found: list[Done] = []
    for one in result.data:
        errors = tuple(FieldError(_PLACE.sub("", error.pointer), error.code, error.detail) for error in one.errors)
        found.append((one.status, one.id) if one.id is not None else Rejected(errors))
    return found


async def _products(session: AsyncSession, _: Company, rows: Sequence[ProductCreate | Rejected]) -> BulkResult:
    done: dict[int, Done] = {}
    for turn in _turns(rows, lambda row: row.sku.lower()):
        result = await products.upsert(session, rows=list(turn.values()))
        done |= zip(turn, done_of(result), strict=True)
    return bulk.result(done[index] for index in range(len(rows)))


async def _prices(session: AsyncSession, _: Company, rows: Sequence[PriceOfList | Rejected]) -> BulkResult:
    done: dict[int, Done] = {index: row for index, row in enumerate(rows) if isinstance(row, Rejected)}
    lists: dict[str, dict[int, PriceOfList]] = {}
    for index, row in bulk.accepted(rows).items():
        lists.setdefault(row.price_list.lower(), {})[index] = row
    for of_list in lists.values():
        done |= await _prices_of_list(session, of_list)
    return bulk.result(done[index] for index in range(len(rows)))


async def _prices_of_list(session: AsyncSession, rows: Mapping[int, PriceOfList]) -> dict[int, Done]:
    first = next(iter(rows.values()))
    price_list = await products.price_list_called(session, code=first.price_list)
    if price_list is None:
        currency = next((row.currency for row in rows.values() if row.currency is not None), None)
        if currency is None:
            refused = Rejected.at(
                "/price_list", "unknown", "no price list has this code: say the currency of a new one"
            )
            return dict.fromkeys(rows, refused)
        name, default = first.price_list, first.is_default
        body = PriceListCreate(code=name, name=name, currency=currency, is_default=default, valid_from=_ALWAYS)
        price_list = await products.create_price_list(session, body=body)
        await session.flush()
    done: dict[int, Done] = {}
    wrong = f"the price list is in {price_list.currency}"
    for turn in _turns(list(rows.items()), lambda one: (one[1].sku.lower(), one[1].min_quantity, one[1].valid_from)):
        sent = {
            index: _price(row)
            if row.currency in {None, price_list.currency}
            else Rejected.at("/currency", "other_currency", wrong)
            for index, row in turn.values()
        }
        result = await products.upsert_prices(session, price_list_id=price_list.id, rows=list(sent.values()))
        done |= zip(sent, done_of(result), strict=True)
    return done


def _price(row: PriceOfList) -> PriceRow:
    return PriceRow.model_construct(
        _fields_set=row.model_fields_set & PriceRow.model_fields.keys(),
        **{name: getattr(row, name) for name in PriceRow.model_fields},
    )


KINDS: Mapping[str, Kind] = {
    each.name: each
    for each in (
        Kind(
            "staff",
            StaffRow,
            lambda session, _, rows: staff.upsert_staff(session, rows=rows),
            {"reports_to": member("reports_to_id")},
            Link("reports_to", ("email", "name"), lambda s, links: staff.link_managers(s, managers=links)),
        ),
        Kind("products", ProductCreate, _products, {}),
        Kind("prices", PriceOfList, _prices, {"product": PRODUCT}),
        Kind(
            "accounts",
            AccountRow,
            lambda session, _, rows: accounts.upsert_accounts(session, rows=rows),
            {"parent": account("parent_id"), "owner": member("owner_id"), "price_list": PRICE_LIST},
            Link("parent", ("number", "external_id", "name"), lambda s, links: accounts.link_parents(s, parents=links)),
        ),
        Kind(
            "contacts",
            ContactRow,
            lambda session, _, rows: accounts.upsert_contacts(session, rows=rows),
            {"account": account("account_id")},
        ),
        Kind(
            "opportunities",
            OpportunityRow,
            lambda session, us, rows: opportunities.upsert_opportunities(session, rows=rows, company=us),
            {"account": account("account_id"), "owner": member("owner_id"), "product": PRODUCT, "stage": STAGE},
        ),
        Kind(
            "leads", LeadRow, lambda session, company, rows: take_leads(session, rows=rows, today=company.today()), {}
        ),
    )
}
