"""Accounts and contacts for tests."""

from typing import Any

from httpx import AsyncClient

BERLIN = {"lines": ["Obere Str. 57"], "city": "Berlin", "postal_code": "12209", "country": "DE"}
ALFREDS = {"name": "Alfreds Futterkiste", "currency": "EUR", "billing_address": BERLIN}
NOBODY = "0198c1de-0000-7000-8000-000000000000"


async def account(client: AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post("/v1/accounts", json={**ALFREDS, **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


async def contact(client: AsyncClient, account_id: str, **fields: object) -> dict[str, Any]:
    response = await client.post("/v1/contacts", json={"account_id": account_id, "name": "Maria Anders", **fields})
    assert response.status_code == 201, response.text
    return response.json()  # type: ignore[no-any-return]


def if_match(resource: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"v{resource["version"]}"'}
