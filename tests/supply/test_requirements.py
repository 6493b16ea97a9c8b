"""What production has to deliver, over HTTP."""

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.products.models import Product
from app.supply.rules import ReceiptStatus
from app.supply.schemas import RequirementRead
from tests.supply.calls import Json, listed, tell
from tests.supply.goods import add_product, count_stock, day, expect, take


async def test_requirements_tell_production_what_to_make(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    other = await add_product(tx, "OTHER")
    await count_stock(tx, chai, 8)
    from_stock = await take(tx, chai, 8, day(5))
    produced = await take(tx, chai, 30, day(5), day(9))
    await take(tx, other, 4, day(2), day(9))
    rows = [RequirementRead.model_validate(row) for row in await listed(client, "production/requirements")]
    assert [(row.needed_by, row.sku) for row in rows] == [(day(5), "CHAI"), (day(9), "CHAI"), (day(9), "OTHER")]
    stock, made, _ = rows
    assert [stock.quantity, stock.unconfirmed, stock.shortage] == [8, 0, 0]
    assert stock.planned_receipts == []
    assert [(line.order_number, line.basis.value) for line in stock.lines] == [(from_stock.number, "stock")]
    assert [made.quantity, made.unconfirmed, made.shortage] == [30, 30, 0]
    assert [(line.order_id, line.receipt_id, line.receipt_status) for line in made.lines] == [
        (produced.order_id, produced.receipt_id, ReceiptStatus.PLANNED)
    ]
    (planned,) = made.planned_receipts
    assert (planned.id, planned.quantity, planned.due_on) == (produced.receipt_id, produced.quantity, day(9))
    assert [row["sku"] for row in await listed(client, "production/requirements", sku="other")] == ["OTHER"]
    assert len(await listed(client, "production/requirements", needed_by_to=str(day(8)))) == 1
    assert len(await listed(client, "production/requirements", unconfirmed="true")) == 2
    assert len(await listed(client, "production/requirements", unconfirmed="false")) == 1
    shown = (await client.get(f"/v1/receipts/{produced.receipt_id}")).json()
    assert (shown["order_number"], shown["pegged_line_id"]) == (produced.number, str(produced.line_id))
    await tell(client, quantity="30", due_on=str(day(9)))
    assert len(await listed(client, "production/requirements", unconfirmed="true")) == 1


async def test_what_nobody_has_confirmed_adds_up_over_the_rows(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    planned = await expect(tx, chai, 15, day(2), ReceiptStatus.PLANNED, replaces=[])
    for number in (3, 4, 5):
        await take(tx, chai, 5, day(number))
    rows = [RequirementRead.model_validate(row) for row in await listed(client, "production/requirements")]
    assert [(row.needed_by, int(row.quantity), int(row.unconfirmed)) for row in rows] == [
        (day(n), 5, 5) for n in (3, 4, 5)
    ]
    assert [[(each.id, int(each.quantity)) for each in row.planned_receipts] for row in rows] == [[(planned, 15)]] * 3


async def test_what_is_left_of_a_planned_receipt_counts_for_the_latest(
    client: AsyncClient, chai: Product, tx: AsyncSession
) -> None:
    async def shown(**params: str) -> list[tuple[int, int]]:
        rows = await listed(client, "production/requirements", **params)
        return [(int(row["quantity"]), int(row["unconfirmed"])) for row in rows]

    async def expect_still(quantity: int) -> None:
        await expect(tx, chai, quantity, day(4), ReceiptStatus.PLANNED, number="WO-7", replaces=[])

    await take(tx, chai, 12, day(0), day(3))
    await expect(tx, chai, 5, day(3))  # in place of 5 of the 12
    await expect_still(6)
    for number in (4, 5):
        await take(tx, chai, 3, day(number))
    assert await shown() == await shown(unconfirmed="true") == [(12, 7), (3, 3), (3, 3)]
    await expect_still(4)
    assert await shown() == await shown(unconfirmed="true", sku="chai") == [(12, 7), (3, 1), (3, 3)]
    await expect_still(3)
    assert await shown() == [(12, 7), (3, 0), (3, 3)]
    assert await shown(unconfirmed="true") == [(12, 7), (3, 3)]
    assert await shown(unconfirmed="false") == await shown(unconfirmed="false", sku="chai") == [(3, 0)]


async def test_a_slipped_receipt_shows_as_shortage(client: AsyncClient, chai: Product, tx: AsyncSession) -> None:
    await expect(tx, chai, 20, day(5), number="WO-9")
    await take(tx, chai, 20, day(5))
    await expect(tx, chai, 20, day(8), number="WO-9")
    await take(tx, chai, 1, day(5), day(10))
    rows = [RequirementRead.model_validate(row) for row in await listed(client, "production/requirements")]
    assert [row.needed_by for row in rows] == [day(5), day(10)]
    assert [(int(row.quantity), int(row.shortage)) for row in rows] == [(20, 20), (1, 0)]
    assert rows[0].lines[0].receipt_due_on == day(8)


async def test_requirements_are_paged(client: AsyncClient, tx: AsyncSession) -> None:
    for number in range(5):
        product = await add_product(tx, f"SKU-{number}")
        await take(tx, product, 2, day(3), day(4))
        await take(tx, product, 1, day(3), day(6))
    whole = await listed(client, "production/requirements")
    paged: list[Json] = []
    cursor: str | None = None
    while True:
        page = (
            await client.get(
                "/v1/production/requirements", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        paged += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert (len(whole), paged) == (10, whole)
    foreign = await client.get("/v1/production/requirements", params={"cursor": "Zm9v"})
    assert foreign.status_code == 422
