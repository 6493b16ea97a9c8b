"""Whatever a request waits for in the database, its wait ends in time, nothing of it stays, and a retry does it."""

import asyncio
from typing import Any

from httpx import Response

from tests.soak.callers import refused
from tests.soak.ground import LIMITS, Ground

_SLOW_RESERVATIONS = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION slow()"""
_SLOW_STAFF = """
    ALTER TABLE staff RENAME TO kept_staff;
    CREATE VIEW staff AS SELECT kept_staff.* FROM kept_staff, pg_sleep(60)"""
_QUICK_AGAIN = "DROP FUNCTION slow CASCADE; DROP VIEW staff; ALTER TABLE kept_staff RENAME TO staff"
_KEY_S_RECORD = """
    INSERT INTO idempotency_records (owner, operation, key, fingerprint, created_at)
    SELECT id, 'POST /v1/orders/' || %s || '/confirm', 'waits', '', now() FROM api_keys"""
_MANY = 3 * int(LIMITS["pool_size"])


def _unavailable(answer: Response) -> str:
    assert refused(answer)
    assert answer.status_code == 503, answer.text
    return str(answer.json()["detail"])


async def _drafts(ground: Ground, number: int) -> list[dict[str, Any]]:
    return [await ground.department.draft() for _ in range(number)]


async def _confirm(ground: Ground, order: dict[str, Any]) -> Response:
    headers = {"If-Match": f'"v{order["version"]}"', "Idempotency-Key": "waits"}
    return await ground.caller().once("POST", f"/v1/orders/{order['id']}/confirm", headers=headers, json={})


async def _drafts_as_before(ground: Ground, orders: list[dict[str, Any]]) -> None:
    """Nothing of a confirmation is left, such as a reservation or a key; then it is done at once."""
    for order in orders:
        assert (await ground.caller().once("GET", f"/v1/orders/{order['id']}")).json() == order
    await ground.all_holds()
    await asyncio.gather(*(ground.department.confirm(order) for order in orders))
    await ground.all_holds()


async def test_locks_that_are_not_given(ground: Ground) -> None:
    """Each confirmation waits for another: for its order, for the stock, for the record of its Idempotency-Key."""
    orders = await _drafts(ground, 3)
    by_order, _by_stock, by_key = orders
    with ground.postgres.connection(autocommit=False) as holder:
        holder.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [by_order["id"]])
        holder.execute("SELECT FROM stock_items FOR UPDATE")
        holder.execute(_KEY_S_RECORD, [by_key["id"]])
        answers = await asyncio.gather(*(_confirm(ground, order) for order in orders))
        holder.rollback()
    assert [refused(answer) for answer in answers] == [True] * 3
    await _drafts_as_before(ground, orders)


async def test_statements_that_take_too_long(ground: Ground) -> None:
    """A read, and a write in the middle: order, account and stock are locked when PostgreSQL becomes slow."""
    orders = await _drafts(ground, 1)
    ground.postgres.execute(_SLOW_RESERVATIONS)
    ground.postgres.execute(_SLOW_STAFF)
    try:
        answers = await asyncio.gather(_confirm(ground, orders[0]), ground.caller().once("GET", "/v1/staff"))
    finally:
        ground.postgres.execute(_QUICK_AGAIN)
    assert ["took too long" in _unavailable(answer) for answer in answers] == [True] * 2
    await _drafts_as_before(ground, orders)


async def test_when_long_requests_hold_all_connections(ground: Ground) -> None:
    """Those who hold one wait for an account or a table; the others wait for one of them to be free."""
    orders = await _drafts(ground, _MANY)
    with ground.postgres.connection(autocommit=False) as holder:
        holder.execute("SELECT FROM accounts FOR UPDATE")
        holder.execute("LOCK TABLE staff IN ACCESS EXCLUSIVE MODE")
        writes = [_confirm(ground, order) for order in orders]
        reads = [ground.caller().once("GET", "/v1/staff") for _ in orders]
        answers = await asyncio.gather(*writes, *reads)
        holder.rollback()
    told = [_unavailable(answer) for answer in answers]
    for of_a_kind in (told[:_MANY], told[_MANY:]):
        assert any("connections are in use" in detail for detail in of_a_kind)
        assert any("holds what this one needs" in detail for detail in of_a_kind)
    assert not refused(await ground.caller().once("GET", "/v1/staff"))
    await _drafts_as_before(ground, orders)
