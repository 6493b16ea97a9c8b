"""Accounts, contacts, consents, activities.

Consents and activities also refer to leads; the next revision adds those constraints with the table.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "accounts"
down_revision = "products"
branch_labels = None
depends_on = None


def _words(column: str) -> sa.ColumnClause[str]:
    return sa.literal_column(
        f"to_tsvector('simple'::regconfig, translate(coalesce(name, '') || ' ' || coalesce({column}, ''), "
        "'!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~', '                               '))"
    )


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("account_numbers")))
    op.create_table(
        "accounts",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "end_customer",
                "reseller",
                "wholesaler",
                "distributor",
                name="accounttype",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column(
            "size",
            sa.Enum("micro", "small", "medium", "large", name="companysize", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column("key_account", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum("prospect", "active", "blocked", "closed", name="accountstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column(
            "open_status",
            sa.Enum("prospect", "active", "blocked", "closed", name="accountstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("block_reason", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("telephone", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("billing_address", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("delivery_address", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column("payment_terms_days", sa.BigInteger(), nullable=False),
        sa.Column("credit_limit", sa.Numeric(), nullable=True),
        sa.Column("open_exposure", sa.Numeric(), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(status = 'blocked') = (block_reason IS NOT NULL)", name=op.f("ck_accounts_block_reason")),
        sa.CheckConstraint("open_status IN ('prospect', 'active')", name=op.f("ck_accounts_open_status")),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("ck_accounts_credit_limit")),
        sa.CheckConstraint("payment_terms_days >= 0", name=op.f("ck_accounts_payment_terms_days")),
        sa.CheckConstraint("next_step_on IS NULL OR next_step IS NOT NULL", name=op.f("ck_accounts_day_has_step")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_accounts_owner_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["accounts.id"], name=op.f("fk_accounts_parent_id")),
        sa.ForeignKeyConstraint(["price_list_id"], ["price_lists.id"], name=op.f("fk_accounts_price_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("number", name=op.f("uq_accounts_number")),
    )
    op.create_index(
        "ix_accounts_country",
        "accounts",
        [sa.literal_column("(billing_address ->> 'country')"), "name", "id"],
        unique=False,
    )
    op.create_index("ix_accounts_created_at", "accounts", ["created_at", "id"], unique=False)
    op.create_index("ix_accounts_industry", "accounts", ["industry", "name", "id"], unique=False)
    op.create_index(
        "ix_accounts_key", "accounts", ["name", "id"], unique=False, postgresql_where=sa.text("key_account")
    )
    op.create_index("ix_accounts_name", "accounts", ["name", "id"], unique=False)
    op.create_index(
        "ix_accounts_next_step",
        "accounts",
        ["next_step_on", "id"],
        unique=False,
        postgresql_where=sa.text("next_step_on IS NOT NULL"),
    )
    op.create_index("ix_accounts_owner", "accounts", ["owner_id", "name", "id"], unique=False)
    op.create_index("ix_accounts_parent", "accounts", ["parent_id", "name", "id"], unique=False)
    op.create_index(op.f("ix_accounts_price_list_id"), "accounts", ["price_list_id"], unique=False)
    op.create_index("ix_accounts_status", "accounts", ["status", "name", "id"], unique=False)
    op.create_index("ix_accounts_words", "accounts", [_words("number")], unique=False, postgresql_using="gin")
    op.create_table(
        "contacts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("telephone", sa.Text(), nullable=True),
        sa.Column("telephone_e164", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("decision_maker", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_contacts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_account", "contacts", ["account_id", "name", "id"], unique=False)
    op.create_index("ix_contacts_created_at", "contacts", ["created_at", "id"], unique=False)
    op.create_index("ix_contacts_email", "contacts", ["email", "name", "id"], unique=False)
    op.create_index("ix_contacts_name", "contacts", ["name", "id"], unique=False)
    op.create_index("ix_contacts_words", "contacts", [_words("email")], unique=False, postgresql_using="gin")
    op.create_table(
        "purchase_entries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("sale", "return", name="purchasekind", native_enum=False, length=40), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_purchase_entries_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_entries")),
    )
    op.create_index("ix_purchase_entries_account", "purchase_entries", ["account_id", "day"], unique=False)
    op.create_index(
        "uq_purchase_entries_sale",
        "purchase_entries",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'sale'"),
    )
    op.create_table(
        "activities",
        sa.Column(
            "kind",
            sa.Enum("call", "email", "meeting", "note", name="activitykind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column(
            "direction", sa.Enum("inbound", "outbound", name="direction", native_enum=False, length=40), nullable=True
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("with_whom", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "reached",
                "not_reached",
                "left_message",
                "interested",
                "not_interested",
                "follow_up",
                "done",
                name="activityoutcome",
                native_enum=False,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("num_nonnulls(lead_id, account_id) > 0", name=op.f("ck_activities_somebodys")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_activities_account_id")),
        sa.ForeignKeyConstraint(["by_id"], ["staff.id"], name=op.f("fk_activities_by_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_activities_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_account", "activities", ["account_id", "at", "id"], unique=False)
    op.create_index("ix_activities_at", "activities", ["at", "id"], unique=False)
    op.create_index("ix_activities_by", "activities", ["by_id", "at", "id"], unique=False)
    op.create_index(op.f("ix_activities_contact_id"), "activities", ["contact_id"], unique=False)
    op.create_index("ix_activities_lead", "activities", ["lead_id", "at", "id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column(
            "purpose",
            sa.Enum(
                "marketing",
                "newsletter",
                "offers",
                "surveys",
                "profiling",
                name="consentpurpose",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum("email", "post", "telephone", "sms", name="consentchannel", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("num_nonnulls(lead_id, contact_id) > 0", name=op.f("ck_consents_somebodys")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_consents_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        "uq_consents_said",
        "consents",
        ["lead_id", "contact_id", "purpose", "channel", "granted", "at", "source", sa.text("md5(evidence)")],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_consents_contact", "consents", ["contact_id", "at", "id"], unique=False)
    op.create_index("ix_consents_lead", "consents", ["lead_id", "at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("consents")
    op.drop_table("activities")
    op.drop_table("purchase_entries")
    op.drop_table("contacts")
    op.drop_table("accounts")
    op.execute(sa.schema.DropSequence(sa.Sequence("account_numbers")))
