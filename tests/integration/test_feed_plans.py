"""Reading events costs what is answered, not what is stored: the plans over 100,000 events."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.integration import feed
from app.integration.catalogue import PERMISSIONS
from app.integration.feed import Wanted
from app.kernel import history
from app.kernel.pagination import Sort
from tests.conftest import BoundDatabase

_FILL = text("""
    INSERT INTO outbox (id, position, type, subject_type, subject_id, time, actor, data)
    SELECT gen_random_uuid(), n,
           CASE WHEN n % 10000 = 0 THEN 'staff.updated' ELSE types[1 + n % cardinality(types)] END,
           'orders', lpad(to_hex(n % 10000), 32, '0')::uuid, now(), 'test', '{"changes": []}'
    FROM generate_series(1, 100000) AS n, (SELECT CAST(:types AS text[]) AS types) AS given
""")
_LIMIT = 51
_SUBJECT = ("orders", UUID(int=4711))
_SOME = frozenset({"order.confirmed", "order.shipped", "staff.updated", "lead.captured"})


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _explain(connection: AsyncConnection, statement: ClauseElement) -> list[dict[str, Any]]:
    sql = str(statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True}))
    plan = (await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")).scalar_one()
    return [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "outbox" or "Index Name" in node]


async def _filled(database: BoundDatabase) -> AsyncConnection:
    types = [kind for kind in PERMISSIONS if kind != "staff.updated"]
    await database.connection.execute(_FILL, {"types": types})
    await database.connection.execute(text("UPDATE outbox_head SET position = 100000"))
    await database.connection.execute(text("ANALYZE outbox"))
    return database.connection


async def test_plans(database: BoundDatabase) -> None:
    connection = await _filled(database)
    cases = {
        "all from the start": (Wanted(None, None), 0, "uq_outbox_position"),
        "all at the end": (Wanted(None, None), 99_990, "uq_outbox_position"),
        "a rare type": (Wanted(frozenset({"staff.updated"}), None), 0, "ix_outbox_type_position"),
        "some types": (Wanted(_SOME, None), 0, "ix_outbox_type_position"),
        "some types at the end": (Wanted(_SOME, None), 99_990, "ix_outbox_type_position"),
        "a subject": (Wanted(None, _SUBJECT), 0, "ix_outbox_subject_position"),
        "a subject and types": (Wanted(_SOME, _SUBJECT), 0, "ix_outbox_subject_position"),
    }
    for name, (wanted, after, index) in cases.items():
        nodes = await _explain(connection, feed.statement(wanted, after=after, limit=_LIMIT))
        _check(name, nodes, index)
    news = await _explain(connection, feed.statement_of_news(after=99_990))
    _check("news", news, "uq_outbox_position")
    for sort in ("time", "-time"):
        statement = history._statement(
            subject_type=_SUBJECT[0],
            subject_id=_SUBJECT[1],
            sort=Sort.named(sort, history._COLUMNS, of="plans"),
            cursor=None,
            limit=_LIMIT,
        )
        _check(sort, await _explain(connection, statement), "ix_outbox_subject")


def _check(name: str, nodes: list[dict[str, Any]], index: str) -> None:
    kinds = {node["Node Type"] for node in nodes}
    assert kinds <= {"Index Scan", "Index Only Scan", "Bitmap Index Scan", "Bitmap Heap Scan"}, (name, kinds)
    assert index in {node.get("Index Name") for node in nodes}, (name, nodes)
    for node in nodes:
        # Some types: four of them, each with its first 51.
        assert node["Actual Rows"] <= _LIMIT, (name, node)
        assert node.get("Rows Removed by Filter", 0) <= _LIMIT, (name, node)
