"""Leads, their touches and identities; consents and activities may belong to a lead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "leads"
down_revision = "accounts"
branch_labels = None
depends_on = None

_COLUMNS = ("person_name", "company", "email", "job_title", "interest", "message", "website")
_PUNCTUATION = "!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~"  # quoted for SQL
_TEXT = " || ' ' || ".join(f"coalesce({column}, '')" for column in _COLUMNS)
_WORDS = f"to_tsvector('simple'::regconfig, translate({_TEXT}, '{_PUNCTUATION}', '{' ' * 31}'))"


def upgrade() -> None:
    op.create_table(
        "lead_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_lead_keys")),
    )
    op.create_table(
        "leads",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("offer", sa.Text(), nullable=True),
        sa.Column("person_name", sa.Text(), nullable=True),
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("shared_email", sa.Boolean(), nullable=False),
        sa.Column("telephone", sa.Text(), nullable=True),
        sa.Column("telephone_e164", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("interest", sa.Text(), nullable=True),
        sa.Column("product_skus", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("estimated_value", sa.Numeric(), nullable=True),
        sa.Column("estimated_currency", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("touch_count", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "new",
                "contacted",
                "qualified",
                "converted",
                "disqualified",
                "recycled",
                name="leadstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "disqualify_reason",
            sa.Enum(
                "no_interest",
                "no_budget",
                "no_authority",
                "competitor",
                "not_reachable",
                "duplicate",
                "wrong_data",
                "spam",
                "out_of_territory",
                "other",
                name="disqualifyreason",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("disqualify_note", sa.Text(), nullable=True),
        sa.Column(
            "interest_level",
            sa.Enum("none", "some", "strong", name="interest", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column(
            "intention",
            sa.Enum("none", "considering", "intends", "committed", name="intention", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column("horizon_months", sa.BigInteger(), nullable=True),
        sa.Column(
            "budget",
            sa.Enum("unknown", "none", "planned", "approved", name="budget", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column(
            "authority",
            sa.Enum("unknown", "none", "influencer", "decision_maker", name="authority", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column(
            "need",
            sa.Enum("unknown", "none", "latent", "explicit", name="need", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("qualified_by_id", sa.Uuid(), nullable=True),
        sa.Column("qualified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("score_lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("converted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status <> 'converted' OR account_id IS NOT NULL", name=op.f("ck_leads_converted_has_account")
        ),
        sa.CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name=op.f("ck_leads_day_has_step")),
        sa.CheckConstraint(
            "(estimated_value IS NULL) = (estimated_currency IS NULL)", name=op.f("ck_leads_value_has_currency")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_leads_account_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_leads_contact_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_leads_owner_id")),
        sa.ForeignKeyConstraint(["qualified_by_id"], ["staff.id"], name=op.f("fk_leads_qualified_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads")),
        sa.UniqueConstraint(
            "email", "person_key", deferrable=True, initially="DEFERRED", name=op.f("uq_leads_email_person_key")
        ),
    )
    op.create_index(
        "ix_leads_account_id", "leads", ["account_id"], unique=False, postgresql_where=sa.text("account_id IS NOT NULL")
    )
    op.create_index("ix_leads_campaign", "leads", ["campaign", "created_at", "id"], unique=False)
    op.create_index("ix_leads_created_at", "leads", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_leads_next_step_on",
        "leads",
        ["next_step_on", "id"],
        unique=False,
        postgresql_where=sa.text("next_step_on IS NOT NULL"),
    )
    op.create_index("ix_leads_owner_id", "leads", ["owner_id", "created_at", "id"], unique=False)
    op.create_index("ix_leads_score", "leads", ["score", "id"], unique=False)
    op.create_index("ix_leads_source", "leads", ["source", "created_at", "id"], unique=False)
    op.create_index("ix_leads_status_created_at", "leads", ["status", "created_at", "id"], unique=False)
    op.create_index("ix_leads_updated_at", "leads", ["updated_at", "id"], unique=False)
    op.create_index(
        "ix_leads_words",
        "leads",
        [sa.literal_column(_WORDS)],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "lead_identities",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_identities_lead_id")),
        sa.PrimaryKeyConstraint("source", "external_id", name=op.f("pk_lead_identities")),
    )
    op.create_index(op.f("ix_lead_identities_lead_id"), "lead_identities", ["lead_id"], unique=False)
    op.create_table(
        "lead_touches",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("offer", sa.Text(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_touches_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_touches")),
    )
    op.create_index("ix_lead_touches_lead_id", "lead_touches", ["lead_id", "at", "id"], unique=False)
    op.create_foreign_key(op.f("fk_consents_lead_id"), "consents", "leads", ["lead_id"], ["id"])
    op.create_foreign_key(op.f("fk_activities_lead_id"), "activities", "leads", ["lead_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_activities_lead_id"), "activities", type_="foreignkey")
    op.drop_constraint(op.f("fk_consents_lead_id"), "consents", type_="foreignkey")
    op.drop_table("lead_touches")
    op.drop_table("lead_identities")
    op.drop_table("leads")
    op.drop_table("lead_keys")
