import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import outbox
from app.kernel.auth import Permission, Principal
from app.kernel.outbox import Change, Event, Origin, OutboxEvent, OutboxHead, changes, difference, envelope, number
from tests.conftest import Live
from tests.kernel.specimen import Colour, Specimen, make_tables
from tests.kernel.test_shape import PLAIN


class Happened(Event):
    """Something happened."""

    type: ClassVar[str] = "specimen.happened"
    subject_type: ClassVar[str] = "specimens"
    what: str = ""


def happen(session: AsyncSession, what: str = "") -> None:
    session.add(outbox.as_row(session, uuid4(), Happened(what=what)))


async def number_now(live: Live, limit: int = 1000) -> int:
    async with live.database.transaction() as session:
        return await number(session, limit=limit)


async def feed(live: Live) -> list[tuple[int, str]]:
    """Positions and what happened, as the feed serves them."""
    row = OutboxEvent
    async with live.database.read() as connection:
        statement = select(row.position, row.data).where(row.position.is_not(None)).order_by(row.position)
        return [(position or 0, data["what"]) for position, data in await connection.execute(statement)]


async def test_the_earlier_writer_that_commits_last_comes_last_in_the_feed(live: Live) -> None:
    async with live.database.transaction() as earlier:
        happen(earlier, "earlier")
        await earlier.flush()
        async with live.database.transaction() as later:
            happen(later, "later")
        assert await number_now(live) == 1
        assert await feed(live) == [(1, "later")]
    assert await number_now(live) == 1
    assert await feed(live) == [(1, "later"), (2, "earlier")]
    assert await number_now(live) == 0


async def test_a_writer_that_stays_open_does_not_stall_the_feed(live: Live) -> None:
    async with live.database.transaction() as open_writer:
        happen(open_writer, "open")
        await open_writer.flush()
        for count in range(1, 20):
            async with live.database.transaction() as session:
                happen(session, str(count))
            async with asyncio.timeout(2):
                assert await number_now(live) == 1
        assert [position for position, _ in await feed(live)] == list(range(1, 20))
    await number_now(live)
    assert (await feed(live))[-1] == (20, "open")


async def test_what_is_rolled_back_never_appears(live: Live) -> None:
    async def write_and_stop() -> None:
        async with live.database.transaction() as session:
            happen(session, "never")
            await session.flush()
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await write_and_stop()
    async with live.database.transaction() as session:
        happen(session, "a")
    await number_now(live)
    assert await feed(live) == [(1, "a")]


async def test_numbering_at_once_while_others_write_gives_each_event_one_position(live: Live) -> None:
    seen: list[int] = []

    async def write(writer: int) -> None:
        for index in range(15):
            async with live.database.transaction() as session:
                happen(session, f"{writer}.{index}")

    async def give(limit: int) -> None:
        for _ in range(15):
            await number_now(live, limit)
            served = await feed(live)
            seen.append(len(served))
            assert [position for position, _ in served] == list(range(1, len(served) + 1))

    await asyncio.gather(*(write(n) for n in range(5)), *(give(limit) for limit in (1, 7, 1000)))
    while await number_now(live):
        pass
    served = await feed(live)
    assert [position for position, _ in served] == list(range(1, 76))
    assert {what for _, what in served} == {f"{n}.{i}" for n in range(5) for i in range(15)}
    for writer in range(5):
        of_one = [what for _, what in served if what.startswith(f"{writer}.")]
        assert of_one == [f"{writer}.{index}" for index in range(15)]


async def test_a_later_poll_never_finds_an_earlier_event(live: Live) -> None:
    """Readers that remember their last position miss nothing, though writers commit out of order."""

    async def write(seconds: float) -> None:
        for _ in range(6):
            async with live.database.transaction() as session:
                happen(session)
                await session.flush()
                await asyncio.sleep(seconds)

    read: list[int] = []

    async def poll(writers: list[asyncio.Task[None]]) -> None:
        while not all(writer.done() for writer in writers) or await number_now(live):
            await number_now(live)
            fresh = [p for p, _ in await feed(live) if p > (read[-1] if read else 0)]
            read.extend(fresh)

    writers = [asyncio.create_task(write(seconds)) for seconds in (0.001, 0.01, 0.05)]
    await poll(writers)
    assert read == list(range(1, 19)) == [position for position, _ in await feed(live)]


async def test_numbering_that_is_rolled_back_leaves_no_gap(live: Live) -> None:
    async with live.database.transaction() as session:
        happen(session, "a")

    async def number_and_stop() -> None:
        async with live.database.transaction() as session:
            assert await number(session) == 1
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await number_and_stop()
    await number_now(live)
    assert await feed(live) == [(1, "a")]
    async with live.database.read() as connection:
        assert (await connection.execute(select(OutboxHead.position))).scalar_one() == 1


async def loaded(tx: AsyncSession, **values: Any) -> Any:
    await make_tables(tx)
    row = Specimen(**{**PLAIN, **values})
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return row


async def test_changes_name_what_was_set_with_old_and_new_values(tx: AsyncSession) -> None:
    row = await loaded(tx)
    row.number, row.amount, row.flag, row.colour = 7, Decimal("1E+2"), False, Colour.DARK_BLUE
    row.day, row.amount_or_none = date(2026, 2, 3), Decimal("0.10")
    row.moment_or_none = datetime(2026, 1, 1, tzinfo=UTC)
    row.words = list(row.words)  # set, but the same
    found = {change.field: (change.old, change.new) for change in changes(row)}
    assert found == {
        "number": (1, 7), "amount": ("12.50", "100"), "flag": (True, False), "colour": ("red", "dark_blue"),
        "day": ("2026-01-02", "2026-02-03"), "amount_or_none": (None, "0.10"),
        "moment_or_none": (None, "2026-01-01T00:00:00+00:00"),
    }  # fmt: skip


async def test_personal_fields_are_named_without_values_and_silent_ones_not_at_all(tx: AsyncSession) -> None:
    row = await loaded(tx)
    row.name, row.number, row.other = "Ana Trujillo", 2, UUID(int=0)
    row.updated_at = datetime(2026, 1, 1, tzinfo=UTC)  # how a change of a child row touches its parent
    found = changes(row, personal=("name",), silent=("other",))
    assert set(found) == {Change(field="name"), Change(field="number", old=1, new=2)}
    assert "Ana" not in str(found)


def test_a_difference_is_told_alike() -> None:
    old, new = {"a": 1, "b": Decimal("1.0"), "n": "Ana"}, {"a": 1, "b": Decimal("2E+1"), "n": "Bo"}
    assert difference(old, new, personal=("n",)) == (Change(field="b", old="1.0", new="20"), Change(field="n"))


async def test_who_did_it_and_within_which_request(tx: AsyncSession) -> None:
    row = await loaded(tx)
    principal = Principal(uuid4(), "marketing", frozenset(Permission), None)
    tx.info["origin"] = Origin(principal, "marketing", "r-1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    outbox.record(tx, row, Happened(what="x"))
    await tx.flush()
    body, position, _ = (await tx.execute(outbox.stored())).one()
    assert position is None
    shown = envelope(Happened).model_validate_json(body)
    assert (shown.subject, shown.actor, shown.actorid) == (f"specimens/{row.id}", "marketing", principal.key_id)
    assert (shown.type, shown.requestid, shown.traceparent) == (
        "specimen.happened",
        "r-1",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )
    assert (shown.specversion, shown.source, shown.datacontenttype) == ("1.0", "/v1", "application/json")


async def test_over_http_the_event_is_written_with_the_row(live: Live) -> None:
    nancy = {"name": "Nancy", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    created = await live.client.post("/v1/staff", json=nancy, headers={"X-Request-Id": "r-1"})
    await live.client.post("/v1/staff", json=nancy)  # refused: leaves no event
    changed = {"name": "Anna", "role": "administrator"}
    await live.client.patch(created.headers["location"], json=changed, headers={"If-Match": '"v1"'})
    async with live.database.read() as connection:
        rows = (await connection.execute(text("SELECT type, request_id, data FROM outbox ORDER BY seq"))).all()
    assert [(row.type, row.request_id == "r-1") for row in rows] == [("staff.created", True), ("staff.updated", False)]
    told = {change["field"]: (change["old"], change["new"]) for change in rows[1].data["changes"]}
    assert told == {"name": (None, None), "role": ("representative", "administrator")}
