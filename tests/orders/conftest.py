"""The shop that the tests of orders run, at noon of their today."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from app.kernel import clock
from tests.orders.factories import NOON, Shop


@pytest.fixture
async def shop(client: AsyncClient) -> AsyncIterator[Shop]:
    with clock.at(NOON):
        yield await Shop.open(client, credit_limit="5000.00")


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with clock.at(NOON):
        yield
