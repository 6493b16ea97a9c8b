"""A resource with a column of every kind, on a table that only these tests make: the kernel knows no domain."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.kernel.db import Base, Stored
from app.kernel.repository import Repository
from app.kernel.schema import Amount, Query, Read, Stamped
from app.kernel.shape import json_list_of


class Apart(DeclarativeBase):
    """A metadata of its own, so that the service's stays as the registry lists it."""

    type_annotation_map = Base.type_annotation_map


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark_blue"


class Part(Stored, Apart):
    __tablename__ = "specimen_parts"

    specimen_id: Mapped[UUID]
    price: Mapped[Decimal]
    seen_at: Mapped[datetime]


class Specimen(Stored, Apart):
    __tablename__ = "specimens"

    name: Mapped[str]
    number: Mapped[int]
    amount: Mapped[Decimal]
    day: Mapped[date]
    moment: Mapped[datetime]
    colour: Mapped[Colour]
    other: Mapped[UUID]
    flag: Mapped[bool]
    amount_or_none: Mapped[Decimal | None]
    moment_or_none: Mapped[datetime | None]
    colour_or_none: Mapped[Colour | None]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))
    notes: Mapped[list[Any]]


class Note(BaseModel):
    """What the JSONB column holds: decimals as strings."""

    text: str
    price: Amount
    day: date


class PartRead(Read):
    price: Amount
    seen_at: datetime


class SpecimenRead(Stamped):
    name: str
    number: int
    amount: Amount
    day: date
    moment: datetime
    colour: Colour
    other: UUID
    flag: bool
    amount_or_none: Amount | None
    moment_or_none: datetime | None
    colour_or_none: Colour | None
    words: list[str]
    notes: list[Note]
    parts: list[PartRead]


SORTS = ("name", "number", "amount", "day", "moment", "colour", "other", "id")
SortName = Literal[
    "name", "-name", "number", "-number", "amount", "-amount", "day", "-day",
    "moment", "-moment", "colour", "-colour", "other", "-other", "id", "-id",
]  # fmt: skip


class SpecimenQuery(Query):
    sort: SortName = "name"


class Specimens(Repository[Any]):
    model = Specimen
    schema = SpecimenRead
    noun = "specimen"
    sorts: ClassVar = {name: getattr(Specimen, name) for name in SORTS}

    @cached_property
    def computed(self) -> dict[str, Any]:
        part, whole = _as_ours(Part), _as_ours(Specimen)
        belongs = Part.specimen_id == Specimen.id
        return {"parts": json_list_of(PartRead, part, where=belongs, order_by=Part.price, parent=whole)}


def _as_ours(model: Any) -> type[Base]:
    return model  # type: ignore[no-any-return]


async def make_tables(where: AsyncSession | AsyncConnection) -> None:
    connection = where if isinstance(where, AsyncConnection) else await where.connection()
    await connection.run_sync(Apart.metadata.create_all)
