import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import func, select, text

from app.kernel import auth, clock, idempotency
from app.kernel.auth import Permission
from app.kernel.db import Database
from app.kernel.idempotency import IdempotencyRecord
from app.kernel.settings import Settings
from tests.conftest import ClientWith, GivenUp, Live
from tests.kernel.conftest import Second, names, sleeping

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def write(client: AsyncClient, name: str = "a", key: str = "key", **params: Any) -> Response:
    return await client.post(
        "/v1/probe/parts", params={"name": name, **params}, headers={"Idempotency-Key": key}, timeout=20
    )


async def test_twenty_at_once_make_one_row_and_get_the_same_answer(live: Live) -> None:
    send = [live.client.post("/v1/staff", json=NANCY, headers=KEY) for _ in range(20)]
    answers = await asyncio.gather(*send)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert {(a.headers["location"], a.headers["etag"], a.headers["content-type"]) for a in answers} == {
        (f"/v1/staff/{answers[0].json()['id']}", '"v1"', "application/json")
    }
    assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 19
    assert len((await live.client.get("/v1/staff")).json()["data"]) == 1
    async with live.database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 1


async def test_without_a_key_nothing_is_kept(client: AsyncClient) -> None:
    assert (await client.post("/v1/staff", json=NANCY)).status_code == 201
    again = await client.post("/v1/staff", json=NANCY)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (409, False)


async def test_the_same_key_with_another_body_is_refused(client: AsyncClient) -> None:
    assert (await client.post("/v1/staff", json=NANCY, headers=KEY)).status_code == 201
    other = await client.post("/v1/staff", json={**NANCY, "email": "other@example.com"}, headers=KEY)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "Idempotency-Key")
    assert other.json()["errors"][0]["code"] == "reused"
    assert len((await client.get("/v1/staff")).json()["data"]) == 1


async def test_a_key_belongs_to_the_api_key_and_the_path(probed: Live) -> None:
    async with probed.database.transaction() as session:
        _, token = auth.issue(session, name="another", scopes=tuple(Permission))
    mine, theirs = probed.client.headers["authorization"], f"Bearer {token}"
    for authorization in (mine, theirs):
        probed.client.headers["authorization"] = authorization
        response = await write(probed.client)
        assert "idempotency-replayed" not in response.headers
    elsewhere = await probed.client.post(
        "/v1/probe/moves", params={"name": "a"}, headers={"Idempotency-Key": "key", "If-Match": '"v1"'}
    )
    assert (elsewhere.status_code, elsewhere.json()) == (200, {"from": 1})
    assert await names(probed.database) == ["a", "a", "a"]


async def test_a_caller_without_the_permission_gets_no_replay(client_with: ClientWith) -> None:
    client, reader = await client_with(), await client_with(Permission.STAFF_READ)
    assert (await client.post("/v1/staff", json=NANCY, headers=KEY)).status_code == 201
    assert (await reader.post("/v1/staff", json=NANCY, headers=KEY)).status_code == 403


async def test_what_was_rolled_back_is_not_kept_and_its_retry_works(probed: Live) -> None:
    assert (await write(probed.client, whole=1)).status_code == 422  # the constraint fails at commit
    async with probed.database.transaction() as session:
        assert (await session.execute(select(func.count()).select_from(IdempotencyRecord))).scalar_one() == 0
        await session.execute(text("INSERT INTO wholes VALUES (1)"))
    retry = await write(probed.client, whole=1)
    assert (retry.status_code, "idempotency-replayed" in retry.headers) == (201, False)
    assert (await write(probed.client, whole=1)).headers["idempotency-replayed"] == "true"
    assert await names(probed.database) == ["a"]


async def test_a_refused_request_is_not_kept(client: AsyncClient) -> None:
    bad = await client.post("/v1/staff", json={**NANCY, "role": "boss"}, headers=KEY)
    assert bad.status_code == 422
    good = await client.post("/v1/staff", json=NANCY, headers=KEY)
    assert (good.status_code, "idempotency-replayed" in good.headers) == (201, False)


async def test_the_key_is_looked_up_before_if_match(probed: Live) -> None:
    async def move(**headers: str) -> Response:
        return await probed.client.post(
            "/v1/probe/moves", params={"name": "a"}, headers={"Idempotency-Key": "k", **headers}
        )

    assert (await move()).status_code == 428
    assert (await move(**{"If-Match": '"v1"'})).json() == {"from": 1}
    for headers in ({}, {"If-Match": '"v7"'}, {"If-Match": "nonsense"}):
        replay = await move(**headers)
        assert (replay.status_code, replay.json(), replay.headers["idempotency-replayed"]) == (200, {"from": 1}, "true")
    assert await names(probed.database) == ["a"]


async def test_a_twin_waits_two_seconds_then_is_told_to_come_back(probed: Live) -> None:
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(write(probed.client, seconds=4))
    await sleeping(probed.database)
    started = loop.time()
    twins = await asyncio.gather(*(write(probed.client, seconds=4) for _ in range(3)))
    assert 1.9 < loop.time() - started < 3.4
    for twin in twins:
        assert (twin.status_code, twin.headers["retry-after"]) == (409, "1")
        assert twin.json()["type"] == "urn:bellwether:problem:idempotency-in-progress"
    assert (await first).status_code == 201
    assert (await write(probed.client, seconds=4)).headers["idempotency-replayed"] == "true"
    assert await names(probed.database) == ["a"]


async def test_a_twin_that_waited_a_moment_replays(probed: Live) -> None:
    first = asyncio.create_task(write(probed.client, seconds=1))
    await sleeping(probed.database)
    twin = await write(probed.client, seconds=1)
    assert (twin.status_code, twin.headers["idempotency-replayed"]) == (201, "true")
    assert twin.content == (await first).content
    assert "x-other" not in twin.headers


async def test_a_twin_of_one_that_fails_does_the_work(probed: Live) -> None:
    with suppress(GivenUp):
        async with probed.database.transaction() as session:
            session.add(await _record(session, "other"))
            await session.flush()
            blocked = asyncio.create_task(write(probed.client, key="other"))
            await asyncio.sleep(0.5)
            assert not blocked.done()
            raise GivenUp
    done = await blocked
    assert (done.status_code, "idempotency-replayed" in done.headers) == (201, False)


async def _record(session: Any, key: str) -> IdempotencyRecord:
    owner = (await session.execute(select(auth.ApiKey.id))).scalar_one()
    return IdempotencyRecord(owner=owner, operation="POST /v1/probe/parts", key=key, fingerprint="")


async def test_a_replay_also_comes_from_another_process(probed: Live, second: Second) -> None:
    assert (await write(probed.client)).status_code == 201
    async with second() as other:
        assert (await write(other.client)).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\xe9\x80"])
async def test_a_key_is_printable_and_not_too_long(client: AsyncClient, key: str) -> None:
    response = await client.post("/v1/staff", json=NANCY, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"].lower() == "idempotency-key"


async def test_old_answers_are_forgotten(live: Live) -> None:
    week_ago = clock.now() - timedelta(days=7)
    with clock.at(week_ago - timedelta(seconds=1)):
        assert (await live.client.post("/v1/staff", json=NANCY, headers=KEY)).status_code == 201
    other = {**NANCY, "email": "b@example.com"}
    assert (await live.client.post("/v1/staff", json=other, headers={"Idempotency-Key": "new"})).status_code == 201
    async with live.database.transaction() as session:
        assert await idempotency.forget(session, before=week_ago, limit=10) == 1
    assert (await live.client.post("/v1/staff", json=NANCY, headers=KEY)).status_code == 409
    replay = await live.client.post("/v1/staff", json=other, headers={"Idempotency-Key": "new"})
    assert replay.headers["idempotency-replayed"] == "true"


async def test_waiting_for_a_connection_is_not_waiting_for_a_twin(live: Live, settings: Settings) -> None:
    narrow = Database(settings.model_copy(update={"pool_size": 1}), live.url)
    live.app.state.database = narrow

    async def hold() -> None:
        async with narrow.transaction() as session:
            await session.execute(text("SELECT pg_sleep(2.5)"))

    try:
        holder = asyncio.create_task(hold())
        await asyncio.sleep(0.2)
        answer = await live.client.post("/v1/staff", json=NANCY, headers={"Idempotency-Key": "fresh"})
        await holder
    finally:
        live.app.state.database = live.database
        await narrow.dispose()
    assert answer.status_code == 201, answer.text
