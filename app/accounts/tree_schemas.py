"""What is answered about an account and those that belong to it."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.accounts.rules import AccountStatus
from app.kernel.schema import Amount, Read


class TreeQuery(BaseModel):
    """How many accounts of a tree are shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=1000, description="Most accounts below it to answer.")] = 200


class RollupQuery(BaseModel):
    """How many accounts are shown by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=1000, description="Most children to answer; the rest is summed.")] = 200


class TreeAccount(Read):
    """An account in its tree."""

    id: UUID
    number: str = Field(examples=["A-000123"])
    name: str = Field(examples=["Alfreds Futterkiste"])
    status: AccountStatus
    parent_id: UUID | None
    depth: int = Field(description="0 for the account that is asked for, 1 for what belongs to it, -1 for its parent.")
    credit_limit: Amount | None
    group_credit_limit: Amount | None
    open_exposure: Amount


class AccountTree(Read):
    """Where an account stands."""

    above: list[TreeAccount] = Field(description="What it belongs to, from the top down to its parent.")
    account: TreeAccount
    below: list[TreeAccount] = Field(description="What belongs to it, directly or not, level by level, by name.")
    has_more: bool = Field(description="More accounts belong to it than were asked for.")


class Rollup(Read):
    """What some accounts come to, in the company's currency."""

    accounts: int = Field(description="How many there are.")
    revenue_lifetime: Amount = Field(description="Of their purchase records.")
    revenue_this_year: Amount
    revenue_last_12_months: Amount
    open_exposure: Amount = Field(description="Their confirmed orders.")
    credit_limits: Amount = Field(description="The sum of their own limits.")
    without_credit_limit: int = Field(description="How many of them have no limit of their own.")


class ChildRollup(Rollup):
    """A child, with all that belongs to it."""

    id: UUID
    number: str
    name: str


class AccountRollup(Read):
    """An account and all that belongs to it: `total` is `own`, `children` and `other_children` to the cent."""

    id: UUID
    number: str
    name: str
    currency: str
    group_credit_limit: Amount | None = Field(description="For all of `total`.")
    group_credit_left: Amount | None = Field(
        description="What of it is left; below zero when too much was confirmed before it was set."
    )
    total: Rollup
    own: Rollup
    children: list[ChildRollup] = Field(description="Each with all that belongs to it, those who bought most first.")
    other_children: Rollup | None = Field(description="The rest of them together; null when there is none.")
