"""HTTP for products, price lists with their prices, and exchange rates."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel.auth import Permission
from app.kernel.bulk import BulkResult
from app.kernel.errors import NotFound
from app.kernel.http import ExpectedVersion, OurCompany, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.kernel.schema import Currency, Day
from app.products import service
from app.products.models import Price
from app.products.repository import exchange_rates, price_lists, prices, products
from app.products.schemas import (
    ExchangeRatePut,
    ExchangeRateQuery,
    ExchangeRateRead,
    PriceBulk,
    PriceListCreate,
    PriceListQuery,
    PriceListRead,
    PriceListUpdate,
    PriceQuery,
    PriceRead,
    PricesOf,
    ProductBulk,
    ProductCreate,
    ProductQuery,
    ProductRead,
    ProductUpdate,
    Quote,
    QuoteQuery,
)

product_routes = router("/products", "products")
price_list_routes = router("/price-lists", "price_lists")
exchange_rate_routes = router("/exchange-rates", "exchange_rates")
_READ = [requires(Permission.PRODUCTS_READ)]
_WRITE = [requires(Permission.PRODUCTS_WRITE)]


@product_routes.post("", summary="Add a product", status_code=201, response_model=ProductRead, dependencies=_WRITE)
async def create(tx: Tx, body: ProductCreate) -> Response:
    product = await service.create(tx, body=body)
    return created(await products.show(tx, product.id), "products", product.id)


@product_routes.post("/bulk", summary="Add or change many products by SKU", dependencies=_WRITE)
async def upsert(tx: Tx, body: ProductBulk) -> BulkResult:
    """Up to 1,000 rows, a result for each in order. Fields that a row leaves out keep their value."""
    return await service.upsert(tx, rows=body.products)


@product_routes.get("", summary="List products", response_model=Page[ProductRead], dependencies=_READ)
async def list_(request: Request, tx: ReadTx, query: Annotated[ProductQuery, Parameters()]) -> Response:
    """Indexed: every sort by itself, with category or status the sorts by SKU and name; a SKU, and words."""
    return answer_page(request, await products.page(tx, query))


@product_routes.get("/{product_id}", summary="Get a product", response_model=ProductRead, dependencies=_READ)
async def get(tx: ReadTx, product_id: UUID) -> Response:
    return answer(await products.show(tx, product_id))


@product_routes.patch("/{product_id}", summary="Change a product", response_model=ProductRead, dependencies=_WRITE)
async def update(tx: Tx, expected: ExpectedVersion, product_id: UUID, body: ProductUpdate) -> Response:
    await service.update(tx, product_id=product_id, expected=expected, body=body)
    return answer(await products.show(tx, product_id))


@product_routes.get("/{product_id}/price", summary="Get the price that applies", dependencies=_READ)
async def price(tx: ReadTx, company: OurCompany, product_id: UUID, query: Annotated[QuoteQuery, Parameters()]) -> Quote:
    """404 when no price applies.

    Among the list's prices valid on the day whose quantity break is not above the quantity, the largest break counts,
    and for the same break the latest first day.
    """
    default = None if query.price_list_id else company.currency
    return await service.quote(
        tx,
        product_id=product_id,
        quantity=query.quantity,
        on=query.on or company.today(),
        price_list_id=query.price_list_id,
        currency=query.currency or default,
    )


@price_list_routes.post(
    "", summary="Add a price list", name="create", status_code=201, response_model=PriceListRead, dependencies=_WRITE
)
async def create_price_list(tx: Tx, body: PriceListCreate) -> Response:
    price_list = await service.create_price_list(tx, body=body)
    return created(await price_lists.show(tx, price_list.id), "price-lists", price_list.id)


@price_list_routes.get(
    "", summary="List price lists", name="list", response_model=Page[PriceListRead], dependencies=_READ
)
async def list_price_lists(request: Request, tx: ReadTx, query: Annotated[PriceListQuery, Parameters()]) -> Response:
    """Indexed: both sorts by themselves, and with currency the one by code; a code, and the default lists."""
    return answer_page(request, await price_lists.page(tx, query))


@price_list_routes.get(
    "/{price_list_id}", summary="Get a price list", name="get", response_model=PriceListRead, dependencies=_READ
)
async def get_price_list(tx: ReadTx, price_list_id: UUID) -> Response:
    return answer(await price_lists.show(tx, price_list_id))


@price_list_routes.patch(
    "/{price_list_id}", summary="Change a price list", name="update", response_model=PriceListRead, dependencies=_WRITE
)
async def update_price_list(tx: Tx, expected: ExpectedVersion, price_list_id: UUID, body: PriceListUpdate) -> Response:
    await service.update_price_list(tx, price_list_id=price_list_id, expected=expected, body=body)
    return answer(await price_lists.show(tx, price_list_id))


@price_list_routes.post("/{price_list_id}/prices/bulk", summary="Add or change prices of a list", dependencies=_WRITE)
async def upsert_prices(tx: Tx, price_list_id: UUID, body: PriceBulk) -> BulkResult:
    """Up to 1,000 rows, a result for each in order. SKU, least quantity and first day identify a price."""
    return await service.upsert_prices(tx, price_list_id=price_list_id, rows=body.prices)


@price_list_routes.get(
    "/{price_list_id}/prices", summary="List prices of a list", response_model=Page[PriceRead], dependencies=_READ
)
async def list_prices(
    request: Request, tx: ReadTx, price_list_id: UUID, query: Annotated[PriceQuery, Parameters()]
) -> Response:
    """Indexed: both sorts, and a SKU's prices."""
    listing = await prices.page(tx, PricesOf(price_list_id=price_list_id, **query.model_dump()))
    if not listing.rows:
        await price_lists.show(tx, price_list_id)  # a list that does not exist is not an empty one
    return answer_page(request, listing)


@price_list_routes.get(
    "/{price_list_id}/prices/{price_id}", summary="Get a price of a list", response_model=PriceRead, dependencies=_READ
)
async def get_price(tx: ReadTx, price_list_id: UUID, price_id: UUID) -> Response:
    return answer(await prices.show(tx, price_id, Price.price_list_id == price_list_id))


@price_list_routes.delete(
    "/{price_list_id}/prices/{price_id}", summary="Take a price off a list", status_code=204, dependencies=_WRITE
)
async def remove_price(tx: Tx, expected: ExpectedVersion, price_list_id: UUID, price_id: UUID) -> None:
    await service.remove_price(tx, price_list_id=price_list_id, price_id=price_id, expected=expected)


@exchange_rate_routes.put(
    "/{currency}/{day}",
    summary="Set the exchange rate of a day",
    name="set",
    response_model=ExchangeRateRead,
    responses={201: {"model": ExchangeRateRead, "description": "The day had no rate before."}},
    dependencies=_WRITE,
)
async def set_rate(tx: Tx, company: OurCompany, currency: Currency, day: Day, body: ExchangeRatePut) -> Response:
    """Doing it twice changes nothing."""
    identity, new = await service.set_rate(
        tx, currency=currency, company_currency=company.currency, day=day, rate=body.rate
    )
    document = await exchange_rates.show(tx, identity)
    if new:
        return answer(document, status=201, location=f"/v1/exchange-rates/{currency}/{day}")
    return answer(document)


@exchange_rate_routes.get(
    "", summary="List exchange rates", name="list", response_model=Page[ExchangeRateRead], dependencies=_READ
)
async def list_rates(request: Request, tx: ReadTx, query: Annotated[ExchangeRateQuery, Parameters()]) -> Response:
    """Indexed: the days, also of one currency."""
    return answer_page(request, await exchange_rates.page(tx, query))


@exchange_rate_routes.get(
    "/{currency}/{day}",
    summary="Get the exchange rate that applies on a day",
    name="get",
    response_model=ExchangeRateRead,
    dependencies=_READ,
)
async def get_rate(tx: ReadTx, company: OurCompany, currency: Currency, day: Day) -> Response:
    """The latest rate on or before the day; 404 when there is none."""
    found = await exchange_rates.on(tx, currency, company.currency, day)
    if found is None:
        raise NotFound(f"no exchange rate of {currency} to {company.currency} by {day}")
    return answer(await exchange_rates.show(tx, found.id))
