"""Exchange rates by day, over HTTP."""

from typing import Any

from httpx import AsyncClient

from app.products.schemas import ExchangeRateRead


async def put(client: AsyncClient, day: str, rate: str, currency: str = "EUR", status: int = 201) -> dict[str, Any]:
    response = await client.put(f"/v1/exchange-rates/{currency}/{day}", json={"rate": rate})
    assert response.status_code == status, response.text
    return response.json()  # type: ignore[no-any-return]


async def test_set_again_and_correct(client: AsyncClient) -> None:
    first = await put(client, "2026-06-01", "1.0842")
    assert (first["currency"], first["to_currency"], first["day"]) == ("EUR", "USD", "2026-06-01")
    assert ExchangeRateRead.model_validate(first).model_dump(mode="json")["rate"] == "1.0842"
    assert await put(client, "2026-06-01", "1.0842", status=200) == first
    corrected = await put(client, "2026-06-01", "1.0844", status=200)
    assert (corrected["id"], corrected["rate"], corrected["version"]) == (first["id"], "1.0844", 2)


async def test_the_latest_rate_on_or_before_a_day_applies(client: AsyncClient) -> None:
    await put(client, "2026-06-01", "1.1")
    await put(client, "2026-06-05", "1.2")
    for day, rate in (("2026-06-01", "1.1"), ("2026-06-04", "1.1"), ("2026-06-05", "1.2"), ("2030-01-01", "1.2")):
        assert (await client.get(f"/v1/exchange-rates/EUR/{day}")).json()["rate"] == rate
    assert (await client.get("/v1/exchange-rates/EUR/2026-05-31")).status_code == 404
    assert (await client.get("/v1/exchange-rates/GBP/2026-06-05")).status_code == 404


async def test_list(client: AsyncClient) -> None:
    for day, rate in (("2026-06-01", "1.1"), ("2026-06-02", "1.2"), ("2026-06-03", "1.3")):
        await put(client, day, rate)
    await put(client, "2026-06-02", "0.0067", "JPY")

    async def listed(**query: str) -> list[str]:
        data = (await client.get("/v1/exchange-rates", params=query)).json()["data"]
        return [rate["rate"] for rate in data]

    assert await listed(currency="EUR") == ["1.3", "1.2", "1.1"]
    assert await listed(currency="EUR", day_from="2026-06-02", sort="day") == ["1.2", "1.3"]
    assert await listed(day_to="2026-06-01") == ["1.1"]
    assert await listed(day_from="2026-06-02", day_to="2026-06-02", currency="JPY") == ["0.0067"]


async def test_what_is_no_rate(client: AsyncClient) -> None:
    for path, body, pointer in (
        ("USD/2026-06-01", {"rate": "1"}, "currency"),
        ("XYZ/2026-06-01", {"rate": "1"}, "currency"),
        ("EUR/2026-06-31", {"rate": "1"}, "day"),
        ("EUR/2026-06-01", {"rate": "0"}, "/rate"),
        ("EUR/2026-06-01", {"rate": 1.1}, "/rate"),
        ("EUR/2026-06-01", {}, "/rate"),
    ):
        response = await client.put(f"/v1/exchange-rates/{path}", json=body)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer), path
