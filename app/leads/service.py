"""Changes to leads."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import bulk
from app.kernel.bulk import BulkResult, Rejected, accepted
from app.leads.capture import capture
from app.leads.dedupe import Result
from app.leads.schemas import LeadCreate


async def capture_one(session: AsyncSession, *, body: LeadCreate) -> Result:
    """Take in one lead."""
    (done,) = await capture(session, rows={0: body})
    return done


async def capture_many(session: AsyncSession, *, rows: Sequence[LeadCreate | Rejected]) -> BulkResult:
    """Take in all good rows; a result for each row, in their order."""
    good = accepted(rows)
    done = {one.index: one for one in await capture(session, rows=good)} if good else {}
    results = [
        row if isinstance(row, Rejected) else (bulk.Outcome(done[index].outcome), done[index].lead_id)
        for index, row in enumerate(rows)
    ]
    return bulk.result(results, under="/leads")
