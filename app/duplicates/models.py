"""Tables of possible duplicates, of how far they have been looked for, and of what was merged."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.duplicates.rules import Kind, PairStatus
from app.kernel import clock
from app.kernel.db import Base, Identified, Stored


class DuplicatePair(Stored, Base):
    """Two records that may be one; `left_id` is the smaller id. `reasons` are `rules.Reason`.

    `decided_at`, `decided_by` (an API key's name) and `note` are of whoever dismissed it or merged the two.
    """

    __tablename__ = "duplicate_pairs"

    kind: Mapped[Kind]
    left_id: Mapped[UUID]
    right_id: Mapped[UUID]
    score: Mapped[int]
    reasons: Mapped[list[Any]]
    status: Mapped[PairStatus] = mapped_column(default=PairStatus.OPEN)
    found_at: Mapped[datetime] = mapped_column(default=clock.now)
    note: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("left_id", "right_id"),
        CheckConstraint("left_id < right_id", name="in_order"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        Index("ix_duplicate_pairs_right", "right_id"),
        Index("ix_duplicate_pairs_score", "score", "id"),
        Index("ix_duplicate_pairs_found_at", "found_at", "id"),
        Index("ix_duplicate_pairs_status_score", "status", "score", "id"),
        Index("ix_duplicate_pairs_status_found_at", "status", "found_at", "id"),
        Index("ix_duplicate_pairs_kind_score", "kind", "score", "id"),
        Index("ix_duplicate_pairs_kind_found_at", "kind", "found_at", "id"),
        Index("ix_duplicate_pairs_kind_status_score", "kind", "status", "score", "id"),
    )


class DuplicateKey(Base):
    """A record's blocking key, hashed: records that share one are compared."""

    __tablename__ = "duplicate_keys"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)

    __table_args__ = (Index("ix_duplicate_keys_record", "record_id"),)


class DuplicateScan(Base):
    """How far somebody has looked: `news` by the position in the feed of events, each kind by its last id.

    A pass over a whole kind that is at work has no `finished_at`. Its row is the lock of who goes on.
    """

    __tablename__ = "duplicate_scans"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int | None]
    after_id: Mapped[UUID | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    compared: Mapped[int] = mapped_column(default=0)
    skipped_blocks: Mapped[int] = mapped_column(default=0)


class Merge(Stored, Base):
    """A record that became part of another; `created_at` is when.

    `before` and `after` are the survivor's fields that changed, `tombstone` the merged one's that were overwritten; all
    as JSON by column. What referred to the merged one is in `MergeRow`.
    """

    __tablename__ = "merges"

    kind: Mapped[Kind]
    survivor_id: Mapped[UUID]
    merged_id: Mapped[UUID]
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)
    tombstone: Mapped[dict[str, Any]] = mapped_column(JSONB)
    merged_by: Mapped[str]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    kept_since: Mapped[list[str] | None] = mapped_column(ARRAY(Text))

    __table_args__ = (
        Index("uq_merges_merged", "merged_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_merges_created_at", "created_at", "id"),
        Index("ix_merges_kind", "kind", "created_at", "id"),
        Index("ix_merges_survivor", "survivor_id", "created_at", "id"),
        Index("ix_merges_merged", "merged_id", "created_at", "id"),
    )


class MergeRow(Identified, Base):
    """A row that a merge changed: the column `link` (`table.column`) of the row with this primary key.

    `before` is what the column held, `after` what it was given; `removed` is the whole row where the survivor had the
    same already.
    """

    __tablename__ = "merge_rows"

    merge_id: Mapped[UUID] = mapped_column(ForeignKey("merges.id", ondelete="CASCADE"))
    link: Mapped[str]
    key: Mapped[dict[str, Any]] = mapped_column(JSONB)
    before: Mapped[UUID | None]
    after: Mapped[UUID | None]
    removed: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (Index("ix_merge_rows_merge", "merge_id", "link"),)
