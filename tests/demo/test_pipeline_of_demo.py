"""The opportunities of the demo, as the services have left them."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.activities.models import Activity
from app.opportunities.models import Opportunity, OpportunityContact, Stage, StageChange
from tests.conftest import GivenUp
from tests.demo.conftest import Loaded


@pytest.fixture
async def tx(northwind_loaded: Loaded) -> AsyncIterator[AsyncSession]:
    """A session whose changes are rolled back."""
    with suppress(GivenUp):
        async with northwind_loaded.database.transaction() as session:
            yield session
            raise GivenUp


async def test_opportunities_are_at_every_stage_and_one_waits_for_its_order(
    tx: AsyncSession, northwind_loaded: Loaded
) -> None:
    stage = select(Stage.code, Opportunity.name).join(Opportunity, Opportunity.stage_id == Stage.id)
    stages = {row.code for row in await tx.execute(stage)}
    assert stages == {"prospecting", "proposal", "negotiation", "won", "lost"}
    row = (await tx.scalars(select(Opportunity).where(Opportunity.state == "won"))).one()
    last = northwind_loaded.summary.last_order_on
    assert last is not None
    assert (row.order_id, row.closed_on, row.amount) == (
        None, last - timedelta(days=2), Decimal("3483.00")
    )  # fmt: skip
    gone = select(StageChange.to_state).where(StageChange.opportunity_id == row.id).order_by(StageChange.at)
    assert [*await tx.scalars(gone)] == ["open", "open", "open", "won"]
    silent = select(Opportunity.name).where(
        Opportunity.state == "open", Opportunity.last_activity_at < row.stage_changed_at - timedelta(days=30)
    )
    assert [*await tx.scalars(silent)] == ["Coffee corner in every branch"]
    parts = {part.part for part in await tx.scalars(select(OpportunityContact))}
    assert parts == {"decision_maker", "budget_holder", "champion", "influencer"}
    done = select(func.count()).where(Activity.opportunity_id == row.id, Activity.account_id == row.account_id)
    assert (await tx.execute(done)).scalar_one() == 3
