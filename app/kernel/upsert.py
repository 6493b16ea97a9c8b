"""Many rows that are added or changed, each found by what it is called: decided in memory, written at once.

A domain reads what its rows may be about (locked), takes them one after the other as if each were alone, and sends
what has come of it. So a row that stands twice in a batch changes what the first one made.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel
from uuid_utils.compat import uuid7

from app.kernel import clock, outbox
from app.kernel.bulk import Done, Outcome, Rejected
from app.kernel.db import Base
from app.kernel.errors import FieldError, Invalid, Refusal
from app.kernel.outbox import Change
from app.kernel.writes import Writes

Name: TypeAlias = tuple[str, ...]
"""What a row is called, of which kind first: `("number", "A-1")`."""

Row = TypeVar("Row", bound=BaseModel)


def rejected(refusal: Refusal) -> Rejected:
    """The refusal of a row."""
    return Rejected(refusal.errors or (FieldError("", refusal.type, refusal.detail),))


def one_by_one(rows: Sequence[Row | Rejected], take: Callable[[Row], tuple[Outcome, UUID]]) -> list[Done]:
    """What `take` makes of each row; one that it refuses (before it changes anything) is rejected."""
    done: list[Done] = []
    for row in rows:
        if isinstance(row, Rejected):
            done.append(row)
            continue
        try:
            done.append(take(row))
        except Invalid as refusal:
            done.append(rejected(refusal))
    return done


def also_updated(done: Iterable[Done], ids: Container[UUID]) -> list[Done]:
    """What became of the rows, when something else of these has changed as well."""
    return [
        (Outcome.UPDATED, each[1])
        if not isinstance(each, Rejected) and each[0] is Outcome.UNCHANGED and each[1] in ids
        else each
        for each in done
    ]


def survivors(stored: Sequence[Mapping[str, Any]]) -> dict[UUID, UUID]:
    """What rows that were merged into others are now, by their id."""
    return {row["id"]: row["merged_into_id"] for row in stored if row["merged_into_id"] is not None}


class Book:
    """The rows of a table that a batch is about, as the rows so far left them."""

    def __init__(self, model: type[Base], stored: Iterable[Mapping[str, Any]], names: Mapping[Name, UUID]) -> None:
        self.rows = {row["id"]: dict(row) for row in stored}
        self._model = model
        self.names = dict(names)
        self._stored = frozenset(self.rows)
        self._changed: set[UUID] = set()
        self._fields: set[str] = set()

    def find(self, names: Mapping[Name, str]) -> UUID | None:
        """The row that has these names, of which each knows its field; None when nobody has any of them.

        Raises:
            Invalid: they are those of different rows.

        """
        found: UUID | None = None
        for name, field in names.items():
            this = self.names.get(name)
            if found is not None and this not in (None, found):
                raise Invalid.at(f"/{field}", "taken", f"{' '.join(name)} is another one's than the row names before")
            found = found or this
        return found

    def name(self, identity: UUID, names: Iterable[Name]) -> list[Name]:
        """Call the row so from now on; returns the names that are new."""
        new = [name for name in names if name not in self.names]
        self.names.update(dict.fromkeys(new, identity))
        return new

    def create(self, values: Mapping[str, Any]) -> UUID:
        """Add a row; what `values` leaves out is as the model says."""
        now, identity = clock.now(), uuid7()
        stamps = {"id": identity, "version": 1, "created_at": now, "updated_at": now}
        self.rows[identity] = _blank(self._model) | dict(values) | stamps
        return identity

    def change(
        self, identity: UUID, values: Mapping[str, Any], *, personal: Iterable[str] = (), also: bool = False
    ) -> tuple[Change, ...]:
        """Set values on a row; returns what they change, and changes nothing when that is nothing.

        `also`: something else of it changes, and it gets a new version for that.
        """
        row = self.rows[identity]
        changes = outbox.difference(row, values, personal=tuple(personal))
        if changes or also:
            if identity in self._stored and identity not in self._changed:
                row |= {"version": row["version"] + 1, "updated_at": clock.now()}
            row |= values
            self._changed.add(identity)
            self._fields |= {change.field for change in changes}
        return changes

    def is_stored(self, identity: UUID) -> bool:
        """Whether the row was there before the batch."""
        return identity in self._stored

    def write(self, writes: Writes) -> None:
        """Write what is new and what has changed."""
        writes.insert(self._model, [row for identity, row in self.rows.items() if identity not in self._stored])
        columns = ["id", "version", "updated_at", *sorted(self._fields)]
        changed = [self.rows[identity] for identity in self._stored if identity in self._changed]
        writes.update(self._model, [{name: row[name] for name in columns} for row in changed])


def _blank(model: type[Base]) -> dict[str, Any]:
    """The columns of a new row, with the model's plain defaults; those that only the database knows are left to it."""
    plain = {c.name: c.default.arg for c in model.__table__.columns if c.default is not None and c.default.is_scalar}
    empty = (column.name for column in model.__table__.columns if column.server_default is None)
    return dict.fromkeys(empty) | plain
