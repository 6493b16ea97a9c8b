"""`bulk` stands where an id could, and is none."""

import pytest
from httpx import AsyncClient

NOBODY = "0198c1de-0000-7000-8000-000000000000"


@pytest.mark.parametrize("path", ["/v1/leads/bulk", "/v1/products/bulk", f"/v1/price-lists/{NOBODY}/prices/bulk"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_other_methods_of_a_bulk_path_are_not_allowed(client: AsyncClient, path: str, method: str) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_what_is_neither_an_id_nor_bulk_is_a_wrong_id(client: AsyncClient) -> None:
    answer = await client.get("/v1/leads/bulky")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "lead_id"
