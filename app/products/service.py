"""Changes to products, price lists, prices and exchange rates; prices and rates for those who sell."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel import bulk, money, outbox
from app.kernel.bulk import BulkResult, Outcome, Rejected
from app.kernel.errors import FieldError, Invalid, NotFound
from app.kernel.statement import Reader
from app.products.events import (
    ExchangeRateSet,
    PriceListCreated,
    PriceListUpdated,
    PriceRemoved,
    PriceSet,
    ProductCreated,
    ProductUpdated,
)
from app.products.models import ExchangeRate, PriceList, Product
from app.products.repository import exchange_rates, price_lists, prices, products
from app.products.rules import PricedLine, check_period
from app.products.schemas import (
    PriceListCreate,
    PriceListUpdate,
    PriceRow,
    ProductCreate,
    ProductUpdate,
    Quote,
)

_PRICE_KEY = {"sku", "min_quantity", "valid_from"}
_PRICE_FIELDS = ("product_id", "min_quantity", "unit_price", "valid_from", "valid_to")


async def by_sku(session: AsyncSession, *, skus: Iterable[str]) -> dict[str, Product]:
    """The products with these SKUs, case not counting, keyed by each SKU as asked; unknown ones are left out.

    One statement. The products are there to be read, not locked.
    """
    return await products.by_sku(session, skus)


async def unit_prices(
    session: Reader,
    *,
    price_list_id: UUID | None,
    currency: str,
    wanted: Sequence[tuple[UUID, Decimal]],
    on: date,
) -> list[Decimal | None]:
    """List price of one unit for every (product, quantity) in order, None where the list has none on that day.

    Among the prices valid on the day whose quantity break is not above the quantity, the largest break counts, and for
    the same break the latest first day. Without a list the currency's default one is asked; a list in another currency,
    or one not valid on the day, has no price. One statement.
    """
    if not wanted:
        return []
    found = await prices.applicable(session, price_list_id=price_list_id, currency=currency, wanted=wanted, on=on)
    return [row.unit_price for row in found]


class Priced(NamedTuple):
    """What a line comes to; `list_price` is None where only the agreed price is known."""

    product: Product
    list_price: Decimal | None
    unit_price: Decimal
    amount: Decimal


async def price_lines(
    session: AsyncSession, *, price_list_id: UUID | None, currency: str, wanted: Sequence[PricedLine], on: date
) -> list[Priced]:
    """The lines with their products, and their list prices where none was agreed. Two statements.

    Raises:
        Invalid: at `/lines/…`, for every line whose product is unknown, or else that has no price.

    """
    known = await by_sku(session, skus=[line.sku for line in wanted])
    unknown = [
        FieldError(f"/lines/{index}/sku", "unknown", f"no product has the SKU {line.sku}")
        for index, line in enumerate(wanted)
        if line.sku not in known
    ]
    if unknown:
        raise Invalid(unknown[0].detail, errors=unknown)
    found = await unit_prices(
        session,
        price_list_id=price_list_id,
        currency=currency,
        wanted=[(known[line.sku].id, line.quantity) for line in wanted],
        on=on,
    )
    lines, unpriced = [], []
    for index, (line, list_price) in enumerate(zip(wanted, found, strict=True)):
        price = line.unit_price if line.unit_price is not None else list_price
        if price is None:
            detail = f"{line.sku} has no list price for {line.quantity}: agree one"
            unpriced.append(FieldError(f"/lines/{index}/unit_price", "missing", detail))
        else:
            amount = money.line_amount(line.quantity, price, line.discount, currency)
            lines.append(Priced(known[line.sku], list_price, price, amount))
    if unpriced:
        raise Invalid(unpriced[0].detail, errors=unpriced)
    return lines


async def rate_to_company(session: Reader, *, currency: str, company_currency: str, on: date) -> Decimal:
    """Units of the company's currency for one unit of `currency`: the latest rate on or before the day; 1 for itself.

    Raises:
        Invalid: at `/currency`, no rate is known by that day.

    """
    if currency == company_currency:
        return Decimal(1)
    found = await exchange_rates.on(session, currency, company_currency, on)
    if found is None:
        raise Invalid.at("/currency", "no_rate", f"no exchange rate of {currency} to {company_currency} by {on}")
    _, rate = found
    return rate


async def rates_to_company(
    session: Reader, *, company_currency: str, wanted: Collection[tuple[str, date]]
) -> dict[tuple[str, date], Decimal]:
    """`rate_to_company` of many (currency, day) at once; those without a rate are left out. One statement."""
    own = {each: Decimal(1) for each in wanted if each[0] == company_currency}
    others = wanted - own.keys()
    return own | (await exchange_rates.on_many(session, company_currency, others) if others else {})


async def quote(
    reader: Reader,
    *,
    product_id: UUID,
    quantity: Decimal,
    on: date,
    price_list_id: UUID | None,
    currency: str | None,
) -> Quote:
    """The price of a product that applies, and the row that gives it; see `unit_prices` for the rule.

    Raises:
        NotFound: no such product, or no price applies.
        Invalid: no such price list, or it is in another currency.

    """
    found = await prices.applicable(
        reader, price_list_id=price_list_id, currency=currency, wanted=[(product_id, quantity)], on=on
    )
    if found[0].price_id is not None:
        return Quote(**found[0]._mapping, product_id=product_id, quantity=quantity, on=on)  # noqa: SLF001 - public
    await products.show(reader, product_id)
    if price_list_id is not None:
        listed_in = await price_lists.currency_of(reader, price_list_id)
        if listed_in is None:
            raise Invalid.at("price_list_id", "unknown", f"no price list {price_list_id}")
        if currency not in (None, listed_in):
            raise Invalid.at("currency", "other_currency", f"the price list is in {listed_in}")
    where = "this list" if price_list_id else f"the default list of {currency}"
    raise NotFound(f"{where} has no price for a quantity of {quantity:f} on {on}")


async def create(session: AsyncSession, *, body: ProductCreate) -> Product:
    """Add a product."""
    product = Product(**body.model_dump())
    session.add(product)
    outbox.record(session, product, ProductCreated(sku=product.sku))
    return product


async def update(session: AsyncSession, *, product_id: UUID, expected: int, body: ProductUpdate) -> Product:
    """Change the fields that were sent."""
    product = await products.lock(session, product_id, expected=expected)
    for name, value in body.sent().items():
        setattr(product, name, value)
    if changes := outbox.changes(product):
        outbox.record(session, product, ProductUpdated(sku=product.sku, changes=changes))
    return product


async def upsert(session: AsyncSession, *, rows: Sequence[ProductCreate | Rejected]) -> BulkResult:
    """Add the products whose SKU is new and change the others, where fields that a row leaves out keep their value.

    Three statements, however many rows. A SKU that stands twice counts once: its later rows are invalid.
    """
    sent = [{"row": index, "id": uuid7(), **row.model_dump()} for index, row in bulk.accepted(rows).items()]
    await products.insert_missing(session, sent)
    stored = await products.lock_by_sku(session, sent)
    new = {each["id"] for each in sent}
    first: dict[UUID, int] = {}
    done: list[bulk.Done] = []
    changed, events = [], []
    for index, row in enumerate(rows):
        if isinstance(row, Rejected):
            done.append(row)
            continue
        product, named = stored[index]._asdict(), row.model_dump(exclude_unset=True, exclude={"sku"})
        identity = product["id"]
        if first.setdefault(identity, index) != index:
            done.append(Rejected.at("/sku", "duplicate", f"row {first[identity]} has the same SKU"))
        elif identity in new:
            done.append((Outcome.CREATED, identity))
            events.append(outbox.as_values(session, identity, ProductCreated(sku=row.sku)))
        elif changes := outbox.difference(product, named):
            done.append((Outcome.UPDATED, identity))
            changed.append(product | named)
            event = ProductUpdated(sku=product["sku"], changes=changes)
            events.append(outbox.as_values(session, identity, event))
        else:
            done.append((Outcome.UNCHANGED, identity))
    await products.write(session, changed=changed, events=events)
    return bulk.result(done, under="/products")


async def price_list_called(session: AsyncSession, *, code: str) -> PriceList | None:
    """The price list with this code, in any case, to be read."""
    return await session.scalar(select(PriceList).where(func.lower(PriceList.code) == func.lower(code)))


async def create_price_list(session: AsyncSession, *, body: PriceListCreate) -> PriceList:
    """Add a price list. As the default of its currency it takes the place of the present one."""
    if body.is_default:
        await _retire_default(session, body.currency)
    price_list = PriceList(**body.model_dump())
    session.add(price_list)
    outbox.record(session, price_list, PriceListCreated(code=price_list.code))
    return price_list


async def update_price_list(
    session: AsyncSession, *, price_list_id: UUID, expected: int, body: PriceListUpdate
) -> PriceList:
    """Change the fields that were sent.

    Raises:
        Invalid: the last day would lie before the first.

    """
    price_list = await price_lists.lock(session, price_list_id, expected=expected)
    sent = body.sent()
    if sent.get("is_default") and not price_list.is_default:
        await _retire_default(session, price_list.currency)
    for name, value in sent.items():
        setattr(price_list, name, value)
    try:
        check_period(price_list.valid_from, price_list.valid_to)
    except ValueError as error:
        raise Invalid.at("/valid_to", "period", str(error)) from error
    if changes := outbox.changes(price_list):
        outbox.record(session, price_list, PriceListUpdated(code=price_list.code, changes=changes))
    return price_list


async def _retire_default(session: AsyncSession, currency: str) -> None:
    present = await price_lists.lock_default(session, currency)
    if present is not None:
        present.is_default = False
        changes = outbox.changes(present)
        outbox.record(session, present, PriceListUpdated(code=present.code, changes=changes))
        await session.flush()  # before its successor is written: there is never more than one


async def upsert_prices(
    session: AsyncSession, *, price_list_id: UUID, rows: Sequence[PriceRow | Rejected]
) -> BulkResult:
    """Add or change prices of a list; SKU, least quantity and first day identify one.

    Three statements, however many rows; the list is locked, so that two imports of it wait for each other. A price that
    stands twice counts once: its later rows are invalid.

    Raises:
        NotFound: no such price list.

    """
    price_list = await price_lists.lock(session, price_list_id)
    sent = [{"row": index, **row.model_dump(include=_PRICE_KEY)} for index, row in bulk.accepted(rows).items()]
    stored = await prices.matching(session, price_list_id, sent)
    first: dict[tuple[object, ...], int] = {}
    done: list[bulk.Done] = []
    new, changed, events = [], [], []
    for index, row in enumerate(rows):
        if isinstance(row, Rejected):
            done.append(row)
            continue
        price, named = stored[index]._asdict(), row.model_dump(exclude_unset=True, exclude={"sku"})
        key = (price["product_id"], row.min_quantity, row.valid_from)
        if price["product_id"] is None:
            done.append(Rejected.at("/sku", "unknown", f"no product has the SKU {row.sku}"))
        elif first.setdefault(key, index) != index:
            done.append(Rejected.at("/sku", "duplicate", f"row {first[key]} is the same price"))
        elif price["id"] is None:
            new.append(price | named | {"id": uuid7()})
            done.append((Outcome.CREATED, new[-1]["id"]))
            events.append(PriceSet(**_state(new[-1], price_list)))
        elif changes := outbox.difference(price, named):
            changed.append(price | named)
            done.append((Outcome.UPDATED, price["id"]))
            events.append(PriceSet(**_state(changed[-1], price_list), changes=changes))
        else:
            done.append((Outcome.UNCHANGED, price["id"]))
    told = [outbox.as_values(session, price_list_id, event) for event in events]
    await prices.write(session, price_list_id, new=new, changed=changed, events=told)
    return bulk.result(done, under="/prices")


def _state(price: Mapping[str, Any], price_list: PriceList) -> dict[str, Any]:
    """A price as its events tell it."""
    told = {name: price[name] for name in ("sku", *_PRICE_FIELDS)}
    return {"price_id": price["id"], "currency": price_list.currency, **told}


async def remove_price(session: AsyncSession, *, price_list_id: UUID, price_id: UUID, expected: int) -> None:
    """Take a price off its list.

    Raises:
        NotFound: no such price list, or no such price on it.

    """
    price_list = await price_lists.lock(session, price_list_id)
    price = await prices.lock(session, price_id, expected=expected)
    if price.price_list_id != price_list_id:
        raise prices.missing(price_id)
    product = await products.get(session, price.product_id)
    told = {name: getattr(price, name) for name in ("id", *_PRICE_FIELDS)}
    outbox.record(session, price_list, PriceRemoved(**_state(told | {"sku": product.sku}, price_list)))
    await session.delete(price)


async def set_rate(
    session: AsyncSession, *, currency: str, company_currency: str, day: date, rate: Decimal
) -> tuple[UUID, bool]:
    """Set the rate of a day; its id, and whether the day had none before.

    Raises:
        Invalid: the company's own currency has no rate.

    """
    if currency == company_currency:
        raise Invalid.at("currency", "own_currency", "is the company's own: its rate is always 1")
    new = ExchangeRate(currency=currency, to_currency=company_currency, day=day, rate=rate)
    event = ExchangeRateSet(currency=currency, to_currency=company_currency, day=day, rate=rate)
    if await exchange_rates.insert_missing(session, new):
        outbox.record(session, new, event)
        return new.id, True
    stored = await exchange_rates.lock_of(session, currency, company_currency, day)
    stored.rate = rate
    if changes := outbox.changes(stored):
        outbox.record(session, stored, event.model_copy(update={"changes": changes}))
    return stored.id, False
