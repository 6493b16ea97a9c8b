"""The JSON that PostgreSQL builds is what Pydantic would have written for the same values."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.repository import Repository
from tests.kernel.specimen import Colour, Part, Specimen, SpecimenQuery, SpecimenRead, Specimens, make_tables

D = Decimal
OTHER = UUID("0198c1de-0000-7000-8000-0000000000ab")
WHOLE, MICROS = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 120, tzinfo=UTC)
EAST = datetime(2026, 7, 1, 0, 30, 0, 500_000, tzinfo=timezone(timedelta(hours=5, minutes=30)))
PLAIN: dict[str, Any] = {
    "name": "Ana", "number": 1, "amount": D("12.50"), "day": date(2026, 1, 2), "moment": WHOLE, "colour": Colour.RED,
    "other": OTHER, "flag": True, "amount_or_none": None, "moment_or_none": None, "colour_or_none": None,
    "words": [], "notes": [],
}  # fmt: skip
CASES: list[dict[str, Any]] = [
    {},
    {"name": 'quotes " \\ / \n\t é ß 漢 🎉 \u2028 </script>', "words": ["a", 'b"c', "", "{,}", "NULL"]},
    {"number": 2**63 - 1, "flag": False},
    {"number": -(2**63)},
    *({"amount": D(text), "amount_or_none": D(text)} for text in ("0", "0.0000", "-0.01", "1E+3", "1E-4", "1.10")),
    {"amount": D("99999999999999.9999")},
    *({"moment": moment, "moment_or_none": moment} for moment in (MICROS, EAST, datetime(1900, 1, 1, tzinfo=UTC))),
    {"moment": datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "day": date(2999, 12, 31)},
    {"day": date(1900, 1, 1)},
    {"colour": Colour.DARK_BLUE, "colour_or_none": Colour.RED},
    {"notes": [{"text": "n", "price": "1.50", "day": "2026-01-02"}, {"text": "", "price": "0", "day": "2026-02-28"}]},
]


async def show(tx: AsyncSession, values: dict[str, Any], parts: Sequence[Part] = ()) -> tuple[Any, Any]:
    await make_tables(tx)
    row = Specimen(**{**PLAIN, **values})
    for part in parts:
        part.specimen_id = row.id
    tx.add_all([row, *parts])
    await tx.flush()
    shown = await Specimens().show(tx, row.id)
    utc = {n: v.astimezone(UTC) for n, v in vars(row).items() if isinstance(v, datetime)}
    plain = {name: getattr(row, name) for name in SpecimenRead.model_fields if name != "parts"}
    in_order = sorted(parts, key=lambda part: part.price)
    inner = [{"price": part.price, "seen_at": part.seen_at.astimezone(UTC)} for part in in_order]
    schema = SpecimenRead.model_validate({**plain, **utc, "parts": inner})
    assert SpecimenRead.model_validate_json(shown.body) == schema
    return from_json(shown.body), from_json(schema.model_dump_json())


@pytest.mark.parametrize("values", CASES, ids=lambda values: ",".join(values) or "plain")
async def test_every_type_as_pydantic_writes_it(tx: AsyncSession, values: dict[str, Any]) -> None:
    by_postgres, by_pydantic = await show(tx, values)
    assert by_postgres == by_pydantic
    assert list(by_postgres) == list(SpecimenRead.model_fields)


async def test_child_rows_are_an_array_in_order(tx: AsyncSession) -> None:
    parts = [Part(price=D(price), seen_at=moment) for price, moment in (("1.50", MICROS), ("-2", EAST), ("1E2", WHOLE))]
    by_postgres, by_pydantic = await show(tx, {}, parts)
    assert by_postgres == by_pydantic
    assert [part["price"] for part in by_postgres["parts"]] == ["-2", "1.50", "100"]


async def test_times_are_in_utc_whatever_the_session_is_in(tx: AsyncSession) -> None:
    await tx.execute(text("SET LOCAL timezone = 'Asia/Tokyo'"))
    by_postgres, by_pydantic = await show(tx, {"moment": EAST})
    assert by_postgres == by_pydantic
    assert by_postgres["moment"] == "2026-06-30T19:00:00.500000Z"


async def test_a_page_holds_the_same_documents(tx: AsyncSession) -> None:
    await make_tables(tx)
    rows = [Specimen(**{**PLAIN, **values}) for values in CASES]
    tx.add_all([*rows, *(Part(specimen_id=rows[0].id, price=D(n), seen_at=WHOLE) for n in range(3))])
    await tx.flush()
    repository: Repository[Any] = Specimens()
    listing = await repository.page(tx, SpecimenQuery(sort="id"))
    assert listing.rows == [(await repository.show(tx, row.id)).body for row in sorted(rows, key=lambda row: row.id)]
