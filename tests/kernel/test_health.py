import asyncio

import psycopg
from sqlalchemy import text

from app.cli.ground import demand_schema
from app.kernel import migrate
from app.kernel.db import conninfo
from tests.conftest import Live
from tests.kernel.conftest import Second


async def test_alive_and_ready_without_a_key(live: Live) -> None:
    del live.client.headers["authorization"]
    alive = await live.client.get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    ready = await live.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "schema_version": migrate.head()})


async def test_an_old_schema_is_not_ready_and_says_what_to_do(live: Live) -> None:
    async with live.database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'staff'"))
    response = await live.client.get("/readyz")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
    assert "bellwether migrate" in response.json()["detail"]
    assert "retry-after" in response.headers
    assert (await live.client.get("/healthz")).status_code == 200


async def test_the_schema_of_a_newer_release_is_ready(live: Live) -> None:
    """It was migrated first, as it should be; this process serves until the new ones take over."""
    async with live.database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'of_the_next_release'"))
    response = await live.client.get("/readyz")
    assert (response.status_code, response.json()["schema_version"]) == (200, "of_the_next_release")
    await asyncio.to_thread(demand_schema, live.url)


async def test_a_database_that_was_never_migrated_is_not_ready(live: Live) -> None:
    async with live.database.transaction() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    assert (await live.client.get("/readyz")).status_code == 503
    async with live.database.transaction() as session:
        await session.execute(text("DROP TABLE alembic_version"))
    response = await live.client.get("/readyz")
    assert (response.status_code, "bellwether migrate" in response.json()["detail"]) == (503, True)


async def test_a_database_that_is_away(probed: Live, second: Second) -> None:
    for url in ("postgresql://nobody@127.0.0.1:1/nothing", "postgresql://nobody@/x?host=/nowhere&port=5432"):
        async with second(url) as other:
            for method, path in (("GET", "/readyz"), ("GET", "/v1/staff"), ("POST", "/v1/probe/parts?name=a")):
                response = await other.client.request(method, path)
                assert response.status_code == 503, response.text
                assert response.headers["content-type"] == "application/problem+json"
                assert int(response.headers["retry-after"]) >= 1
                assert response.json()["request_id"] == response.headers["x-request-id"]
            assert (await other.client.get("/healthz")).status_code == 200


async def test_connections_that_were_cut_are_replaced(live: Live) -> None:
    """No ping before each use: one request finds a dead connection, the next one has a new one."""
    nancy = {"name": "N", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
    assert (await live.client.get("/v1/staff")).status_code == 200
    with psycopg.connect(conninfo(live.url), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for method, body in (("GET", None), ("POST", nancy)):
        statuses = [(await live.client.request(method, "/v1/staff", json=body)).status_code for _ in range(3)]
        assert statuses[0] in (200, 201, 503)
        assert 503 not in statuses[1:]
