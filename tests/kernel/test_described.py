"""The API description, as it is served."""

import asyncio

from tests.conftest import Live


async def test_whoever_asks_while_it_is_made_is_answered(live: Live) -> None:
    del live.client.headers["authorization"]
    described = asyncio.create_task(live.client.get("/openapi.json"))
    await asyncio.sleep(0.01)
    assert (await live.client.get("/healthz")).status_code == 200
    assert not described.done()
    answer = await described
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == live.app.openapi()
    assert (await live.client.get("/openapi.json")).content == answer.content
