"""Opportunities: stages, lines, contacts, changes of stage; the stages that most departments begin with."""

import sqlalchemy as sa
from alembic import op

revision = "opportunities"
down_revision = "list_indexes"
branch_labels = None
depends_on = None

_PUNCTUATION = "!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~"  # quoted for SQL
_TEXT = "(((coalesce(name, '') || ' ') || coalesce(number, '')) || ' ') || coalesce(competitor, '')"
_WORDS = f"to_tsvector('simple'::regconfig, translate({_TEXT}, '{_PUNCTUATION}', '{' ' * 31}'))"


def upgrade() -> None:
    op.execute("CREATE SEQUENCE opportunity_numbers")
    op.create_table(
        "opportunity_stages",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "type", sa.Enum("open", "won", "lost", name="stagetype", native_enum=False, length=40), nullable=False
        ),
        sa.Column("probability", sa.Numeric(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(type <> 'won' OR probability = 1) AND (type <> 'lost' OR probability = 0)",
            name=op.f("ck_opportunity_stages_decided"),
        ),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_opportunity_stages_probability")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunity_stages")),
        sa.UniqueConstraint("code", name=op.f("uq_opportunity_stages_code")),
    )
    op.create_index("ix_opportunity_stages_position", "opportunity_stages", ["position", "id"], unique=False)
    op.create_table(
        "opportunities",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state", sa.Enum("open", "won", "lost", name="stagetype", native_enum=False, length=40), nullable=False
        ),
        sa.Column("stage_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probability", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("exchange_rate", sa.Numeric(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("base_amount", sa.Numeric(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("expected_close_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("competitor", sa.Text(), nullable=True),
        sa.Column(
            "lost_reason",
            sa.Enum(
                "price",
                "competitor",
                "product",
                "delivery",
                "no_budget",
                "no_decision",
                "no_contact",
                "postponed",
                "other",
                name="lostreason",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("lost_note", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'lost') = (lost_reason IS NOT NULL)", name=op.f("ck_opportunities_lost_has_reason")
        ),
        sa.CheckConstraint("(state = 'open') = (closed_on IS NULL)", name=op.f("ck_opportunities_closed_has_day")),
        sa.CheckConstraint("state <> 'won' OR account_id IS NOT NULL", name=op.f("ck_opportunities_won_has_account")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_opportunities_amount")),
        sa.CheckConstraint("external_id IS NULL OR source IS NOT NULL", name=op.f("ck_opportunities_id_has_source")),
        sa.CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name=op.f("ck_opportunities_day_has_step")),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_opportunities_probability")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_opportunities_account_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_opportunities_lead_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_opportunities_owner_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["opportunity_stages.id"], name=op.f("fk_opportunities_stage_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunities")),
        sa.UniqueConstraint("number", name=op.f("uq_opportunities_number")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_opportunities_source_external_id")),
    )
    op.create_index("ix_opportunities_account", "opportunities", ["account_id", "created_at", "id"], unique=False)
    op.create_index("ix_opportunities_base_amount", "opportunities", ["base_amount", "id"], unique=False)
    op.create_index("ix_opportunities_created_at", "opportunities", ["created_at", "id"], unique=False)
    op.create_index("ix_opportunities_expected_close", "opportunities", ["expected_close_on", "id"], unique=False)
    op.create_index(
        "ix_opportunities_next_step",
        "opportunities",
        ["owner_id", "next_step_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_opportunities_owner", "opportunities", ["owner_id", "created_at", "id"], unique=False)
    op.create_index("ix_opportunities_stage", "opportunities", ["stage_id", "created_at", "id"], unique=False)
    op.create_index("ix_opportunities_campaign", "opportunities", ["campaign", "created_at", "id"], unique=False)
    for leading in ("stage", "owner"):
        columns = [f"{leading}_id", "expected_close_on", "id"]
        op.create_index(f"ix_opportunities_{leading}_expected_close", "opportunities", columns, unique=False)
        columns = [f"{leading}_id", "base_amount", "id"]
        op.create_index(f"ix_opportunities_{leading}_base_amount", "opportunities", columns, unique=False)
    op.create_index("ix_opportunities_stage_changed_at", "opportunities", ["stage_changed_at", "id"], unique=False)
    op.create_index("ix_opportunities_state_base_amount", "opportunities", ["state", "base_amount", "id"], unique=False)
    op.create_index("ix_opportunities_state_created_at", "opportunities", ["state", "created_at", "id"], unique=False)
    op.create_index(
        "ix_opportunities_state_expected_close", "opportunities", ["state", "expected_close_on", "id"], unique=False
    )
    op.create_index(
        "ix_opportunities_state_stage_changed_at", "opportunities", ["state", "stage_changed_at", "id"], unique=False
    )
    op.create_index(
        "ix_opportunities_words",
        "opportunities",
        [sa.literal_column(_WORDS)],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "uq_opportunities_lead_id",
        "opportunities",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    op.create_table(
        "opportunity_contacts",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column(
            "part",
            sa.Enum(
                "decision_maker",
                "budget_holder",
                "champion",
                "influencer",
                "user",
                "gatekeeper",
                "opponent",
                name="part",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_opportunity_contacts_contact_id")),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunities.id"],
            name=op.f("fk_opportunity_contacts_opportunity_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("opportunity_id", "contact_id", name=op.f("pk_opportunity_contacts")),
    )
    op.create_index(
        "ix_opportunity_contacts_contact", "opportunity_contacts", ["contact_id", "opportunity_id"], unique=False
    )
    op.create_table(
        "opportunity_lines",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("list_price", sa.Numeric(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=False),
        sa.Column("discount", sa.Numeric(), nullable=False),
        sa.Column("price_reason", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_opportunity_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunities.id"],
            name=op.f("fk_opportunity_lines_opportunity_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_opportunity_lines_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunity_lines")),
        sa.UniqueConstraint("opportunity_id", "line_no", name=op.f("uq_opportunity_lines_opportunity_id_line_no")),
    )
    op.create_table(
        "opportunity_stage_changes",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_stage_id", sa.Uuid(), nullable=True),
        sa.Column("to_stage_id", sa.Uuid(), nullable=False),
        sa.Column(
            "to_state", sa.Enum("open", "won", "lost", name="stagetype", native_enum=False, length=40), nullable=False
        ),
        sa.Column("probability", sa.Numeric(), nullable=False),
        sa.Column("base_amount", sa.Numeric(), nullable=False),
        sa.Column("expected_close_on", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_stage_id"], ["opportunity_stages.id"], name=op.f("fk_opportunity_stage_changes_from_stage_id")
        ),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunities.id"],
            name=op.f("fk_opportunity_stage_changes_opportunity_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["to_stage_id"], ["opportunity_stages.id"], name=op.f("fk_opportunity_stage_changes_to_stage_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunity_stage_changes")),
    )
    op.create_index("ix_opportunity_stage_changes_at", "opportunity_stage_changes", ["at", "id"], unique=False)
    op.create_index(
        "ix_opportunity_stage_changes_opportunity",
        "opportunity_stage_changes",
        ["opportunity_id", "at", "id"],
        unique=False,
    )
    op.execute(
        """
        INSERT INTO opportunity_stages
            (id, version, created_at, updated_at, code, name, type, probability, position, active)
        SELECT gen_random_uuid(), 1, now(), now(), code, name, type, probability, position, true
        FROM (VALUES
            ('prospecting', 'Prospecting', 'open', 0.10, 10), ('qualification', 'Qualification', 'open', 0.20, 20),
            ('proposal', 'Proposal', 'open', 0.50, 30), ('negotiation', 'Negotiation', 'open', 0.80, 40),
            ('won', 'Won', 'won', 1, 50), ('lost', 'Lost', 'lost', 0, 60)
        ) AS stage (code, name, type, probability, position)
        """
    )


def downgrade() -> None:
    op.drop_table("opportunity_stage_changes")
    op.drop_table("opportunity_lines")
    op.drop_table("opportunity_contacts")
    op.drop_table("opportunities")
    op.drop_table("opportunity_stages")
    op.execute("DROP SEQUENCE opportunity_numbers")
