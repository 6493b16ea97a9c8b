"""What tests of possible duplicates look with."""

from typing import Any

from httpx import AsyncClient, Response

from app.duplicates import scanning
from app.kernel.db import Database

Json = dict[str, Any]


async def look(database: Database) -> None:
    """What the job does, to its end."""
    assert await scanning.look(database, seconds=60)


async def pairs(client: AsyncClient, **filters: object) -> list[Json]:
    response = await client.get("/v1/duplicates", params=filters)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]


async def versioned(client: AsyncClient, path: str, resource: Json, body: Json | None = None) -> Response:
    return await client.post(path, json=body, headers={"If-Match": f'"v{resource["version"]}"'})


async def get(client: AsyncClient, kind: str, identity: str) -> Json:
    response = await client.get(f"/v1/{kind}/{identity}")
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def merged(client: AsyncClient, kind: str, this: str, other: str, **keep: str) -> Json:
    """Merge the other record into this one, by their ids."""
    now = await get(client, kind, this)
    response = await versioned(client, f"/v1/{kind}/{this}/merge", now, {"from_id": other, "keep": keep})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def undone(client: AsyncClient, merge: Json) -> Json:
    response = await versioned(client, f"/v1/merges/{merge['id']}/undo", merge)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]
