"""Products, price lists, exchange rates."""

import sqlalchemy as sa
from alembic import op

revision = "products"
down_revision = "staff"
branch_labels = None
depends_on = None

# Words of name and SKU, punctuation separating them.
_WORDS = (
    "to_tsvector('simple'::regconfig, translate(coalesce(name, '') || ' ' || coalesce(sku, ''), "
    "'!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~', '                               '))"
)


def upgrade() -> None:
    op.create_table(
        "exchange_rates",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_rates")),
        sa.UniqueConstraint("currency", "to_currency", "day", name=op.f("uq_exchange_rates_currency_to_currency_day")),
    )
    op.create_index("ix_exchange_rates_currency", "exchange_rates", ["currency", "day", "id"], unique=False)
    op.create_index("ix_exchange_rates_day", "exchange_rates", ["day", "id"], unique=False)
    op.create_table(
        "price_lists",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_price_lists_valid_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_lists")),
    )
    op.create_index("ix_price_lists_code", "price_lists", ["code", "id"], unique=False)
    op.create_index("ix_price_lists_created_at", "price_lists", ["created_at", "id"], unique=False)
    op.create_index("ix_price_lists_currency", "price_lists", ["currency", "code", "id"], unique=False)
    op.create_index("uq_price_lists_code", "price_lists", [sa.literal_column("lower(code)")], unique=True)
    op.create_index(
        "uq_price_lists_default",
        "price_lists",
        ["is_default", "currency"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "products",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("minimum_quantity", sa.Numeric(), nullable=False),
        sa.Column("order_multiple", sa.Numeric(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("active", "discontinued", "blocked", name="productstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("production_days", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("minimum_quantity > 0", name=op.f("ck_products_minimum_quantity")),
        sa.CheckConstraint("order_multiple > 0", name=op.f("ck_products_order_multiple")),
        sa.CheckConstraint("production_days >= 0", name=op.f("ck_products_production_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
    )
    op.create_index("ix_products_category_name", "products", ["category", "name", "id"], unique=False)
    op.create_index("ix_products_category_sku", "products", ["category", "sku", "id"], unique=False)
    op.create_index("ix_products_created_at", "products", ["created_at", "id"], unique=False)
    op.create_index("ix_products_name", "products", ["name", "id"], unique=False)
    op.create_index("ix_products_sku", "products", ["sku", "id"], unique=False)
    op.create_index("ix_products_status_name", "products", ["status", "name", "id"], unique=False)
    op.create_index("ix_products_status_sku", "products", ["status", "sku", "id"], unique=False)
    op.create_index("ix_products_words", "products", [sa.literal_column(_WORDS)], unique=False, postgresql_using="gin")
    op.create_index("uq_products_sku", "products", [sa.literal_column("lower(sku)")], unique=True)
    op.create_table(
        "prices",
        sa.Column("price_list_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("min_quantity", sa.Numeric(), nullable=False),
        sa.Column("unit_price", sa.Numeric(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("min_quantity > 0", name=op.f("ck_prices_min_quantity")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_prices_unit_price")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_prices_valid_to")),
        sa.ForeignKeyConstraint(["price_list_id"], ["price_lists.id"], name=op.f("fk_prices_price_list_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_prices_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint(
            "price_list_id",
            "product_id",
            "min_quantity",
            "valid_from",
            name=op.f("uq_prices_price_list_id_product_id_min_quantity_valid_from"),
        ),
    )
    op.create_index("ix_prices_created_at", "prices", ["price_list_id", "created_at", "id"], unique=False)
    op.create_index("ix_prices_valid_from", "prices", ["price_list_id", "valid_from", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("prices")
    op.drop_table("products")
    op.drop_table("price_lists")
    op.drop_table("exchange_rates")
