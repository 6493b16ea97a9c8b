"""Imports of files: how far each has come, so that one that was killed goes on where it stopped."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, Identified


class ImportRun(Identified, Base):
    """A file that is being imported, or was.

    `position` is how many of its records are done, committed together with what they became. The digests say which
    file and which mapping: the same two again go on with what is unfinished. `rejects_bytes` is how long the file of
    rejected rows was then.
    """

    __tablename__ = "imports"

    kind: Mapped[str]
    file_name: Mapped[str]
    file_digest: Mapped[str]
    mapping_digest: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    rejects_bytes: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_imports_unfinished",
            "kind",
            "file_digest",
            "mapping_digest",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
    )
