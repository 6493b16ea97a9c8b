"""The product that most tests of supply are about."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.products.models import Product
from tests.supply.goods import add_product


@pytest.fixture
async def chai(tx: AsyncSession) -> Product:
    product = await add_product(tx, "CHAI")
    await tx.flush()
    return product
