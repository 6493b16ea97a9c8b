"""HTTP for stock, receipts and production."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters
from fastapi import Request, Response

from app.kernel import bulk
from app.kernel.auth import Permission
from app.kernel.bulk import BulkResult, Outcome, Rejected
from app.kernel.errors import Conflict, Invalid
from app.kernel.http import OurCompany, ReadTx, Tx, answer, answer_page, created, requires, router
from app.kernel.pagination import Page
from app.supply.counting import count as take_counts
from app.supply.receiving import Final, receive
from app.supply.repository import receipts, requirements, stock
from app.supply.schemas import (
    AvailabilityQuery,
    AvailabilityRead,
    ReceiptBulk,
    ReceiptQuery,
    ReceiptRead,
    ReceiptUpsert,
    RequirementQuery,
    RequirementRead,
    StockCount,
    StockCountBulk,
    StockQuery,
    StockRead,
)

stock_routes = router("", "stock")
receipt_routes = router("/receipts", "receipts")
production_routes = router("/production", "production")
_READ = [requires(Permission.SUPPLY_READ)]
_WRITE = [requires(Permission.SUPPLY_WRITE)]


def _only(done: list[bulk.Done]) -> tuple[Outcome, UUID]:
    (each,) = done
    if isinstance(each, Final):
        raise Conflict(each.errors[0].detail, errors=each.errors)
    if isinstance(each, Rejected):
        raise Invalid(each.errors[0].detail, errors=each.errors)
    return each


@stock_routes.post("/stock-counts", summary="Tell a stock count", response_model=StockRead, dependencies=_WRITE)
async def count(tx: Tx, company: OurCompany, body: StockCount) -> Response:
    """Answers the product's stock by its latest count, which is another when this one is older."""
    _, product_id = _only(await take_counts(tx, rows=[body]))
    return answer(await stock.show(tx, product_id, company.today()))


@stock_routes.post(
    "/stock-counts/bulk", summary="Tell many stock counts", response_model=BulkResult, dependencies=_WRITE
)
async def count_bulk(tx: Tx, body: StockCountBulk) -> BulkResult:
    """Each row's `id` is the product's."""
    return bulk.result(await take_counts(tx, rows=body.counts), under="/counts")


@stock_routes.get("/stock", summary="List stock", response_model=Page[StockRead], dependencies=_READ)
async def list_(
    request: Request, tx: ReadTx, company: OurCompany, query: Annotated[StockQuery, Parameters()]
) -> Response:
    return answer_page(request, await stock.page(tx, query, company.today()))


@stock_routes.get("/stock/{product_id}", summary="Get a product's stock", response_model=StockRead, dependencies=_READ)
async def get(tx: ReadTx, company: OurCompany, product_id: UUID) -> Response:
    return answer(await stock.show(tx, product_id, company.today()))


@stock_routes.get(
    "/availability", summary="What of a product can be promised", response_model=AvailabilityRead, dependencies=_READ
)
async def availability(
    tx: ReadTx, company: OurCompany, query: Annotated[AvailabilityQuery, Parameters()]
) -> AvailabilityRead:
    return await stock.availability(tx, query, company.today())


@receipt_routes.post(
    "",
    summary="Tell a production receipt",
    status_code=201,
    response_model=ReceiptRead,
    responses={200: {"model": ReceiptRead, "description": "The receipt was told before."}},
    dependencies=_WRITE,
)
async def create(tx: Tx, body: ReceiptUpsert) -> Response:
    """Idempotent by source and external id: the same again changes nothing, news of it changes the receipt.

    One that is received or cancelled changes no more: news of it is a 409 that names the fields that differ. Count the
    stock then, or tell a new receipt.
    """
    outcome, receipt_id = _only(await receive(tx, rows=[body]))
    shown = await receipts.show(tx, receipt_id)
    return created(shown, "receipts", receipt_id) if outcome is Outcome.CREATED else answer(shown)


@receipt_routes.post("/bulk", summary="Tell many production receipts", response_model=BulkResult, dependencies=_WRITE)
async def create_bulk(tx: Tx, body: ReceiptBulk) -> BulkResult:
    return bulk.result(await receive(tx, rows=body.receipts), under="/receipts")


@receipt_routes.get("", name="list", summary="List receipts", response_model=Page[ReceiptRead], dependencies=_READ)
async def list_receipts(
    request: Request, tx: ReadTx, company: OurCompany, query: Annotated[ReceiptQuery, Parameters()]
) -> Response:
    """Indexed: both sorts by themselves and with a status, a SKU or a source; by due day a range, and what is late."""
    late = receipts.late(query, company.today())
    return answer_page(request, await receipts.page(tx, query, *late))


@receipt_routes.get(
    "/{receipt_id}", name="get", summary="Get a receipt", response_model=ReceiptRead, dependencies=_READ
)
async def get_receipt(tx: ReadTx, receipt_id: UUID) -> Response:
    return answer(await receipts.show(tx, receipt_id))


@production_routes.get(
    "/requirements",
    name="requirements",
    summary="What production has to deliver",
    response_model=Page[RequirementRead],
    dependencies=_READ,
)
async def list_requirements(
    request: Request, tx: ReadTx, company: OurCompany, query: Annotated[RequirementQuery, Parameters()]
) -> Response:
    """What confirmed orders need, by day and product, and the planned receipts that nobody has confirmed."""
    return answer_page(request, await requirements.page(tx, query, company.today()))
