"""When each lead was first contacted and first qualified; of old ones, from what was recorded about them."""

import sqlalchemy as sa
from alembic import op

revision = "funnel"
down_revision = "account_groups"
branch_labels = None
depends_on = None

_AT_ONCE = 5000
_LAST = sa.text(
    "SELECT id::text FROM (SELECT id FROM leads WHERE id > :last ORDER BY id LIMIT :most) AS lot"
    " ORDER BY lot.id DESC LIMIT 1"
)
_FILL = sa.text(
    """
    UPDATE leads SET contacted_at = least(leads.contacted_at, contacted, qualified), first_qualified_at = qualified
    FROM (
        SELECT id,
               (SELECT min(at) FROM activities WHERE lead_id = leads.id AND kind <> 'note' AND (
                    outcome IN ('reached', 'interested', 'not_interested')
                    OR (kind = 'meeting' AND outcome IN ('follow_up', 'done')))) AS contacted,
               least(leads.first_qualified_at, leads.qualified_at,
                     (SELECT min(time) FROM outbox
                      WHERE subject_type = 'leads' AND subject_id = leads.id AND type = 'lead.qualified')) AS qualified
        FROM leads WHERE id > :last AND id <= :until
    ) AS found
    WHERE leads.id = found.id AND num_nonnulls(contacted, qualified) > 0
    """
)


def upgrade() -> None:
    # Few rows at a time, each lot by itself, so that nobody waits for long for a lead. An earlier try may have begun.
    with op.get_context().autocommit_block():
        for column in ("contacted_at", "first_qualified_at"):
            op.execute(f"ALTER TABLE leads ADD COLUMN IF NOT EXISTS {column} TIMESTAMP WITH TIME ZONE")
        connection, last = op.get_bind(), "00000000-0000-0000-0000-000000000000"
        while until := connection.execute(_LAST, {"last": last, "most": _AT_ONCE}).scalar():
            connection.execute(_FILL, {"last": last, "until": until})
            last = until


def downgrade() -> None:
    op.drop_column("leads", "first_qualified_at")
    op.drop_column("leads", "contacted_at")
