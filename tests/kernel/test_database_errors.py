"""What PostgreSQL itself raises, by its code, through the driver and the pool: who must come back is told so."""

import psycopg
import pytest
from sqlalchemy import text

from app.kernel import problems
from app.kernel.db import conninfo
from tests.conftest import Live

NANCY = {"name": "N", "email": "n@example.com", "role": "representative", "active_from": "2020-01-01"}
TRIGGER = "CREATE TRIGGER refuse BEFORE INSERT ON staff FOR EACH ROW EXECUTE FUNCTION refuse()"

FOR_NOW = {
    "08006": "connection failure",
    "25006": "read only: it failed over, or its provider stopped writes",
    "25P04": "transaction timeout",
    "3D000": "database dropped or renamed",
    "28P01": "password changed",
    "40001": "serialization failure",
    "40003": "statement completion unknown",
    "40P01": "deadlock",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "53400": "configuration limit exceeded",
    "55P03": "lock not available",
    "57014": "query canceled",
    "57P01": "admin shutdown",
    "57P02": "crash shutdown",
    "57P03": "cannot connect now",
    "58000": "system error",
    "58030": "I/O error",
}
OURS = {"42P01": "undefined table", "XX001": "data corrupted", "0A000": "not supported", "54000": "limit exceeded"}


async def _refuse(live: Live, code: str) -> None:
    raised = f"BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END"
    function = text(f"CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$")
    async with live.database.transaction() as session:
        await session.execute(function)


async def test_what_passes_is_a_503_and_what_is_wrong_a_500(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    async with live.database.transaction() as session:
        await session.execute(text("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'"))
        await session.execute(text(TRIGGER))
    for code in (*FOR_NOW, *OURS):
        await _refuse(live, code)
        answer = await live.client.post("/v1/staff", json=NANCY)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (code, answer.status_code) == (code, 503 if code in FOR_NOW else 500)
        assert ("retry-after" in answer.headers) == (code in FOR_NOW)
        assert "on purpose" not in answer.text
        assert (await live.client.get("/v1/staff")).status_code == 200
    logged = capsys.readouterr().out
    assert logged.count("DiskFullError") == 1, "who runs the database is not told what is wrong with it"


async def test_a_commit_whose_answer_is_lost_is_not_called_undone(live: Live) -> None:
    """The session ends itself in a deferred trigger: at the commit, after every statement has succeeded."""
    ended = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END"
    async with live.database.transaction() as session:
        await session.execute(text(f"CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS $$ {ended} $$"))
        trigger = "CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON staff DEFERRABLE INITIALLY DEFERRED"
        await session.execute(text(f"{trigger} FOR EACH ROW EXECUTE FUNCTION ends()"))
    answer = await live.client.post("/v1/staff", json=NANCY)
    assert (answer.status_code, answer.json()["detail"]) == (503, problems._NOT_KNOWN)
    async with live.database.transaction() as session:
        await session.execute(text("DROP TRIGGER ends ON staff"))
    assert (await live.client.post("/v1/staff", json=NANCY)).status_code == 201


async def test_statements_that_a_migration_made_stale_are_prepared_anew(live: Live) -> None:
    """Each connection keeps what it has prepared, with the types of the columns as they were."""
    person = (await live.client.post("/v1/staff", json=NANCY)).json()
    path, version = f"/v1/staff/{person['id']}", person["version"]

    async def statuses(times: int) -> list[int]:
        nonlocal version
        found = []
        for _ in range(times):
            body, match = {"name": f"N{version}"}, {"If-Match": f'"v{version}"'}
            answer = await live.client.patch(path, json=body, headers=match)
            found.append(answer.status_code)
            version += answer.status_code == 200
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) >= 1
            found.append((await live.client.get(path)).status_code)
        return found

    assert set(await statuses(2)) == {200}
    with psycopg.connect(conninfo(live.url)) as other:
        other.execute("ALTER TABLE staff ALTER COLUMN version TYPE integer, ALTER COLUMN name TYPE varchar")
        other.execute("ALTER TABLE api_keys ALTER COLUMN name TYPE varchar")
    first, *others = await statuses(3)
    assert first in (200, 503)
    assert set(others) == {200}
