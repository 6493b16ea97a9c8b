"""HTTP for trees of accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameters

from app.accounts import tree
from app.accounts.tree_schemas import AccountRollup, AccountTree, RollupQuery, TreeQuery
from app.kernel.auth import Permission
from app.kernel.http import OurCompany, ReadTx, requires, router

tree_routes = router("/accounts", "accounts")
_READ = [requires(Permission.ACCOUNTS_READ)]


@tree_routes.get(
    "/{account_id}/tree", summary="See where an account stands", response_model=AccountTree, dependencies=_READ,
    name="tree",
)  # fmt: skip
async def get_tree(tx: ReadTx, account_id: UUID, query: Annotated[TreeQuery, Parameters()]) -> AccountTree:
    """All that it belongs to, and all that belongs to it, as far as `limit` goes: the upper levels first."""
    return await tree.tree(tx, account_id, most=query.limit)


@tree_routes.get(
    "/{account_id}/rollup", summary="Sum up an account with all that belongs to it", response_model=AccountRollup,
    dependencies=_READ, name="rollup",
)  # fmt: skip
async def get_rollup(
    tx: ReadTx, company: OurCompany, account_id: UUID, query: Annotated[RollupQuery, Parameters()]
) -> AccountRollup:
    """Revenue, exposure and credit in the company's currency; the parts add up to the total to the cent."""
    return await tree.rollup(tx, account_id, most=query.limit, company=company)
