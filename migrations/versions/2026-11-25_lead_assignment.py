"""Leads: the size of their company, who gets them by which rule, and whose turn it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "lead_assignment"
down_revision = "staff_capacity"
branch_labels = None
depends_on = None

_SIZE = sa.Enum("micro", "small", "medium", "large", name="companysize", native_enum=False, length=40)


def upgrade() -> None:
    op.create_table(
        "lead_assignment_rules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("countries", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("campaigns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("product_skus", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sizes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("min_value", sa.Numeric(), nullable=True),
        sa.Column("min_value_currency", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(min_value IS NULL) = (min_value_currency IS NULL)",
            name=op.f("ck_lead_assignment_rules_value_has_currency"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_assignment_rules")),
    )
    op.create_index("ix_lead_assignment_rules_position", "lead_assignment_rules", ["position", "id"], unique=False)
    op.create_index("ix_lead_assignment_rules_created_at", "lead_assignment_rules", ["created_at", "id"], unique=False)
    op.create_table(
        "lead_assignment_members",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rule_id"],
            ["lead_assignment_rules.id"],
            name=op.f("fk_lead_assignment_members_rule_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_lead_assignment_members_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_assignment_members")),
        sa.UniqueConstraint("rule_id", "staff_id", name=op.f("uq_lead_assignment_members_rule_id_staff_id")),
    )
    op.add_column("leads", sa.Column("company_size", _SIZE, nullable=True))
    op.add_column("leads", sa.Column("assigned_by_rule_id", sa.Uuid(), nullable=True))
    op.add_column("leads", sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("leads", sa.Column("assignment_reason", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_leads_assigned_by_rule_id"), "leads", "lead_assignment_rules", ["assigned_by_rule_id"], ["id"]
    )
    op.create_index(
        "ix_leads_assigned_by_rule_id",
        "leads",
        ["assigned_by_rule_id"],
        unique=False,
        postgresql_where=sa.text("assigned_by_rule_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_leads_assigned_by_rule_id", "leads")
    op.drop_constraint(op.f("fk_leads_assigned_by_rule_id"), "leads", type_="foreignkey")
    op.drop_column("leads", "assignment_reason")
    op.drop_column("leads", "assigned_at")
    op.drop_column("leads", "assigned_by_rule_id")
    op.drop_column("leads", "company_size")
    op.drop_table("lead_assignment_members")
    op.drop_table("lead_assignment_rules")
