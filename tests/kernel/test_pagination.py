import asyncio
import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import Invalid
from tests.conftest import Live
from tests.kernel.specimen import SORTS, Colour, Specimen, SpecimenQuery, Specimens, make_tables
from tests.kernel.test_shape import PLAIN

D = Decimal
DIRECTIONS = [direction + name for name in SORTS for direction in ("", "-")]
FILL = text("""
    INSERT INTO staff (id, name, email, role, active_from, version, created_at, updated_at)
    SELECT gen_random_uuid(), :name, :prefix || n, 'representative', '2020-01-01', 1, '2020-01-01Z', '2020-01-01Z'
    FROM generate_series(1, :count) n
""")


async def fill(live: Live, *, count: int, prefix: str, name: str = "Same Name") -> None:
    async with live.database.transaction() as session:
        await session.execute(FILL, {"count": count, "prefix": prefix, "name": name})


async def walk(client: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await client.get("/v1/staff", params={**params, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        body = page.json()
        found += body["data"]
        assert body["has_more"] is (body["next_cursor"] is not None)
        if not body["has_more"]:
            return found
        cursor = body["next_cursor"]


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at"])
async def test_5000_equal_keys_while_rows_are_inserted(live: Live, sort: str) -> None:
    """No old row twice, none skipped: ids tie-break, and new ids fall anywhere between the old ones."""
    await fill(live, count=5000, prefix="old-")

    async def keep_inserting() -> None:
        for number in range(200):
            await fill(live, count=20, prefix=f"new-{number}-")

    inserting = asyncio.create_task(keep_inserting())
    await asyncio.sleep(0.1)
    seen = [member["email"] for member in await walk(live.client, sort=sort, limit=200)]
    inserting.cancel()
    await asyncio.gather(inserting, return_exceptions=True)
    old = [email for email in seen if email.startswith("old-")]
    assert len(old) == len(set(old)) == 5000
    assert len(seen) == len(set(seen))
    assert any(email.startswith("new-") for email in seen)


async def test_rows_deleted_between_pages_cost_no_others(live: Live) -> None:
    await fill(live, count=100, prefix="a-")
    first = (await live.client.get("/v1/staff", params={"limit": 10})).json()
    async with live.database.transaction() as session:
        await session.execute(text("DELETE FROM staff WHERE id = :id"), {"id": first["data"][-1]["id"]})
    rest = await walk(live.client, limit=10, cursor=first["next_cursor"])
    assert len({member["id"] for member in first["data"] + rest}) == 100


async def test_the_link_header_leads_through_all_pages_with_filters_and_sort(client: AsyncClient) -> None:
    person = {"role": "representative", "active_from": "2020-01-01"}
    for name in ("Ana", "Bo", "Cy", "Di", "Ed"):
        await client.post("/v1/staff", json={**person, "name": name, "email": f"{name}@example.com"})
    await client.post("/v1/staff", json={**person, "role": "administrator", "name": "X", "email": "x@example.com"})
    response = await client.get("/v1/staff?role=representative&sort=-name&limit=2")
    names, pages = [m["name"] for m in response.json()["data"]], 1
    while "next" in response.links:
        assert response.json()["next_cursor"] in response.headers["link"]
        response = await client.get(response.links["next"]["url"])
        names += [m["name"] for m in response.json()["data"]]
        pages += 1
    assert (names, pages) == (["Ed", "Di", "Cy", "Bo", "Ana"], 3)


async def test_the_last_full_page_has_no_next(client: AsyncClient) -> None:
    person = {"role": "representative", "active_from": "2020-01-01"}
    for name in ("Ana", "Bo"):
        await client.post("/v1/staff", json={**person, "name": name, "email": f"{name}@example.com"})
    full = await client.get("/v1/staff", params={"limit": 2})
    assert (len(full.json()["data"]), full.json()["has_more"], "link" in full.headers) == (2, False, False)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "1e3", "", "9" * 30, "9" * 5000])
async def test_limits_out_of_bounds(client: AsyncClient, limit: str) -> None:
    response = await client.get("/v1/staff", params={"limit": limit})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "limit")


@pytest.mark.parametrize("limit", [1, 200])
async def test_limits_in_bounds(client: AsyncClient, limit: int) -> None:
    assert (await client.get("/v1/staff", params={"limit": limit})).status_code == 200


async def test_an_unknown_sort(client: AsyncClient) -> None:
    response = await client.get("/v1/staff", params={"sort": "email"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "sort")


async def test_default_limit(live: Live) -> None:
    await fill(live, count=60, prefix="a-")
    assert len((await live.client.get("/v1/staff")).json()["data"]) == 50


async def specimens(tx: AsyncSession) -> list[Specimen]:
    """Pairs of equal keys for every column, with values on which a sort could stumble."""
    await make_tables(tx)
    rows = [
        Specimen(**PLAIN | {
            "name": ("", "a'b", 'q"\\', "émile", "漢" * 200, "🎉" * 320)[n],
            "number": (-(2**63), -1, 0, 2**31, 2**53 + 1, 2**63 - 1)[n],
            "amount": (D("-99999999999999.9999"), D("-0.5"), D(0), D("0.00000001"), D("1E+3"), D("12345.6789"))[n],
            "day": date(2026, 1, 1) + timedelta(days=n * 100),
            "moment": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n),
            "colour": (Colour.RED, Colour.DARK_BLUE)[n % 2],
            "other": UUID(int=n),
        })
        for n in range(6) for _ in range(2)
    ]  # fmt: skip
    tx.add_all(rows)
    await tx.flush()
    return rows


@pytest.mark.parametrize("sort", DIRECTIONS)
async def test_every_type_of_sort_column_pages_through(tx: AsyncSession, sort: str) -> None:
    rows, found, cursor = await specimens(tx), [], None
    while True:
        query = SpecimenQuery.model_validate({"sort": sort, "limit": 1, "cursor": cursor})
        listing = await Specimens().page(tx, query)
        found += [json.loads(row) for row in listing.rows]
        cursor = listing.next_cursor
        if cursor is None:
            break
        assert len(cursor) <= 2000
    assert [row["id"] for row in found] == [row["id"] for row in await _at_once(tx, sort)]
    assert {row["id"] for row in found} == {str(row.id) for row in rows}
    assert len(found) == len(rows)


async def _at_once(tx: AsyncSession, sort: str) -> list[Any]:
    listing = await Specimens().page(tx, SpecimenQuery.model_validate({"sort": sort, "limit": 200}))
    return [json.loads(row) for row in listing.rows]


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


ID = "5f21a873-6481-4060-9213-7bca3adbd651"
WRONG: list[Any] = [
    None, True, 1.5, [], {}, {"a": 1}, "", "x", "\0", "\ud800", "a" * 2000, "1e400", "NaN", "-Infinity", "sNaN",
    "9" * 400, "1E999999999", 10**30, -(10**30), 2**63, "2026-13-01", "2026-01-01", "2026-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "0001-01-01", "purple", "٣", "1_0",
]  # fmt: skip


@pytest.mark.parametrize("sort", DIRECTIONS)
async def test_a_cursor_with_a_foreign_value_is_refused_or_a_place_in_the_list(tx: AsyncSession, sort: str) -> None:
    """Whatever somebody puts into a cursor: a 422 that names it, never a fault."""
    await specimens(tx)
    refused = 0
    for value in WRONG:
        query = SpecimenQuery.model_validate({"sort": sort, "cursor": encoded([sort, value, ID])[:2000]})
        refused += await _pointer_of_refusal(tx, query) == "cursor"
    assert refused >= len(WRONG) - 22  # texts are places in a list sorted by text


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("name", 1), ("name", None), ("name", "\0"), ("number", "1"), ("number", True), ("number", 1.0),
        ("number", 2**63), ("number", -(2**63) - 1), ("amount", 1), ("amount", "x"), ("amount", "NaN"),
        ("amount", "-Infinity"), ("amount", "1E999999999"), ("day", "2026-13-01"), ("day", "2026-01-01T00:00:00Z"),
        ("moment", "2026-01-01T00:00:00"), ("moment", "x"), ("moment", "0001-01-01T00:00:00+14:00"),
        ("other", "x"), ("other", 1), ("id", "x"), ("colour", 1),
    ],
)  # fmt: skip
async def test_a_value_of_another_type_is_refused(tx: AsyncSession, sort: str, value: Any) -> None:
    await make_tables(tx)
    query = SpecimenQuery.model_validate({"sort": sort, "cursor": encoded([sort, value, ID])})
    assert await _pointer_of_refusal(tx, query) == "cursor"


async def _pointer_of_refusal(tx: AsyncSession, query: SpecimenQuery) -> str | None:
    try:
        async with tx.begin_nested():
            await Specimens().page(tx, query)
    except Invalid as refusal:
        return refusal.errors[0].pointer
    return None


@pytest.mark.parametrize(
    "cursor",
    [
        "", "!", "a", "=", "====", "%", "é", "\u2028", "AAAA", "a" * 2001, encoded(b"\xff\xfe"), encoded(b"{}"),
        encoded(b"[" * 500), encoded(None), encoded([]), encoded(["name"]), encoded(["name", "a"]),
        encoded(["name", "a", ID, 1]), encoded(["name", "a", None]), encoded(["name", "a", 5]),
        encoded(["name", "a", [ID]]), encoded(["name", "a", "x"]), encoded(["-name", "a", ID]),
        encoded(["created_at", "2026-01-01T00:00:00+00:00", ID]), encoded(["email", "a", ID]),
        encoded({"name": 1, "a": 2, "b": 3}), encoded("nam"), encoded(["name", 1, ID]), encoded(b"9" * 5000)[:2000],
        encoded(["name", "a\0", ID]), encoded(["name", "\ud800", ID]), encoded([["name"], "a", ID]),
    ],
)  # fmt: skip
async def test_garbage_and_foreign_cursors(client: AsyncClient, cursor: str) -> None:
    response = await client.get("/v1/staff", params={"sort": "name", "cursor": cursor})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"] == "cursor"


async def test_a_cursor_of_another_sort(live: Live) -> None:
    await fill(live, count=3, prefix="a-")
    cursor = (await live.client.get("/v1/staff", params={"limit": 1})).json()["next_cursor"]
    for sort in ("-name", "created_at"):
        response = await live.client.get("/v1/staff", params={"sort": sort, "cursor": cursor})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "cursor")
