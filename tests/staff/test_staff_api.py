"""The plain resource that others are modelled on: every convention of the API, tried over HTTP."""

from httpx import AsyncClient

from app.kernel.auth import Permission
from tests.conftest import ClientWith

NANCY = {"name": "Nancy Davolio", "email": "Nancy@Example.com", "role": "representative", "active_from": "2020-01-01"}


async def add(client: AsyncClient, **fields: object) -> dict[str, object]:
    response = await client.post("/v1/staff", json={**NANCY, **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def test_create_get_and_list(client: AsyncClient) -> None:
    created = await client.post("/v1/staff", json=NANCY)
    assert created.status_code == 201
    body = created.json()
    assert body["email"] == "nancy@example.com"
    assert created.headers["location"] == f"/v1/staff/{body['id']}"
    got = await client.get(created.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, '"v1"')
    listed = (await client.get("/v1/staff", params={"role": "representative"})).json()
    assert listed == {"data": [body], "next_cursor": None, "has_more": False}


async def test_patch_changes_only_what_was_sent(client: AsyncClient) -> None:
    member = await add(client, active_to="2030-01-01")
    url = f"/v1/staff/{member['id']}"
    patched = await client.patch(url, json={"active_to": None}, headers={"If-Match": '"v1"'})
    assert patched.status_code == 200, patched.text
    assert patched.headers["etag"] == '"v2"'
    assert patched.json() | {"updated_at": 0, "version": 0} == member | {
        "updated_at": 0,
        "version": 0,
        "active_to": None,
    }


async def test_if_match_is_required_and_a_stale_one_refused(client: AsyncClient) -> None:
    url = f"/v1/staff/{(await add(client))['id']}"
    assert (await client.patch(url, json={"name": "N"})).status_code == 428
    assert (await client.patch(url, json={"name": "N"}, headers={"If-Match": '"v1"'})).status_code == 200
    stale = await client.patch(url, json={"name": "M"}, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:bellwether:problem:stale")
    assert (await client.patch(url, json={"name": "M"}, headers={"If-Match": "no"})).status_code == 422


async def test_wrong_fields_are_named(client: AsyncClient) -> None:
    response = await client.post("/v1/staff", json={**NANCY, "role": "boss", "nick": "N", "email": "nobody"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert {error["pointer"] for error in response.json()["errors"]} == {"/role", "/nick", "/email"}


async def test_null_does_not_clear_what_must_be_there(client: AsyncClient) -> None:
    url = f"/v1/staff/{(await add(client))['id']}"
    response = await client.patch(url, json={"name": None}, headers={"If-Match": '"v1"'})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_taken_and_unknown(client: AsyncClient) -> None:
    await add(client)
    taken = await client.post("/v1/staff", json=NANCY)
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/email")
    nobody = "0198c1de-0000-7000-8000-000000000000"
    unknown = await client.post("/v1/staff", json={**NANCY, "email": "b@example.com", "reports_to_id": nobody})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/reports_to_id")
    assert (await client.get(f"/v1/staff/{nobody}")).status_code == 404


async def test_the_reporting_line_is_no_circle(client: AsyncClient) -> None:
    boss = await add(client)
    member = await add(client, email="b@example.com", reports_to_id=boss["id"])
    for above in (member["id"], boss["id"]):
        response = await client.patch(
            f"/v1/staff/{boss['id']}", json={"reports_to_id": above}, headers={"If-Match": '"v1"'}
        )
        assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "cycle")


async def test_scopes(client_with: ClientWith) -> None:
    reader = await client_with(Permission.STAFF_READ)
    assert (await reader.get("/v1/staff")).status_code == 200
    refused = await reader.post("/v1/staff", json=NANCY)
    assert (refused.status_code, "staff:write" in refused.json()["detail"]) == (403, True)
    assert (await reader.get("/v1/staff", headers={"Authorization": ""})).status_code == 401


async def test_filters_and_unknown_parameters(client: AsyncClient) -> None:
    await add(client, active_to="2020-12-31")
    await add(client, email="b@example.com", name="Andrew Fuller", role="sales_manager")
    on = (await client.get("/v1/staff", params={"active_on": "2021-01-01"})).json()["data"]
    assert [member["name"] for member in on] == ["Andrew Fuller"]
    names = [m["name"] for m in (await client.get("/v1/staff", params={"sort": "-name"})).json()["data"]]
    assert names == ["Nancy Davolio", "Andrew Fuller"]
    response = await client.get("/v1/staff", params={"colour": "red"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "colour")


async def test_the_last_day_is_not_before_the_first(client: AsyncClient) -> None:
    wrong = await client.post("/v1/staff", json={**NANCY, "active_to": "2019-12-31"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/active_to")
    url = f"/v1/staff/{(await add(client))['id']}"
    for change in ({"active_to": "2019-12-31"}, {"active_from": "2031-01-01", "active_to": "2030-01-01"}):
        wrong = await client.patch(url, json=change, headers={"If-Match": '"v1"'})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/active_to")


async def test_a_cursor_belongs_to_its_list_and_filters(client: AsyncClient) -> None:
    for number in range(3):
        await add(client, email=f"n{number}@example.com")
    page = (await client.get("/v1/staff", params={"limit": 1, "role": "representative"})).json()
    params = {"limit": 1, "cursor": page["next_cursor"]}
    assert (await client.get("/v1/staff", params={**params, "role": "representative"})).status_code == 200
    for other in ({}, {"role": "administrator"}, {"role": "representative", "sort": "-name"}):
        foreign = await client.get("/v1/staff", params={**params, **other})
        assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "cursor")
    assert (await client.get("/v1/accounts", params={**params, "sort": "name"})).status_code == 422
