"""What merging two leads needs of them: nobody captures for them meanwhile, and one person at one email is one lead."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import Conflict, StartOver
from app.leads import state
from app.leads.dedupe import email_key, identity_key
from app.leads.models import Lead, LeadIdentity
from app.leads.repository import leads


async def hold(session: AsyncSession, *, lead_ids: Sequence[UUID]) -> None:
    """Hold all by which somebody could be one of the leads, or of those merged into them, until the transaction ends.

    Raises:
        StartOver: one of them was given another email or id while this waited.

    """
    wanted = await _keys(session, lead_ids)
    await leads.hold(session, wanted)
    if not wanted >= await _keys(session, lead_ids):
        raise StartOver


async def _keys(session: AsyncSession, lead_ids: Sequence[UUID]) -> set[str]:
    own = or_(Lead.id.in_(lead_ids), Lead.merged_into_id.in_(lead_ids))
    emails = await session.scalars(select(Lead.email).where(own, Lead.email.is_not(None)))
    ids = select(LeadIdentity.source, LeadIdentity.external_id).where(LeadIdentity.lead_id.in_(lead_ids))
    identities = (await session.execute(ids)).all()
    return {email_key(email) for email in emails if email} | {identity_key(*identity) for identity in identities}


async def demand_unique(session: AsyncSession, lead: Lead, *, but: UUID) -> None:
    """Raises Conflict when a third lead is the same person at the same email."""
    if lead.email is None:
        return
    same = select(Lead.id).where(Lead.email == lead.email, Lead.person_key == lead.person_key)
    with session.no_autoflush:
        other = await session.scalar(same.where(Lead.id.not_in([lead.id, but]), Lead.merged_into_id.is_(None)))
    if other is not None:
        raise Conflict(f"lead {other} is {lead.person_name or 'somebody'} at {lead.email}: merge with that one first")


def rescore(lead: Lead) -> None:
    """Bring the score up to date."""
    state.rescore(lead)


PERSONAL = state.PERSONAL
SILENT = state.DERIVED
