"""Stock, receipts, reservations."""

import sqlalchemy as sa
from alembic import op

revision = "supply"
down_revision = "leads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stock_items",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("on_hand", sa.Numeric(), nullable=False),
        sa.Column("counted_quantity", sa.Numeric(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_stock_items_product_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_stock_items")),
    )
    op.create_table(
        "receipts",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "planned", "confirmed", "received", "cancelled", name="receiptstatus", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pegged_line_id", sa.Uuid(), nullable=True),
        sa.Column("replaced_by_id", sa.Uuid(), nullable=True),
        sa.Column("replaced_quantity", sa.Numeric(), nullable=False),
        sa.Column("largest_quantity", sa.Numeric(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_receipts_quantity")),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.product_id"], name=op.f("fk_receipts_product_id")),
        sa.ForeignKeyConstraint(["replaced_by_id"], ["receipts.id"], name=op.f("fk_receipts_replaced_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_receipts_source_external_id")),
    )
    op.create_index("ix_receipts_created_at", "receipts", ["created_at", "id"], unique=False)
    op.create_index("ix_receipts_due_on", "receipts", ["due_on", "id"], unique=False)
    op.create_index(
        "ix_receipts_pegged",
        "receipts",
        ["pegged_line_id"],
        unique=False,
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index("ix_receipts_product", "receipts", ["product_id", "due_on", "id"], unique=False)
    op.create_index("ix_receipts_product_created_at", "receipts", ["product_id", "created_at", "id"], unique=False)
    op.create_index("ix_receipts_source", "receipts", ["source", "due_on", "id"], unique=False)
    op.create_index("ix_receipts_source_created_at", "receipts", ["source", "created_at", "id"], unique=False)
    op.create_index("ix_receipts_status", "receipts", ["status", "due_on", "id"], unique=False)
    op.create_index("ix_receipts_status_created_at", "receipts", ["status", "created_at", "id"], unique=False)
    op.create_index(
        "ix_receipts_open",
        "receipts",
        ["product_id", "due_on"],
        unique=False,
        postgresql_where=sa.text("status IN ('planned', 'confirmed')"),
    )
    op.create_index(
        "ix_receipts_open_due_on",
        "receipts",
        ["due_on", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('planned', 'confirmed')"),
    )
    op.create_table(
        "reservations",
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum("stock", "receipt", "production", name="basiskind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservations_quantity")),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.product_id"], name=op.f("fk_reservations_product_id")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_reservations_receipt_id")),
        sa.PrimaryKeyConstraint("order_line_id", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_order_id"), "reservations", ["order_id"], unique=False)
    op.create_index(
        "ix_reservations_product",
        "reservations",
        ["product_id", "promised_on"],
        unique=False,
        postgresql_include=["quantity"],
    )
    op.create_index("ix_reservations_promised_on", "reservations", ["promised_on", "product_id"], unique=False)
    op.create_index(op.f("ix_reservations_receipt_id"), "reservations", ["receipt_id"], unique=False)
    op.create_table(
        "stock_movements",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("shipment", "receipt", "return", name="movementkind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["stock_items.product_id"], name=op.f("fk_stock_movements_product_id")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_stock_movements_receipt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
        sa.UniqueConstraint("receipt_id", name=op.f("uq_stock_movements_receipt_id")),
    )
    op.create_index("ix_stock_movements_product_at", "stock_movements", ["product_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("stock_movements")
    op.drop_table("reservations")
    op.drop_table("receipts")
    op.drop_table("stock_items")
