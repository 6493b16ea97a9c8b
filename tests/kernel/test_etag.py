import asyncio
from uuid import UUID

import pytest
from httpx import AsyncClient

from app.kernel.errors import Invalid, PreconditionRequired
from app.kernel.etag import etag, expected_version
from app.staff.repository import staff
from tests.conftest import Live

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}


@pytest.mark.parametrize("version", [1, 2, 10**18 - 1])
def test_a_version_makes_an_etag_and_comes_back(version: int) -> None:
    for form in (etag(version), f"W/{etag(version)}", f"  {etag(version)} "):
        assert expected_version(form) == version


@pytest.mark.parametrize("header", ["", "*", "v1", '"v1', '"1"', '"v-1"', '"v1", "v2"', f'"v{"9" * 19}"', '"v\u0663"'])
def test_what_is_no_etag_of_ours_is_refused(header: str) -> None:
    with pytest.raises(Invalid):
        expected_version(header)


def test_without_one_it_is_asked_for() -> None:
    with pytest.raises(PreconditionRequired):
        expected_version(None)


async def test_the_etag_moves_with_every_change_and_a_stale_one_is_refused(client: AsyncClient) -> None:
    created = await client.post("/v1/staff", json=NANCY)
    url, tags = created.headers["location"], [created.headers["etag"]]
    for name in "ABC":
        changed = await client.patch(url, json={"name": name}, headers={"If-Match": tags[-1]})
        assert changed.status_code == 200
        tags.append(changed.headers["etag"])
        assert (await client.get(url)).headers["etag"] == tags[-1]
    assert tags == [f'"v{n}"' for n in (1, 2, 3, 4)]
    for stale in (*tags[:-1], '"v5"'):
        refused = await client.patch(url, json={"name": "D"}, headers={"If-Match": stale})
        assert (refused.status_code, refused.json()["type"]) == (412, "urn:bellwether:problem:stale")
    assert (await client.get(url)).json()["name"] == "C"


async def test_of_two_at_the_same_moment_one_is_told_to_read_again(live: Live) -> None:
    url = (await live.client.post("/v1/staff", json=NANCY)).headers["location"]
    send = [live.client.patch(url, json={"name": f"N{n}"}, headers={"If-Match": '"v1"'}) for n in range(8)]
    statuses = sorted(response.status_code for response in await asyncio.gather(*send))
    assert statuses == [200] + [412] * 7


async def test_changes_without_if_match_wait_for_each_other(live: Live) -> None:
    """Each sees what the one before it has written: none is lost, and none refused."""
    identity = UUID((await live.client.post("/v1/staff", json={**NANCY, "name": "N"})).json()["id"])

    async def lengthen() -> None:
        async with live.database.transaction() as session:
            member = await staff.get(session, identity)  # may be old by the time the lock is given
            member = await staff.lock(session, identity)
            member.name += "x"

    await asyncio.gather(*(lengthen() for _ in range(8)))
    async with live.database.transaction() as session:
        member = await staff.get(session, identity)
        assert (member.name, member.version) == ("N" + "x" * 8, 9)


async def test_a_locked_row_can_still_be_referred_to(live: Live) -> None:
    boss = (await live.client.post("/v1/staff", json=NANCY)).json()["id"]
    async with live.database.transaction() as session, asyncio.timeout(3):
        await staff.lock(session, UUID(boss))
        other = {**NANCY, "email": "b@example.com", "reports_to_id": boss}
        assert (await live.client.post("/v1/staff", json=other)).status_code == 201
