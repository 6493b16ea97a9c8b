"""Whatever a request waits for in the database, its wait ends in time, nothing of it stays, and a retry does it."""

import asyncio
from typing import Any

import pytest
from httpx import Response

from tests.soak.callers import refused
from tests.soak.ground import LIMITS, Ground

_LOCKED = {
    "order": "SELECT FROM orders WHERE id = %(order)s FOR UPDATE",
    "account": "SELECT FROM accounts WHERE id = %(account)s FOR UPDATE",
    "stock": "SELECT FROM stock_items FOR UPDATE",
    "the key's record": "INSERT INTO idempotency_records (owner, operation, key, fingerprint, created_at)"
    " SELECT id, 'POST /v1/orders/' || %(order)s || '/confirm', 'waits', '', now() FROM api_keys",
}
_SLOW_STAFF = (
    "ALTER TABLE staff RENAME TO kept_staff; CREATE VIEW staff AS SELECT kept_staff.* FROM kept_staff, pg_sleep(60)"
)
_STAFF_AGAIN = "DROP VIEW staff; ALTER TABLE kept_staff RENAME TO staff"
_MANY = 3 * int(LIMITS["pool_size"])


def _unavailable(answer: Response) -> str:
    assert refused(answer)
    assert answer.status_code == 503, answer.text
    return str(answer.json()["detail"])


async def _confirm(ground: Ground, order: dict[str, Any], key: str) -> Response:
    headers = {"If-Match": f'"v{order["version"]}"', "Idempotency-Key": key}
    return await ground.caller().once("POST", f"/v1/orders/{order['id']}/confirm", headers=headers, json={})


async def _still_a_draft(ground: Ground, order: dict[str, Any]) -> None:
    """And nothing of a confirmation is left, such as a reservation or a key."""
    found = await ground.caller().once("GET", f"/v1/orders/{order['id']}")
    assert found.json() == order
    await ground.all_holds()


@pytest.mark.parametrize("locked", _LOCKED)
async def test_a_lock_that_is_not_given(locked: str, ground: Ground) -> None:
    order = await ground.department.draft()
    with ground.postgres.connection(autocommit=False) as holder:
        holder.execute(_LOCKED[locked], {"order": order["id"], "account": order["account_id"]})
        assert refused(await _confirm(ground, order, "waits"))
        holder.rollback()
    await _still_a_draft(ground, order)
    await ground.department.confirm(order)


async def test_a_statement_that_takes_too_long_in_the_middle(ground: Ground) -> None:
    """The order, the account and the stock are locked, and some is written, when PostgreSQL becomes slow."""
    order = await ground.department.draft()
    slow = "BEGIN PERFORM pg_sleep(60); RETURN NEW; END"
    ground.postgres.execute(f"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS '{slow}'")
    ground.postgres.execute("CREATE TRIGGER slow BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION slow()")
    try:
        assert "took too long" in _unavailable(await _confirm(ground, order, "slow"))
    finally:
        ground.postgres.execute("DROP FUNCTION slow CASCADE")
    await _still_a_draft(ground, order)
    await ground.department.confirm(order)


async def test_a_read_that_takes_too_long(ground: Ground) -> None:
    ground.postgres.execute(_SLOW_STAFF)
    try:
        assert "took too long" in _unavailable(await ground.caller().once("GET", "/v1/staff"))
    finally:
        ground.postgres.execute(_STAFF_AGAIN)
    assert not refused(await ground.caller().once("GET", "/v1/staff"))


async def test_when_long_requests_hold_all_connections(ground: Ground) -> None:
    orders = [await ground.department.draft() for _ in range(_MANY)]
    with ground.postgres.connection(autocommit=False) as holder:
        holder.execute("SELECT FROM accounts FOR UPDATE")
        answers = await asyncio.gather(*(_confirm(ground, order, "long") for order in orders))
        holder.rollback()
    told = [_unavailable(answer) for answer in answers]
    assert any("connections are in use" in detail for detail in told)
    assert any("holds what this one needs" in detail for detail in told)
    await asyncio.gather(*(ground.department.confirm(order) for order in orders))

    with ground.postgres.connection(autocommit=False) as holder:
        holder.execute("LOCK TABLE staff IN ACCESS EXCLUSIVE MODE")
        reads = await asyncio.gather(*(ground.caller().once("GET", "/v1/staff") for _ in range(_MANY)))
        holder.rollback()
    assert any("connections are in use" in _unavailable(answer) for answer in reads)
    await ground.all_holds()
