import asyncio
from typing import Any

import pytest
from sqlalchemy import make_url, text

from tests.conftest import Live
from tests.kernel.conftest import Second, names


async def test_a_commit_that_fails_is_no_success(probed: Live) -> None:
    response = await probed.client.post("/v1/probe/parts", params={"name": "orphan", "whole": 1})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert await names(probed.database) == []


async def test_the_answer_is_sent_after_the_commit(probed: Live) -> None:
    """Whoever reads the first byte of the answer finds the row; a plain yield dependency commits later."""
    seen: list[list[str]] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 201
            seen.append(await names(probed.database))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"authorization", probed.client.headers["authorization"].encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/probe/parts", "raw_path": b"/v1/probe/parts", "query_string": b"name=there", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("test", 80),
    }  # fmt: skip
    await probed.app(scope, receive, send)
    assert seen == [["there"]]


async def test_the_answer_is_serialised_before_the_commit(probed: Live) -> None:
    response = await probed.client.post("/v1/probe/unserialisable", params={"name": "a"})
    assert (response.status_code, response.json()["type"]) == (500, "urn:bellwether:problem:fault")
    assert await names(probed.database) == []


async def test_an_exception_after_a_write_leaves_nothing(probed: Live) -> None:
    response = await probed.client.post("/v1/probe/fails", params={"name": "a"})
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "on purpose" not in response.text
    assert await names(probed.database) == []
    assert (await probed.client.post("/v1/probe/parts", params={"name": "b"})).status_code == 201
    assert await names(probed.database) == ["b"]


async def test_a_block_that_raises_is_rolled_back_and_one_that_ends_is_committed(probed: Live) -> None:
    insert = text("INSERT INTO parts (name) VALUES (:name)")

    async def write_and_stop() -> None:
        async with probed.database.transaction() as session:
            await session.execute(insert, {"name": "a"})
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await write_and_stop()
    async with probed.database.transaction() as session:
        await session.execute(insert, {"name": "b"})
    assert await names(probed.database) == ["b"]


async def test_a_cancelled_block_is_rolled_back_and_its_connection_serves_again(probed: Live) -> None:
    insert = text("INSERT INTO parts (name) VALUES ('a')")

    async def write() -> None:
        async with probed.database.transaction() as session:
            await session.execute(insert)
            await session.execute(text("SELECT pg_sleep(30)"))

    for _ in range(12):  # more often than the pool has connections
        task = asyncio.create_task(write())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with probed.database.transaction() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    assert await names(probed.database) == []


async def test_each_single_read_sees_what_is_committed_by_then(probed: Live) -> None:
    async with probed.database.read() as connection:
        for count in range(3):
            assert (await connection.execute(text("SELECT count(*) FROM wholes"))).scalar_one() == count
            async with probed.database.transaction() as session:
                await session.execute(text("INSERT INTO wholes VALUES (:id)"), {"id": count})


async def test_sessions_are_in_utc_and_limited_whatever_the_server_says(probed: Live, second: Second) -> None:
    async with probed.database.transaction() as session:
        for setting in ("timezone = 'Asia/Tokyo'", "statement_timeout = 0", "lock_timeout = 0", "jit = on"):
            await session.execute(text(f'ALTER DATABASE "{make_url(probed.url).database}" SET {setting}'))
    wanted = {"timezone": "UTC", "statement_timeout": "10s", "lock_timeout": "5s", "jit": "off"}
    async with second() as other, other.database.transaction() as session, other.database.read() as connection:
        for name, value in wanted.items():
            assert (await session.execute(text(f"SHOW {name}"))).scalar_one() == value
            assert (await connection.execute(text(f"SHOW {name}"))).scalar_one() == value
