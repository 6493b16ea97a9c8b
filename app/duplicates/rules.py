"""What may be the same: kinds of records, what a pair of them may become, and the limits of looking. Pure."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.kernel.schema import Read


class Kind(StrEnum):
    """Records that may be stored twice; the name of their table and of their path."""

    LEADS = "leads"
    CONTACTS = "contacts"
    ACCOUNTS = "accounts"


class PairStatus(StrEnum):
    """An `open` pair waits for somebody to look; `dismissed` ones are two, `merged` ones have become one."""

    OPEN = "open"
    DISMISSED = "dismissed"
    MERGED = "merged"


class Side(StrEnum):
    """Whose value of a field is kept: that of the record that stays (`this`), or of the one merged into it."""

    THIS = "this"
    OTHER = "other"


class Reason(Read):
    """One thing that speaks for two records being the same, or (negative points) against it."""

    field: str = Field(examples=["telephone"])
    detail: str = Field(examples=["the same number, +493012345678"])
    points: Annotated[int, Field(examples=[35])]


LEAST_SCORE = 60
"""A pair with less is not worth anybody's look, and not kept."""

MOST_IN_BLOCK = 40
"""Records that share a key are compared with so many others at most: a key of more tells too little, and is skipped."""

UNDO_WITHIN = timedelta(days=30)
"""So long a merge can be undone."""
