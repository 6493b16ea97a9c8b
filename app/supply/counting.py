"""Stock counts: absolute, with their time; what moved after it is added."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import bulk, outbox
from app.kernel.bulk import Outcome, Rejected
from app.products import service as products
from app.supply import ledger
from app.supply.events import StockCounted
from app.supply.rules import Count
from app.supply.schemas import StockCount


async def count(session: AsyncSession, *, rows: Sequence[StockCount | Rejected]) -> list[bulk.Done]:
    """Take in counts; a result for each, in their order, with the product's id.

    One that is older than the product's present count, or says the same, changes nothing. Six statements.
    """
    accepted = bulk.accepted(rows)
    known = await products.by_sku(session, skus=[row.sku for row in accepted.values()])
    ids = {product.id for product in known.values()}
    await ledger.lock_items(session, ids)
    present = await ledger.counts(session, ids)
    counted: dict[UUID, Count] = {}
    done: list[bulk.Done] = []
    for row in rows:
        if isinstance(row, Rejected):
            done.append(row)
        elif row.sku not in known:
            done.append(Rejected.at("/sku", "unknown", f"no product has the SKU {row.sku}"))
        else:
            product_id, told = known[row.sku].id, Count(row.quantity, row.counted_at)
            before = present[product_id]
            if told.replaces(before):
                present[product_id] = counted[product_id] = told
                done.append((Outcome.UPDATED if before else Outcome.CREATED, product_id))
            else:
                done.append((Outcome.UNCHANGED, product_id))
    if counted:
        on_hand = await ledger.recount(session, counted)
        skus = {product.id: product.sku for product in known.values()}
        events = [
            StockCounted(sku=skus[key], quantity=each.quantity, counted_at=each.at, on_hand=on_hand[key])
            for key, each in counted.items()
        ]
        rows_of = [outbox.as_values(session, key, event) for key, event in zip(counted, events, strict=True)]
        await session.execute(bulk.insert_all(outbox.OutboxEvent, rows_of))
    return done
