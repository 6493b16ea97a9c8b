import asyncio
from collections.abc import AsyncIterator

from httpx import Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kernel.problems import _database
from tests.conftest import Live
from tests.kernel.conftest import Second, names, sleeping


def unavailable(response: Response) -> str:
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["request_id"] == response.headers["x-request-id"]
    return str(response.json()["detail"])


async def test_a_statement_that_takes_too_long(probed: Live, second: Second) -> None:
    async with second(statement_timeout=0.3) as other:
        unavailable(await other.client.get("/v1/probe/sleep?seconds=20"))
        unavailable(await other.client.post("/v1/probe/parts?name=a&seconds=20"))
        assert (await other.client.post("/v1/probe/parts?name=b")).status_code == 201
    assert await names(probed.database) == ["b"]


async def test_a_lock_that_is_not_given(probed: Live, second: Second) -> None:
    async with second(lock_timeout=0.3) as other, probed.database.transaction() as session:
        await session.execute(text("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(4):
            unavailable(await other.client.post("/v1/probe/parts?name=a"))


async def test_a_request_that_takes_too_long_keeps_nothing_and_frees_its_connection(
    probed: Live, second: Second
) -> None:
    async with second(request_timeout=0.7, pool_size=1) as other:
        for _ in range(3):
            async with asyncio.timeout(4):
                detail = unavailable(await other.client.post("/v1/probe/parts?name=a&seconds=20"))
                assert "too long and was given up" in detail
            async with asyncio.timeout(4):
                unavailable(await other.client.get("/v1/probe/sleep?seconds=20"))
        assert (await other.client.post("/v1/probe/parts?name=b")).status_code == 201
        metrics = (await other.client.get("/metrics")).text
        assert 'http_requests_total{method="POST",route="/v1/probe/parts",status="503"} 3.0' in metrics
    assert await names(probed.database) == ["b"]


async def test_when_all_connections_are_in_use(probed: Live, second: Second) -> None:
    async with second(pool_size=1, pool_timeout=0.3) as other:
        first = asyncio.create_task(other.client.post("/v1/probe/parts?name=a&seconds=2"))
        await sleeping(probed.database)
        assert "connections are in use" in unavailable(await other.client.post("/v1/probe/parts?name=b"))
        assert (await other.client.get("/v1/staff")).status_code == 200  # reads have connections of their own
        assert (await first).status_code == 201
        assert (await other.client.post("/v1/probe/parts?name=c")).status_code == 201
    assert await names(probed.database) == ["a", "c"]


async def test_when_too_many_requests_are_at_work(probed: Live, second: Second) -> None:
    async with second(max_requests=2) as other:
        slow = [asyncio.create_task(other.client.post(f"/v1/probe/parts?name={n}&seconds=1")) for n in "ab"]
        await sleeping(probed.database, 2)
        assert "too many requests are at work" in unavailable(await other.client.get("/v1/staff"))
        assert [answer.status_code for answer in await asyncio.gather(*slow)] == [201, 201]
        assert [(await other.client.get("/v1/staff")).status_code for _ in range(5)] == [200] * 5
        metrics = (await other.client.get("/metrics")).text
        assert 'http_requests_total{method="GET",route="unmatched",status="503"} 1.0' in metrics


async def test_a_body_that_is_awaited_is_no_work(probed: Live, second: Second) -> None:
    begun, come = asyncio.Barrier(4), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await begun.wait()
        await come.wait()
        yield b"}"

    async def post() -> Response:
        headers = {"Content-Type": "application/json"}
        answer: Response = await other.client.post("/v1/staff", content=slowly(), headers=headers)
        return answer

    async with second(max_requests=3) as other:
        slow = [asyncio.create_task(post()) for _ in range(3)]
        await begun.wait()
        assert (await other.client.get("/v1/staff")).status_code == 200
        come.set()
        assert [answer.status_code for answer in await asyncio.gather(*slow)] == [422] * 3


async def test_two_that_wait_for_each_other_are_told_to_try_again(probed: Live) -> None:
    """PostgreSQL ends one of a deadlocked pair; its caller gets a 503 and may repeat."""
    async with probed.database.transaction() as session:
        await session.execute(text("INSERT INTO wholes VALUES (1), (2)"))
    update = text("UPDATE wholes SET id = id WHERE id = :id")
    ready = asyncio.Barrier(2)

    async def change(*ids: int) -> int:
        try:
            async with probed.database.transaction() as session:
                await session.execute(update, {"id": ids[0]})
                await ready.wait()
                await session.execute(update, {"id": ids[1]})
        except DBAPIError as error:
            refusal = _database(error.orig.__cause__ if error.orig else None)
            assert refusal is not None
            return refusal.status
        return 200

    assert sorted(await asyncio.gather(change(1, 2), change(2, 1))) == [200, 503]
