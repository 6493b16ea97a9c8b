"""Meetings for tests, and who they are with."""

from typing import Any

from httpx import AsyncClient, Response

Json = dict[str, Any]
NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}
TEN, ELEVEN, NOON = "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"


async def made(client: AsyncClient, path: str, **body: object) -> Json:
    response = await client.post(f"/v1/{path}", json=body)
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def staff(client: AsyncClient, name: str = "Nancy") -> str:
    email = f"{name.lower()}@example.com"
    return str((await made(client, "staff", **{**NANCY, "name": name, "email": email}))["id"])


async def lead(client: AsyncClient, **fields: object) -> Json:
    body = {"source": "web", "email": "ana@example.com", "person_name": "Ana Trujillo", **fields}
    return (await made(client, "leads", **body))["lead"]  # type: ignore[no-any-return]


async def plan(client: AsyncClient, organizer_id: str, **fields: object) -> Json:
    """A meeting of one hour about a lead of its own, unless the fields say otherwise."""
    if not fields.keys() & {"lead_id", "account_id", "opportunity_id"}:
        fields["account_id"] = (await made(client, "accounts", name="Alfreds", currency="EUR"))["id"]
    times = {"starts_at": TEN, "ends_at": ELEVEN}
    return await made(client, "meetings", **{"subject": "Teas", **times, "organizer_id": organizer_id, **fields})


async def act(client: AsyncClient, resource: Json, action: str, body: Json | None = None) -> Response:
    path = "calendars" if "issued_at" in resource else "meetings"
    version = {"If-Match": f'"v{resource["version"]}"'}
    return await client.post(f"/v1/{path}/{resource['id']}/{action}", json=body, headers=version)


async def done(client: AsyncClient, resource: Json, action: str, body: Json | None = None) -> Json:
    response = await act(client, resource, action, body)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def change(client: AsyncClient, meeting: Json, status: int = 200, **fields: object) -> Json:
    version = {"If-Match": f'"v{meeting["version"]}"'}
    response = await client.patch(f"/v1/meetings/{meeting['id']}", json=fields, headers=version)
    assert response.status_code == status, response.text
    return response.json()  # type: ignore[no-any-return]


async def got(client: AsyncClient, path: str, **parameters: object) -> Json:
    response = await client.get(f"/v1/{path}", params={name: str(value) for name, value in parameters.items()})
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]
