"""Production receipts: what the systems of production tell, once or again.

A real receipt takes the place of the planned ones that promises created, so that the same goods never count twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.kernel import bulk, clock
from app.kernel.bulk import Outcome, Rejected
from app.kernel.errors import FieldError
from app.kernel.schema import CLOCKS_DIFFER
from app.products import service as products
from app.supply import ledger, promise
from app.supply.events import (
    ReceiptCancelled,
    ReceiptCreated,
    ReceiptEvent,
    ReceiptReceived,
    ReceiptUpdated,
    facts,
    told,
)
from app.supply.models import Receipt
from app.supply.rules import FINAL, MovementKind, ReceiptStatus, may_become, moves_stock
from app.supply.schemas import ReceiptUpsert

_KINDS: Mapping[ReceiptStatus, type[ReceiptEvent]] = {
    ReceiptStatus.RECEIVED: ReceiptReceived,
    ReceiptStatus.CANCELLED: ReceiptCancelled,
}

Taken: TypeAlias = list[tuple[UUID, Decimal]]
"""Planned receipts, and how much of each a real one takes the place of."""


async def receive(session: AsyncSession, *, rows: Sequence[ReceiptUpsert | Rejected]) -> list[bulk.Done]:
    """Take in receipts; a result for each, in their order, with the receipt's id. Eight statements.

    A new one, and what is added to one, consumes planned receipts: those it names, else the product's, oldest due
    first, and never more than its quantity in all. A received one is booked on stock once.
    """
    accepted = bulk.accepted(rows)
    known = await products.by_sku(session, skus=[row.sku for row in accepted.values()])
    ids = {product.id for product in known.values()}
    keys = [(row.source, row.external_id) for row in accepted.values()]
    await ledger.lock_keys(session, keys)
    await ledger.lock_items(session, ids)
    named = {each for row in accepted.values() for each in row.replaces or ()}
    present = await ledger.receipts_by_key(session, keys)
    intake = _Intake(present, await ledger.planned_receipts(session, ids, named))
    done: list[bulk.Done] = []
    for row in rows:
        if isinstance(row, Rejected):
            done.append(row)
        elif row.sku not in known:
            done.append(Rejected.at("/sku", "unknown", f"no product has the SKU {row.sku}"))
        else:
            done.append(intake.take(row, known[row.sku].id))
    await _write(session, intake)
    return done


async def _write(session: AsyncSession, intake: "_Intake") -> None:
    if not intake.happened:
        return
    counts = await ledger.counts(session, [each.product_id for each in intake.received])
    change: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for each in intake.received:
        if each.received_at is not None and moves_stock(each.received_at, counts[each.product_id]):
            change[each.product_id] += each.quantity
    movements: list[dict[str, Any]] = [
        {
            "id": uuid7(),
            "product_id": each.product_id,
            "kind": MovementKind.RECEIPT,
            "quantity": each.quantity,
            "at": each.received_at,
            "receipt_id": each.id,
        }
        for each in intake.received
    ]
    statements = ledger.written(session, intake.happened)
    statements += [*ledger.moved(movements, change), *ledger.repointed(intake.replaced)]
    await session.execute(bulk.together(statements))


@dataclass(frozen=True, slots=True)
class Final(Rejected):
    """News of a receipt that is received or cancelled; each field that differs is named."""


class _Intake:
    """Decides row after row what becomes of receipts; each row sees what the rows before it did."""

    def __init__(self, present: Iterable[Receipt], planned: Iterable[Receipt]) -> None:
        self._present = {(each.source, each.external_id): each for each in present}
        self._planned = {each.id: each for each in planned}
        self._planned_of: defaultdict[UUID, list[Receipt]] = defaultdict(list)
        for each in self._planned.values():
            self._planned_of[each.product_id].append(each)
        self.happened: list[tuple[Receipt, ReceiptEvent]] = []
        self.received: list[Receipt] = []
        self.replaced: dict[UUID, UUID] = {}

    def take(self, row: ReceiptUpsert, product_id: UUID) -> bulk.Done:
        """Create or change the receipt that the row tells of."""
        receipt = self._present.get((row.source, row.external_id))
        refused = self._refusal(row, product_id, receipt)
        if refused is not None:
            return refused
        taken = self._taken(row, product_id, receipt)
        if receipt is None:
            receipt = Receipt(source=row.source, external_id=row.external_id, product_id=product_id)
            receipt.replaced_quantity = receipt.largest_quantity = Decimal(0)
            self._present[row.source, row.external_id] = receipt
            self._set(receipt, row, taken)
            self._tell(ReceiptCreated, receipt, since=None)
            if row.status is ReceiptStatus.RECEIVED:
                self._tell(ReceiptReceived, receipt, since=None)
            self._replace(receipt, taken)
            return Outcome.CREATED, receipt.id
        if not taken and not _differing(row, receipt):
            return Outcome.UNCHANGED, receipt.id
        before = facts(receipt)
        self._set(receipt, row, taken)
        self._tell(_KINDS.get(row.status, ReceiptUpdated), receipt, since=before)
        self._replace(receipt, taken)
        return Outcome.UPDATED, receipt.id

    def _refusal(self, row: ReceiptUpsert, product_id: UUID, receipt: Receipt | None) -> Rejected | None:
        for index, each in enumerate(row.replaces or ()):
            planned = self._planned.get(each)
            if planned is None or planned.product_id != product_id:
                return Rejected.at(f"/replaces/{index}", "unknown", "names no planned receipt of this product")
            mine = receipt is not None and planned.replaced_by_id == receipt.id
            if planned.status is not ReceiptStatus.PLANNED and not mine and _may_replace(row, receipt):
                why = "is cancelled" if planned.replaced_by_id is None else "has been replaced by another receipt"
                return Rejected.at(f"/replaces/{index}", "replaced", f"{why}: leave it out")
        if receipt is None:
            return None
        if receipt.status in FINAL:
            return self._refusal_of_final(row, product_id, receipt)
        if receipt.product_id != product_id:
            return Rejected.at("/sku", "fixed", "the receipt is of another product: cancel it and tell a new one")
        if not may_become(receipt.status, row.status):
            return Rejected.at("/status", "move", f"a {receipt.status} receipt does not become {row.status}")
        return None

    def _refusal_of_final(self, row: ReceiptUpsert, product_id: UUID, receipt: Receipt) -> "Final | None":
        fields = ["sku"] if receipt.product_id != product_id else []
        fields += _differing(row, receipt)
        if row.replaces is not None and self._taken(row, product_id, receipt):
            fields.append("replaces")
        why = f"the receipt is {receipt.status} and changes no more: count the stock, or tell a new receipt"
        return Final(tuple(FieldError(f"/{name}", "final", why) for name in fields)) if fields else None

    def _set(self, receipt: Receipt, row: ReceiptUpsert, taken: Taken) -> None:
        if row.status is ReceiptStatus.RECEIVED:
            receipt.received_at = row.received_at or clock.now()
            self.received.append(receipt)
        receipt.quantity, receipt.due_on, receipt.status = row.quantity, row.due_on, row.status
        receipt.replaced_quantity += sum(part for _, part in taken)
        receipt.largest_quantity = max(receipt.largest_quantity, row.quantity)

    def _tell(self, kind: type[ReceiptEvent], receipt: Receipt, *, since: Mapping[str, Any] | None) -> None:
        self.happened.append((receipt, told(kind, receipt, since=since)))

    def _taken(self, row: ReceiptUpsert, product_id: UUID, receipt: Receipt | None) -> Taken:
        """The planned receipts whose place the row takes, and how much of each."""
        more = _may_replace(row, receipt)
        planned = [
            promise.PlannedReceipt(each.id, each.due_on, each.quantity)
            for each in self._planned_of[product_id]
            if each.status is ReceiptStatus.PLANNED and (row.replaces is None or each.id in row.replaces)
        ]
        return promise.consume_planned(planned, more) if more else []

    def _replace(self, receipt: Receipt, taken: Taken) -> None:
        """Let a real receipt take the place of planned ones, and of what rests on them."""
        for planned_id, part in taken:
            each = self._planned[planned_id]
            before = facts(each)
            if part < each.quantity:
                each.quantity -= part
                self._tell(ReceiptUpdated, each, since=before)
            else:
                each.status, each.replaced_by_id = ReceiptStatus.CANCELLED, receipt.id
                self.replaced[each.id] = receipt.id
                self._tell(ReceiptCancelled, each, since=before)


def _may_replace(row: ReceiptUpsert, receipt: Receipt | None) -> Decimal:
    """How much of planned receipts the row's may take the place of, beyond what it has.

    Unasked, that is only what exceeds all that was told of it before: orders were promised from the rest, beside the
    planned receipts that there are now.
    """
    if row.status is ReceiptStatus.CANCELLED:
        return Decimal(0)
    if receipt is None:
        return row.quantity
    done = receipt.largest_quantity if row.replaces is None else receipt.replaced_quantity
    return max(row.quantity - done, Decimal(0))


def _differing(row: ReceiptUpsert, receipt: Receipt) -> list[str]:
    """The fields in which the row is news. A receipt that has been received may be told again without its time."""
    fields = [name for name in ("quantity", "due_on", "status") if getattr(row, name) != getattr(receipt, name)]
    return fields if _came_then(row.received_at, receipt.received_at) else [*fields, "received_at"]


def _came_then(again: datetime | None, at: datetime | None) -> bool:
    """Whether that is when the goods came; a time ahead of our clock was kept as that of our clock."""
    return again is None or (at is not None and timedelta(0) <= again - at <= CLOCKS_DIFFER)
