"""Looking for possible duplicates: what has changed, and once all that there is.

No request pays for it. What has changed is learnt from the events, behind the position up to which somebody looked; a
pass over all records of a kind goes on behind the last id. Both are kept in the transaction of the batch whose pairs
they stand for, so that who is killed has lost one batch, and nobody compares anything twice. Each record's keys are
kept as well: a new one is compared with those that share one, at most `MOST_IN_BLOCK` a key, however many there are.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid, any_, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates import matching, pairing, repository
from app.duplicates.matching import Facts
from app.duplicates.models import DuplicateKey, DuplicateScan
from app.duplicates.pairing import Found, Pair, ordered
from app.duplicates.repository import among
from app.duplicates.rules import LEAST_SCORE, MOST_IN_BLOCK, Kind
from app.kernel import clock, outbox
from app.kernel.db import Database
from app.kernel.outbox import OutboxEvent, OutboxHead

NEWS = "news"
_RECORDS = 300  # compared at once
_EVENTS = 1000  # read at once
_TOLD = {
    "lead.captured", "lead.updated", "lead.merged", "lead.unmerged",
    "contact.created", "contact.updated", "contact.merged", "contact.unmerged",
    "account.created", "account.updated", "account.merged", "account.unmerged",
}  # fmt: skip
_COMPARED = {
    "person_name", "name", "company", "email", "telephone", "telephone_e164", "country", "website", "billing_address",
    "parent_id", "account_id",
}  # fmt: skip
_OF_ITS_CONTACTS = {"name", "billing_address", "website"}  # an account's fields that its contacts are compared by


async def look(database: Database, *, seconds: float) -> bool:
    """Look on for at most so long, and a batch; returns whether there is nothing left to look at."""
    await outbox.number_all(database)
    async with database.transaction() as session:
        await _begin(session)
    end = time.monotonic() + seconds
    for name in (*Kind, NEWS):
        while await _step(database, name):
            if time.monotonic() > end:
                return False
    return True


async def begin_again(session: AsyncSession) -> None:
    """Have everything compared with everything once more, whatever has been compared before."""
    await _begin(session)
    row = DuplicateScan
    again = {"after_id": None, "finished_at": None, "started_at": clock.now(), "compared": 0, "skipped_blocks": 0}
    await session.execute(update(row).where(row.name != NEWS).values(**again))


async def _begin(session: AsyncSession) -> None:
    """Where nobody has looked before: all that is there, and the events from now on."""
    head = select(OutboxHead.position).scalar_subquery()
    fresh = {"started_at": clock.now(), "compared": 0, "skipped_blocks": 0}
    rows = [{"name": str(kind), "position": None, **fresh} for kind in Kind]
    added = insert(DuplicateScan).values([*rows, {"name": NEWS, "position": head, **fresh}])
    await session.execute(added.on_conflict_do_nothing())


_BY_KEYS = text("SET LOCAL enable_seqscan = off")


async def _step(database: Database, name: str) -> bool:
    """One batch of a pass, in a transaction of its own; False when there is none, or another worker is at it."""
    async with database.transaction() as session:
        # All is asked for by keys; of tables that fill while this looks, the planner would know nothing better.
        await session.execute(_BY_KEYS)
        # The one lock of all who look: a pair is compared by one of them.
        mutex = select(DuplicateScan).where(DuplicateScan.name == NEWS).with_for_update(skip_locked=True)
        news = await session.scalar(mutex.execution_options(populate_existing=True))
        if news is None:
            return False
        if name == NEWS:
            return await _news(session, news)
        scan = await session.get_one(DuplicateScan, name, populate_existing=True)
        return scan.finished_at is None and await _all(session, scan)


async def _all(session: AsyncSession, scan: DuplicateScan) -> bool:
    ids = await repository.next_ids(session, Kind(scan.name), scan.after_id, _RECORDS)
    if not ids:
        scan.finished_at = clock.now()
        return True
    await compare(session, scan, Kind(scan.name), ids)
    scan.after_id = ids[-1]
    return True


async def _news(session: AsyncSession, scan: DuplicateScan) -> bool:
    row = OutboxEvent
    behind = select(row.position, row.type, row.subject_type, row.subject_id, row.data)
    behind = behind.where(row.position > scan.position).order_by(row.position).limit(_EVENTS)
    events = (await session.execute(behind)).all()
    if not events:
        return False
    for kind, ids in (await _concerned(session, events)).items():
        for some in _batches(sorted(ids)):
            await compare(session, scan, kind, some)
    scan.position, scan.finished_at = events[-1].position, clock.now()
    return True


async def _concerned(session: AsyncSession, events: Iterable[Any]) -> Mapping[Kind, set[UUID]]:
    """The records that the events are about, if those changed what is compared."""
    found: dict[Kind, set[UUID]] = {kind: set() for kind in Kind}
    accounts: set[UUID] = set()
    for event in events:
        changed = {change["field"] for change in event.data.get("changes", ())}
        if event.type not in _TOLD or (event.type.endswith(".updated") and not changed & _COMPARED):
            continue
        kind = Kind(event.subject_type)
        found[kind].add(event.subject_id)
        if "merged_id" in event.data:
            found[kind].add(UUID(event.data["merged_id"]))
        if kind is Kind.ACCOUNTS and (changed & _OF_ITS_CONTACTS or "merged_id" in event.data):
            accounts.add(event.subject_id)
    if accounts:
        found[Kind.CONTACTS].update(await repository.contacts_of(session, accounts))
    return found


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + _RECORDS] for start in range(0, len(ids), _RECORDS))


async def compare(session: AsyncSession, scan: DuplicateScan, kind: Kind, ids: Sequence[UUID]) -> None:
    """Compare the records with all that share a key with them, and keep what is found."""
    own = await repository.facts(session, kind, ids)
    keys = {one.id: matching.keys(one) for one in own.values()}
    await _keep_keys(session, ids, keys)
    before = await pairing.known(session, ids)
    candidates, skipped = await _candidates(session, keys)
    candidates |= before.keys()
    others = {one for pair in candidates for one in pair} - own.keys()
    everybody = own | (await repository.facts(session, kind, others) if others else {})
    found = await asyncio.to_thread(_scored, candidates, everybody)  # requests are served meanwhile
    await pairing.keep(session, kind=kind, found=found, before=before)
    scan.compared += len(candidates)
    scan.skipped_blocks += skipped


async def _keep_keys(session: AsyncSession, ids: Sequence[UUID], keys: Mapping[UUID, Iterable[int]]) -> None:
    row = DuplicateKey
    await session.execute(delete(row).where(row.record_id == any_(among(ids))))
    flat = [(key, record) for record, own in keys.items() for key in own]
    if flat:
        await session.execute(_KEYS, {"keys": [key for key, _ in flat], "records": [record for _, record in flat]})


_KEYS = text(
    "INSERT INTO duplicate_keys (key, record_id) SELECT * FROM unnest(:keys, :records) ON CONFLICT DO NOTHING"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("records", type_=ARRAY(Uuid)))
_BLOCKS = text(
    "SELECT wanted.key, block.members FROM unnest(:keys) AS wanted (key), LATERAL ("
    "SELECT array_agg(record_id) AS members FROM ("
    "SELECT record_id FROM duplicate_keys WHERE key = wanted.key ORDER BY record_id LIMIT :most) AS first) AS block"
    " WHERE cardinality(block.members) > 1"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("most", type_=BigInteger))


async def _candidates(session: AsyncSession, keys: Mapping[UUID, Iterable[int]]) -> tuple[set[Pair], int]:
    """The pairs of those that share a key with one of the records, and how many keys too many share."""
    wanted = sorted({key for own in keys.values() for key in own})
    found: set[Pair] = set()
    skipped = 0
    for _, members in await session.execute(_BLOCKS, {"keys": wanted, "most": MOST_IN_BLOCK + 1}):
        if len(members) > MOST_IN_BLOCK:
            skipped += 1
            continue
        ours = [member for member in members if member in keys]
        found.update(ordered(one, other) for one in ours for other in members if one != other)
    return found, skipped


def _scored(candidates: Iterable[Pair], everybody: Mapping[UUID, Facts]) -> Found:
    found = {}
    for left, right in candidates:
        if left in everybody and right in everybody:
            score, reasons = matching.compare(everybody[left], everybody[right])
            if score >= LEAST_SCORE:
                found[left, right] = (score, reasons)
    return found
