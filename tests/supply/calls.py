"""What production calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import AsyncClient

from tests.supply.goods import day

Json = dict[str, Any]


def at(hours: int) -> str:
    return (datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)).isoformat()


def receipt(**fields: object) -> Json:
    return {
        "source": "mes", "external_id": "WO-1", "sku": "chai", "quantity": "50", "due_on": str(day(12)),
        "status": "confirmed", **fields,
    }  # fmt: skip


async def tell(client: AsyncClient, **fields: object) -> Json:
    response = await client.post("/v1/receipts", json=receipt(**fields))
    assert response.status_code in {200, 201}, response.text
    return response.json()  # type: ignore[no-any-return]


async def listed(client: AsyncClient, path: str, **params: object) -> list[Json]:
    response = await client.get(f"/v1/{path}", params=params)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]
