"""A limit of credit for an account and all that belongs to it."""

from alembic import op

revision = "account_groups"
down_revision = "merges"
branch_labels = None
depends_on = None

_NAME = "ck_accounts_group_credit_limit"


def upgrade() -> None:
    # The rows are looked through when the table's lock is given back: an earlier try may have got so far.
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE accounts ADD COLUMN IF NOT EXISTS group_credit_limit NUMERIC")
        op.execute(
            f"ALTER TABLE accounts DROP CONSTRAINT IF EXISTS {_NAME},"
            f" ADD CONSTRAINT {_NAME} CHECK (group_credit_limit >= 0) NOT VALID"
        )
        op.execute("SET statement_timeout = 0")
        op.execute(f"ALTER TABLE accounts VALIDATE CONSTRAINT {_NAME}")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    op.drop_column("accounts", "group_credit_limit")
