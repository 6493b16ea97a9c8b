import time
from datetime import timedelta
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import text, update

from app.kernel import auth, clock
from app.kernel.auth import ROLES, ApiKey, Authenticator, Permission, check_expiry
from app.kernel.errors import Unauthenticated
from tests.conftest import ClientWith, Live

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}


def problem(response: object) -> str:
    assert response.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    return str(response.json()["type"]).rpartition(":")[2]  # type: ignore[attr-defined]


async def test_only_the_hash_is_stored(live: Live) -> None:
    async with live.database.transaction() as session:
        key, token = auth.issue(session, name="a", scopes=[Permission.STAFF_READ])
    assert token.startswith("bw_")
    assert len(token) >= 40
    assert key.digest == auth.digest(token) != token
    async with live.database.read() as connection:
        everything = (await connection.execute(text("SELECT api_keys::text FROM api_keys"))).scalars().all()
    assert not any(token.removeprefix("bw_") in row for row in everything)


async def test_each_key_is_another() -> None:
    class Nowhere:
        def add(self, _: object) -> None: ...

    made = {auth.issue(Nowhere(), name="a", scopes=[])[1] for _ in range(100)}  # type: ignore[arg-type]
    assert len(made) == 100


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic bw_x", "bw_x", "Bearer bw_é", "Bearer bw_x bw_y", "Bearer \x00"],
)
async def test_what_is_no_key(client: AsyncClient, header: str) -> None:
    response = await client.get("/v1/staff", headers={b"Authorization": header.encode("latin-1")})
    assert (response.status_code, problem(response)) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_without_a_header(client: AsyncClient) -> None:
    del client.headers["authorization"]
    for method, url in (("GET", "/v1/staff"), ("POST", "/v1/staff"), ("GET", "/metrics")):
        response = await client.request(method, url, json=NANCY if method == "POST" else None)
        assert (response.status_code, problem(response)) == (401, "unauthenticated")


async def test_each_scope_opens_its_own_routes_only(client_with: ClientWith) -> None:
    wanted = {("GET", "/v1/staff"): "staff:read", ("POST", "/v1/staff"): "staff:write"}
    for permission in Permission:
        client = await client_with(permission)
        for (method, url), scope in wanted.items():
            response = await client.request(method, url)
            if scope != permission:
                assert (response.status_code, problem(response)) == (403, "forbidden")
                assert scope in response.json()["detail"]
            else:
                assert response.status_code in (200, 422)


async def test_an_expired_key(live: Live) -> None:
    async with live.database.transaction() as session:
        _, token = auth.issue(
            session, name="a", scopes=[Permission.STAFF_READ], expires_at=clock.now() + timedelta(hours=1)
        )
    headers = {"Authorization": f"Bearer {token}"}
    assert (await live.client.get("/v1/staff", headers=headers)).status_code == 200
    with clock.at(clock.now() + timedelta(hours=1, seconds=1)):  # at once, although the key is remembered
        response = await live.client.get("/v1/staff", headers=headers)
        assert (response.status_code, "expired" in response.json()["detail"]) == (401, True)
    live.app.state.authenticator = Authenticator()  # a process that has not seen it yet
    with clock.at(clock.now() + timedelta(hours=2)):
        assert (await live.client.get("/v1/staff", headers=headers)).status_code == 401


async def test_a_revoked_key_works_for_five_seconds_at_most(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await live.client.get("/v1/staff")).status_code == 200
    async with live.database.transaction() as session:
        await session.execute(update(ApiKey).values(revoked_at=clock.now()))
    now = time.monotonic()
    monkeypatch.setattr("app.kernel.auth.time.monotonic", lambda: now + 5.0)
    response = await live.client.get("/v1/staff")
    assert (response.status_code, problem(response)) == (401, "unauthenticated")


def test_a_key_is_valid_until_it_expires() -> None:
    instant = clock.now()
    principal = auth.Principal(uuid4(), "a", frozenset(), instant)
    with clock.at(instant - timedelta(microseconds=1)):
        check_expiry(principal)
    with clock.at(instant), pytest.raises(Unauthenticated):
        check_expiry(principal)


def test_no_consumer_may_do_everything() -> None:
    for granted in ROLES.values():
        assert set(granted) < set(Permission)
