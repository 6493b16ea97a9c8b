"""A chunk of rows in one transaction: read as the mapping says, looked up, validated, and written by their domain."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import exceptions as pg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.bulk import Done, Outcome, Rejected
from app.kernel.company import Company
from app.kernel.errors import Refusal, Unavailable, pointer_of
from app.kernel.statement import driver_of
from app.kernel.text import field_error
from app.kernel.upsert import rejected
from app.transfer.kinds import Kind, done_of
from app.transfer.lookups import look_up
from app.transfer.mapping import Plan
from app.transfer.reading import Record

Rows = dict[int, dict[str, Any]]
Wrong = dict[int, Rejected]
_ROWS_FAULT = (pg.IntegrityConstraintViolationError, pg.DataError)


class _NotThere(Exception):  # noqa: N818 - control flow
    """Rows name others that were to come with them, and did not."""

    def __init__(self, wrong: Wrong) -> None:
        self.wrong = wrong


def fault_of(error: BaseException) -> BaseException:
    """What the driver said, whoever passed it on."""
    return error.orig.__cause__ or error if isinstance(error, DBAPIError) and error.orig is not None else error


class Chunk:
    """What is done with a chunk of rows of one kind."""

    def __init__(self, kind: Kind, plan: Plan, ways: Mapping[str, str], company: Company) -> None:
        self._kind, self._plan, self._ways, self._company = kind, plan, ways, company

    async def take(self, session: AsyncSession, records: Sequence[Record]) -> list[Done]:
        """Write the rows that are right; what became of each, in their order."""
        rows: Rows = {}
        wrong: Wrong = {}
        for index, record in enumerate(records):
            row, errors = ({}, []) if record.wrong is not None else self._plan.row(record.values)
            if record.wrong is not None:
                wrong[index] = Rejected.at("", "unreadable", record.wrong)
            elif errors:
                wrong[index] = Rejected(tuple(errors))
            else:
                rows[index] = row
        await self._find(session, rows, wrong)
        linked = await self._find_own(session, rows, wrong)
        checked = self._checked(rows, wrong)
        done: dict[int, Done] = {**wrong}
        if checked:
            links = {index: name for index, name in linked.items() if index in checked}
            done |= await self._store(session, checked, links)
        return [done[index] for index in range(len(records))]

    async def _find(self, session: AsyncSession, rows: Rows, wrong: Wrong) -> None:
        """Put what rows name in place of its names."""
        for field, reference in self._kind.references.items():
            if self._kind.link is not None and field == self._kind.link.field:
                continue
            named = _taken(rows, wrong, field)
            if not named:
                continue
            found = await look_up(session, reference, set(named.values()) - {None}, self._ways.get(field))
            for index, name in named.items():
                if name in found.wrong:
                    error = found.wrong[name]
                    wrong[index] = Rejected.at(pointer_of([field]), error.code, error.detail)
                    del rows[index]
                else:
                    rows[index][reference.target] = None if name is None else found.values[name]

    async def _find_own(self, session: AsyncSession, rows: Rows, wrong: Wrong) -> dict[int, str | None]:
        """Which row of its own kind each names; one that names nothing that is there or comes along is wrong."""
        link = self._kind.link
        if link is None:
            return {}
        named = _taken(rows, wrong, link.field)
        ways = self._kind.references[link.field]
        found = await look_up(session, ways, set(named.values()) - {None}, self._ways.get(link.field))
        way = self._ways.get(link.field)
        own = {row.get(name) for row in rows.values() for name in ([way] if way else link.own)}
        for index, name in list(named.items()):
            if name in found.wrong and (found.wrong[name].code == "ambiguous" or name not in own):
                wrong[index] = Rejected.at(pointer_of([link.field]), found.wrong[name].code, found.wrong[name].detail)
                del rows[index], named[index]
        return named

    def _checked(self, rows: Rows, wrong: Wrong) -> dict[int, Any]:
        checked = {}
        for index, row in rows.items():
            try:
                checked[index] = self._kind.row.model_validate(row)
            except ValidationError as error:
                each = error.errors(include_url=False)
                wrong[index] = Rejected(tuple(field_error(pointer_of(one["loc"]), one) for one in each))
        return checked

    async def _store(
        self, session: AsyncSession, rows: dict[int, Any], links: dict[int, str | None]
    ) -> dict[int, Done]:
        """Write rows; where the database or the domain refuses all of them, those that are to blame are found.

        Raises:
            Unavailable: it would be different at another moment.

        """
        try:
            async with driver_of(session).transaction():
                done = await self._write(session, rows, links)
                await session.flush()
                return done
        except _NotThere as missing:
            others = {index: row for index, row in rows.items() if index not in missing.wrong}
            left = {index: name for index, name in links.items() if index in others}
            return missing.wrong | (await self._store(session, others, left) if others else {})
        except Unavailable:
            raise
        except Refusal as refusal:
            fault = rejected(refusal)
        except (DBAPIError, *_ROWS_FAULT) as error:
            found = fault_of(error)
            if not isinstance(found, _ROWS_FAULT):
                raise
            fault = Rejected.at("", "refused", _said(found))
        session.expunge_all()
        if len(rows) == 1:
            return dict.fromkeys(rows, fault)
        done, indexes = {}, list(rows)
        for half in (indexes[: len(indexes) // 2], indexes[len(indexes) // 2 :]):
            some = {index: links[index] for index in half if index in links}
            done |= await self._store(session, {index: rows[index] for index in half}, some)
        return done

    async def _write(
        self, session: AsyncSession, rows: dict[int, Any], links: dict[int, str | None]
    ) -> dict[int, Done]:
        result = await self._kind.upsert(session, self._company, list(rows.values()))
        done = dict(zip(rows, done_of(result), strict=True))
        ids = {index: one[1] for index, one in done.items() if not isinstance(one, Rejected)}
        wanted = {index: name for index, name in links.items() if index in ids}
        if self._kind.link is None or not wanted:
            return done
        field = self._kind.link.field
        reference = self._kind.references[field]
        found = await look_up(session, reference, {name for name in wanted.values() if name}, self._ways.get(field))
        if missing := {index: name for index, name in wanted.items() if name in found.wrong}:
            pointer = pointer_of([field])
            errors = {index: found.wrong[name] for index, name in missing.items() if name is not None}
            raise _NotThere({index: Rejected.at(pointer, one.code, one.detail) for index, one in errors.items()})
        pairs = {ids[index]: None if name is None else found.values[name] for index, name in wanted.items()}
        return done | _renewed(done, ids, await self._kind.link.write(session, pairs))


def _renewed(done: Mapping[int, Done], ids: Mapping[int, UUID], moved: frozenset[UUID]) -> dict[int, Done]:
    """The rows that were unchanged but for whom they belong to."""
    unchanged = {index for index, one in done.items() if not isinstance(one, Rejected) and one[0] is Outcome.UNCHANGED}
    return {index: (Outcome.UPDATED, ids[index]) for index in unchanged if ids[index] in moved}


def _taken(rows: Rows, wrong: Wrong, field: str) -> dict[int, Any]:
    """What rows say in the field, which they then no longer have; None where they say nothing on purpose."""
    named = {}
    for index in list(rows):
        if field not in rows[index]:
            continue
        name = rows[index].pop(field)
        if name is None or isinstance(name, str):
            named[index] = name
        else:
            wrong[index] = Rejected((field_error(pointer_of([field]), _NO_TEXT | {"input": name}),))
            del rows[index]
    return named


_NO_TEXT = {"type": "string_type", "msg": "Input should be a valid string"}


def _said(error: BaseException) -> str:
    """What PostgreSQL found wrong, without the statement."""
    detail = getattr(error, "detail", None)
    return f"the database refuses it: {str(error).splitlines()[0]}" + (f" ({detail})" if detail else "")
