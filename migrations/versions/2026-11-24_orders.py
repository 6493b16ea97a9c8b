"""Orders, their holds, overrides, shipments and returns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "orders"
down_revision = "supply"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("order_numbers", "shipment_numbers", "return_numbers"):
        op.execute(sa.schema.CreateSequence(sa.Sequence(name)))
    op.create_table(
        "orders",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("draft", "confirmed", "completed", "cancelled", name="orderstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "shipment_state",
            sa.Enum("none", "partial", "shipped", "delivered", name="shipmentstate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("open_to_ship", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum("post", "email", "telephone", "web", "edi", name="channel", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("evidence_reference", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", sa.Uuid(), nullable=True),
        sa.Column("po_number", sa.Text(), nullable=True),
        sa.Column("delivery_address", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("exchange_rate", sa.Numeric(), nullable=False),
        sa.Column("net_amount", sa.Numeric(), nullable=False),
        sa.Column("freight", sa.Numeric(), nullable=False),
        sa.Column("returned_amount", sa.Numeric(), nullable=False),
        sa.Column("base_amount", sa.Numeric(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dates_agreed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_orders_account_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_orders_contact_id"),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_orders_lead_id"),
        sa.ForeignKeyConstraint(["taken_by_id"], ["staff.id"], name="fk_orders_taken_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("number", name="uq_orders_number"),
    )
    op.create_index("ix_orders_account_created", "orders", ["account_id", "created_at", "id"])
    op.create_index("ix_orders_account_po_number", "orders", ["account_id", sa.text("lower(po_number)")])
    op.create_index("ix_orders_created_at", "orders", ["created_at", "id"])
    op.create_index("ix_orders_due_on", "orders", ["due_on", "id"])
    op.create_index("ix_orders_lead_id", "orders", ["lead_id"])
    op.create_index("ix_orders_status_at", "orders", ["status_at", "id"])
    op.create_index("ix_orders_status_due_on", "orders", ["status", "due_on", "id"])
    op.create_index("ix_orders_status_status_at", "orders", ["status", "status_at", "id"])
    op.create_index("ix_orders_status_created_at", "orders", ["status", "created_at", "id"])
    op.create_index("ix_orders_shipment_state", "orders", ["shipment_state", "due_on", "id"])
    op.create_index("ix_orders_to_ship_due_on", "orders", ["due_on", "id"], postgresql_where=sa.text("open_to_ship"))
    op.create_index(
        "ix_orders_to_ship_status_at", "orders", ["status_at", "id"], postgresql_where=sa.text("open_to_ship")
    )
    op.create_table(
        "order_holds",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "credit",
                "overdue_invoices",
                "price",
                "address",
                "customer_request",
                "fraud",
                "other",
                name="holdreason",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_note", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_holds_order_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_order_holds"),
    )
    op.create_index("ix_order_holds_order_id", "order_holds", ["order_id"])
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=True),
        sa.Column("list_price", sa.Numeric(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=False),
        sa.Column("discount", sa.Numeric(), nullable=False),
        sa.Column("price_reason", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column(
            "basis",
            sa.Enum("stock", "receipt", "production", name="basiskind", native_enum=False, length=40),
            nullable=True,
        ),
        sa.Column("basis_receipt_id", sa.Uuid(), nullable=True),
        sa.Column("shipped_quantity", sa.Numeric(), nullable=False),
        sa.Column("delivered_quantity", sa.Numeric(), nullable=False),
        sa.Column("returned_quantity", sa.Numeric(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("delivered_quantity BETWEEN 0 AND shipped_quantity", name=op.f("ck_order_lines_delivered")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity")),
        sa.CheckConstraint("returned_quantity BETWEEN 0 AND delivered_quantity", name=op.f("ck_order_lines_returned")),
        sa.CheckConstraint("shipped_quantity BETWEEN 0 AND quantity", name=op.f("ck_order_lines_shipped")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_lines_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_order_lines_product_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_lines"),
        sa.UniqueConstraint("order_id", "line_no", name="uq_order_lines_order_id_line_no"),
    )
    op.create_table(
        "order_overrides",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("overridden_by", sa.Text(), nullable=False),
        sa.Column("overridden_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_overrides_order_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_order_overrides"),
    )
    op.create_index("ix_order_overrides_order_id", "order_overrides", ["order_id"])
    op.create_table(
        "order_returns",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "damaged",
                "defective",
                "wrong_goods",
                "not_wanted",
                "refused",
                "other",
                name="returnreason",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restocked", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_returns_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_returns"),
        sa.UniqueConstraint("number", name="uq_order_returns_number"),
    )
    op.create_index("ix_order_returns_order", "order_returns", ["order_id", "created_at", "id"])
    op.create_table(
        "shipments",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("tracking_number", sa.Text(), nullable=True),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_shipments_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shipments"),
        sa.UniqueConstraint("number", name="uq_shipments_number"),
    )
    op.create_index("ix_shipments_order", "shipments", ["order_id", "created_at", "id"])
    op.create_table(
        "order_return_lines",
        sa.Column("return_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name="fk_order_return_lines_order_line_id"),
        sa.ForeignKeyConstraint(
            ["return_id"], ["order_returns.id"], name="fk_order_return_lines_return_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("return_id", "order_line_id", name="pk_order_return_lines"),
    )
    op.create_index("ix_order_return_lines_order_line_id", "order_return_lines", ["order_line_id"])
    op.create_table(
        "shipment_lines",
        sa.Column("shipment_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name="fk_shipment_lines_order_line_id"),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shipments.id"], name="fk_shipment_lines_shipment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shipment_id", "order_line_id", name="pk_shipment_lines"),
    )
    op.create_index("ix_shipment_lines_order_line_id", "shipment_lines", ["order_line_id"])


def downgrade() -> None:
    op.drop_table("shipment_lines")
    op.drop_table("order_return_lines")
    op.drop_table("shipments")
    op.drop_table("order_returns")
    op.drop_table("order_overrides")
    op.drop_table("order_lines")
    op.drop_table("order_holds")
    op.drop_table("orders")
    for name in ("order_numbers", "shipment_numbers", "return_numbers"):
        op.execute(sa.schema.DropSequence(sa.Sequence(name)))
