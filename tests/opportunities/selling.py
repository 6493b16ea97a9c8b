"""What selling needs, made through the API as its users would."""

from typing import Any

from httpx import AsyncClient, Response

from app.opportunities.schemas import OpportunityRead
from tests.orders.factories import Shop, ok

Json = dict[str, Any]


class Sales(Shop):
    """A shop with contacts, that takes up opportunities."""

    async def contact(self, name: str, **fields: Any) -> Json:
        return ok(  # type: ignore[no-any-return]
            await self.client.post("/v1/contacts", json={"account_id": self.account["id"], "name": name, **fields})
        )

    async def opportunity(self, **fields: Any) -> Json:
        body = {"name": "Spring", "account_id": self.account["id"], "expected_close_on": "2026-06-30", **fields}
        made = ok(await self.client.post("/v1/opportunities", json=body))
        OpportunityRead.model_validate(made)
        return made  # type: ignore[no-any-return]

    async def get(self, opportunity: Json) -> Json:
        return ok(await self.client.get(f"/v1/opportunities/{opportunity['id']}"))  # type: ignore[no-any-return]

    async def change(self, opportunity: Json, **fields: Any) -> Response:
        return await self.client.patch(
            f"/v1/opportunities/{opportunity['id']}", json=fields, headers=if_match(opportunity)
        )

    async def move(self, opportunity: Json, stage: str, **fields: Any) -> Response:
        return await self.client.post(
            f"/v1/opportunities/{opportunity['id']}/move",
            json={"stage": stage, **fields},
            headers=if_match(opportunity),
        )

    async def won(self, **fields: Any) -> Json:
        return ok(await self.move(await self.opportunity(**fields), "won"))  # type: ignore[no-any-return]


def if_match(resource: Json) -> dict[str, str]:
    return {"If-Match": f'"v{resource["version"]}"'}


async def listed(client: AsyncClient, path: str, **query: Any) -> list[Json]:
    return ok(await client.get(path, params=query))["data"]  # type: ignore[no-any-return]


def places(response: Response) -> tuple[int, list[str]]:
    """The status of a problem, and the fields that it names."""
    return response.status_code, [each["pointer"] for each in response.json()["errors"]]
