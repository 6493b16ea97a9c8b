"""What an order needs, made through the API as its users would."""

from datetime import date, datetime, timedelta
from typing import Any, Self

from httpx import AsyncClient, Response

TODAY = date(2026, 3, 10)
NOON = datetime.fromisoformat("2026-03-10T12:00:00+00:00")


def day(offset: int) -> str:
    """A business date, counted from the tests' today."""
    return (TODAY + timedelta(days=offset)).isoformat()


def ok(response: Response) -> Any:
    """The answer's body, if it is one of success."""
    assert response.is_success, response.text
    return response.json()


class Shop:
    """A department with a price list, products, an account; `client` may do everything."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.account: dict[str, Any] = {}
        self.member: dict[str, Any] = {}
        self.prices: dict[str, Any] = {}

    @classmethod
    async def open(cls, client: AsyncClient, **account: Any) -> Self:
        shop = cls(client)
        person = {"name": "Laura Callahan", "email": "laura@example.com", "role": "administrator"}
        shop.member = ok(await client.post("/v1/staff", json={**person, "active_from": "2020-01-01"}))
        prices = {"code": "LIST", "name": "List", "currency": "USD", "is_default": True, "valid_from": "2020-01-01"}
        shop.prices = ok(await client.post("/v1/price-lists", json=prices))
        address = {"lines": ["Obere Str. 57"], "city": "Berlin", "postal_code": "12209", "country": "DE"}
        fields = {"name": "Alfreds Futterkiste", "type": "end_customer", "currency": "USD", "delivery_address": address}
        shop.account = ok(await client.post("/v1/accounts", json={**fields, **account}))
        return shop

    async def product(self, sku: str, *, price: str = "10.00", stock: str | None = None, **fields: Any) -> Any:
        made = ok(await self.client.post("/v1/products", json={"sku": sku, "name": sku, **fields}))
        row = {"sku": sku, "unit_price": price, "valid_from": "2020-01-01"}
        ok(await self.client.post(f"/v1/price-lists/{self.prices['id']}/prices/bulk", json={"prices": [row]}))
        if stock is not None:
            await self.count(sku, stock)
        return made

    async def count(self, sku: str, quantity: str) -> None:
        body = {"sku": sku, "quantity": quantity, "counted_at": "2026-03-10T06:00:00Z"}
        ok(await self.client.post("/v1/stock-counts", json=body))

    async def receipt(self, sku: str, quantity: str, due_on: str, **fields: Any) -> Any:
        body = {"source": "mrp", "external_id": f"{sku}-{due_on}", "sku": sku, "quantity": quantity, "due_on": due_on}
        return ok(await self.client.post("/v1/receipts", json={**body, "status": "confirmed", **fields}))

    def draft(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        channel = {"channel": "telephone", "taken_by_id": self.member["id"]}
        return {"account_id": self.account["id"], **channel, "lines": list(lines), **fields}

    async def order(self, *lines: dict[str, Any], **fields: Any) -> Any:
        return ok(await self.client.post("/v1/orders", json=self.draft(*lines, **fields)))

    async def confirm(self, order: dict[str, Any], **body: Any) -> Response:
        return await self.client.post(
            f"/v1/orders/{order['id']}/confirm", json=body, headers={"If-Match": f'"v{order["version"]}"'}
        )

    async def confirmed(self, *lines: dict[str, Any], **fields: Any) -> Any:
        order = await self.order(*lines, **fields)
        return ok(await self.confirm(order, accept_dates=True, agreed_by="Ms Anders"))

    async def available(self, sku: str, on: str) -> str:
        found = ok(await self.client.get("/v1/availability", params={"sku": sku, "on": on}))
        return str(found["available"])
