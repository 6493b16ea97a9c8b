"""The import of a file: chunk by chunk, each a transaction that also says how far the file has come."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TypeAlias

from asyncpg import exceptions as pg
from sqlalchemy import Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock
from app.kernel.bulk import Done, Outcome, Rejected
from app.kernel.company import Company
from app.kernel.db import Database
from app.kernel.errors import StartOver
from app.kernel.imports import ImportRun
from app.kernel.outbox import Origin
from app.transfer.chunk import Chunk, fault_of
from app.transfer.kinds import Kind
from app.transfer.mapping import MappingFile, Plan
from app.transfer.reading import BadFile, CsvFile, Format, NdjsonFile, Record, digest_of, opened
from app.transfer.rejects import Rejects, reason_of

ACTOR = "import"
"""Who caused the events of imported rows."""

CHUNK = 1000
_ATTEMPTS = 10
_PASSES = (pg.DeadlockDetectedError, pg.LockNotAvailableError, pg.SerializationError)

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many bytes of how many have been read."""


class Busy(Exception):  # noqa: N818 - names the state it reports
    """Somebody else imports the same file at this moment."""


class _NothingKept(Exception):  # noqa: N818 - control flow
    """Ends the transaction of a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to import, and how."""

    kind: Kind
    file: Path
    format: Format
    mapping: MappingFile
    delimiter: str = ","
    rejects: Path | None = None
    dry_run: bool = False
    restart: bool = False
    raw: bool = False
    chunk: int = CHUNK

    @property
    def mapping_digest(self) -> str:
        """What tells this way of reading the file from others."""
        return hashlib.sha256(f"{self.mapping.digest} {self.format} {self.delimiter} {self.raw}".encode()).hexdigest()


@dataclass(slots=True)
class Summary:
    """What became of the rows of a file, those of an earlier run that broke off included."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    resumed_at: int = 0
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Of this run alone."""
        return (self.read - self.resumed_at) / self.seconds if self.seconds else 0.0


async def run(database: Database, company: Company, request: Request, progress: Progress) -> Summary:
    """Import the file, or go on with it where an earlier run was broken off.

    Raises:
        BadFile: the file or the mapping cannot be used; nothing has been changed.
        Busy: somebody else imports the same file.

    """
    if request.rejects is not None and request.rejects.resolve() == request.file.resolve():
        raise BadFile("the rejected rows would overwrite the file that is imported: name another one")
    with opened(request.file, request.format, request.delimiter, raw=request.raw) as file:
        kind, rules = request.kind, request.mapping.rules()
        ways = {name: rule.lookup for name, rule in rules.items() if rule.lookup is not None}
        _check_ways(kind, ways)
        required = kind.required if request.format == "csv" else ()
        plan = Plan(request.mapping, kind.shapes, file.columns, required=required, timezone=company.timezone)
        for field, reference in kind.references.items():
            if field in plan.labels:
                plan.labels.setdefault(reference.target, plan.labels[field])
        importing = _Importing(database, request, file, plan, Chunk(kind, plan, ways, company), progress)
        return await (importing.rehearse() if request.dry_run else importing.go())


def _check_ways(kind: Kind, ways: dict[str, str]) -> None:
    for field, way in ways.items():
        if field not in kind.references:
            names = ", ".join(kind.references) or "none"
            raise BadFile(f"{field} is not looked up: fields that are, are {names}")
        if way not in kind.references[field].ways:
            raise BadFile(f"{field} is not looked up by {way}: say {' or '.join(kind.references[field].ways)}")


class _Importing:
    """One run."""

    def __init__(
        self,
        database: Database,
        request: Request,
        file: CsvFile | NdjsonFile,
        plan: Plan,
        chunk: Chunk,
        progress: Progress,
    ) -> None:
        self._database, self._request, self._file, self._plan = database, request, file, plan
        self._chunk, self._progress = chunk, progress
        self._summary = Summary()
        self._written = 0  # bytes of the file of rejected rows

    async def rehearse(self) -> Summary:
        """What would become of the rows, found out in one transaction of which nothing is kept."""
        began = monotonic()
        with suppress(_NothingKept), self._rejects(0) as rejects:
            async with self._database.transaction() as session:
                session.info["origin"] = Origin(None, ACTOR)
                for records in self._chunks(0):
                    done = await self._patiently(session, records)
                    rejected = _count(self._summary, records, done, self._plan)
                    self._written = rejects.write(rejected, at=self._written)
                    await session.flush()
                    session.expunge_all()
                raise _NothingKept
        self._summary.seconds = monotonic() - began
        return self._summary

    async def go(self) -> Summary:
        """Import what has not been imported yet."""
        digest = digest_of(self._request.file)
        began = monotonic()
        async with self._database.transaction() as session:
            state = await self._begin(session, digest)
        self._summary = Summary(
            state.position, state.created, state.updated, state.unchanged, state.rejected, state.position
        )
        self._written = state.rejects_bytes if self._request.rejects is not None else 0
        with self._rejects(self._written) as rejects:
            for records in self._chunks(state.position):
                await self._commit(state, records, rejects)
        async with self._database.transaction() as session:
            await self._demand_ours(session, state)
            await session.execute(_advanced(state, self._summary, self._written).values(finished_at=clock.now()))
        self._summary.seconds = monotonic() - began
        return self._summary

    def _rejects(self, kept: int) -> Rejects:
        request = self._request
        return Rejects(request.rejects, request.format, self._file.columns, request.delimiter, kept)

    def _chunks(self, position: int) -> Iterator[Sequence[Record]]:
        """The rows behind this position, a chunk at a time."""
        records = self._file.records()
        for _ in islice(records, position):
            self._progress(self._file.bytes_read, self._file.size)
        while chunk := list(islice(records, self._request.chunk)):
            yield chunk
            self._progress(self._file.bytes_read, self._file.size)

    async def _begin(self, session: AsyncSession, digest: str) -> ImportRun:
        """The run of this file and mapping that was broken off, or a new one."""
        row, request = ImportRun, self._request
        same = (row.kind == request.kind.name, row.file_digest == digest, row.mapping_digest == request.mapping_digest)
        if request.restart:
            await session.execute(delete(row).where(*same, row.finished_at.is_(None)))
        names = {"kind": request.kind.name, "file_digest": digest, "mapping_digest": request.mapping_digest}
        new = row(**names, file_name=request.file.name)
        values = {"id": new.id, **names, "file_name": new.file_name}
        await session.execute(insert(row).values(values).on_conflict_do_nothing())
        return (await session.scalars(select(row).where(*same, row.finished_at.is_(None)))).one()

    async def _demand_ours(self, session: AsyncSession, state: ImportRun) -> None:
        """Hold the run's row, on which nobody else may have gone on meanwhile."""
        row = ImportRun
        position = select(row.position).where(row.id == state.id, row.finished_at.is_(None)).with_for_update()
        if await session.scalar(position) != self._summary.read:
            raise Busy

    async def _commit(self, state: ImportRun, records: Sequence[Record], rejects: Rejects) -> None:
        """Import one chunk; what others do at the same moment makes it begin anew."""
        for attempt in range(_ATTEMPTS):
            counted = replace(self._summary)
            try:
                async with self._database.transaction() as session:
                    session.info["origin"] = Origin(None, ACTOR)
                    await self._demand_ours(session, state)
                    done = await self._chunk.take(session, records)
                    rejected = _count(counted, records, done, self._plan)
                    written = rejects.write(rejected, at=self._written)
                    await session.execute(_advanced(state, counted, written))
            except (StartOver, DBAPIError, *_PASSES) as error:
                if attempt == _ATTEMPTS - 1 or not isinstance(fault_of(error), (StartOver, *_PASSES)):
                    raise
                await asyncio.sleep(0.1 * attempt)
            else:
                self._summary, self._written = counted, written
                return

    async def _patiently(self, session: AsyncSession, records: Sequence[Record]) -> list[Done]:
        for _ in range(_ATTEMPTS - 1):
            with suppress(StartOver):
                return await self._chunk.take(session, records)
        return await self._chunk.take(session, records)


def _advanced(state: ImportRun, summary: Summary, written: int) -> Update:
    """That the file has come so far."""
    row = ImportRun
    outcomes = {name: getattr(summary, name) for name in ("created", "updated", "unchanged", "rejected")}
    far = {"position": summary.read, "rejects_bytes": written, "updated_at": clock.now()}
    return update(row).where(row.id == state.id).values(**outcomes, **far)


def _count(summary: Summary, records: Sequence[Record], done: Sequence[Done], plan: Plan) -> list[tuple[Record, str]]:
    """Add up what became of rows; returns the rejected ones with their reasons."""
    rejected = []
    for record, one in zip(records, done, strict=True):
        summary.read += 1
        if isinstance(one, Rejected):
            summary.rejected += 1
            rejected.append((record, reason_of(one, plan.labels)))
        elif one[0] is Outcome.CREATED:
            summary.created += 1
        elif one[0] is Outcome.UPDATED:
            summary.updated += 1
        else:
            summary.unchanged += 1
    return rejected
