"""`bellwether import` and `bellwether export`: files in and out."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from app.cli.ground import CannotStart
from app.kernel.company import Company
from app.kernel.db import Database, Undecided
from app.kernel.settings import Settings
from app.transfer import exporting, importing
from app.transfer.exports import EXPORTS
from app.transfer.importing import Busy, Request, Summary
from app.transfer.kinds import KINDS
from app.transfer.mapping import read_mapping
from app.transfer.reading import BadFile, Format, format_of

BAD_FILE = 2
"""How the command ends when the file or the mapping cannot be used."""


@contextmanager
def or_say() -> Iterator[None]:
    """A file that cannot be used ends the command with one line and code 2."""
    try:
        yield
    except BadFile as error:
        typer.echo(f"bellwether: {error}", err=True)
        raise typer.Exit(BAD_FILE) from None


def request(
    kind: str,
    file: Path,
    *,
    mapping: Path | None,
    given: Format | None,
    delimiter: str | None,
    rejects: Path | None,
    dry_run: bool,
    restart: bool,
    raw: bool,
    chunk: int,
) -> Request:
    """What the command line asks for, as far as it can be known without the database."""
    with or_say():
        rules = read_mapping(mapping)
        return Request(
            kind=KINDS[kind],
            file=file,
            format=format_of(file, given),
            mapping=rules,
            delimiter=_delimiter(delimiter or rules.delimiter or ","),
            rejects=rejects,
            dry_run=dry_run,
            restart=restart,
            raw=raw,
            chunk=chunk,
        )


def _delimiter(given: str) -> str:
    found = {"tab": "\t", "\\t": "\t"}.get(given, given)
    if len(found) != 1 or found in '"\r\n':
        raise BadFile(f"the delimiter is one character, or tab, not {given!r}")
    return found


async def exported(
    kind: str, output: Path | None, *, written: Format, delimiter: str, raw: bool, where: list[str], database: Database
) -> int:
    """Export to a file, which is there when it is whole, or to standard output; returns how many rows."""
    wanted = dict(_pair(each) for each in where)
    if output is None:
        return await exporting.export(
            database, EXPORTS[kind], sys.stdout.buffer, written=written, delimiter=delimiter, raw=raw, where=wanted
        )
    part = output.with_name(f"{output.name}.part")
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    try:
        with (
            Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars,
            part.open("wb") as file,
        ):
            task = bars.add_task(f"{kind} to {output.name}", total=None)
            count = await exporting.export(
                database, EXPORTS[kind], file, written=written, delimiter=delimiter, raw=raw, where=wanted,
                progress=lambda done: bars.update(task, completed=done),
            )  # fmt: skip
        part.replace(output)
    except OSError as error:
        raise BadFile(f"cannot write {output} ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _pair(condition: str) -> tuple[str, str]:
    name, equals, value = condition.partition("=")
    if not equals:
        raise BadFile(f"--where says NAME=VALUE, not {condition!r}")
    return name, value


def export(
    kind: str, output: Path | None, *, given: Format | None, delimiter: str | None, raw: bool, where: list[str]
) -> Callable[[Database], Coroutine[Any, Any, int]]:
    """What the command line asks for, to be done on the database."""
    with or_say():
        written = given or (format_of(output, None) if output is not None else "csv")
        between = _delimiter(delimiter or ",")
        for each in where:
            _pair(each)

    async def act(database: Database) -> int:
        with or_say():
            return await exported(
                kind, output, written=written, delimiter=between, raw=raw, where=where, database=database
            )

    return act


async def imported(settings: Settings, asked: Request, database: Database) -> Summary:
    """Import, with a progress bar on standard error when that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(f"{asked.kind.name} from {asked.file.name}", total=None)
        with or_say():
            try:
                return await importing.run(
                    database, Company.of(settings), asked, lambda done, of: bars.update(task, completed=done, total=of)
                )
            except Busy:
                raise CannotStart(f"{asked.file.name} is being imported already: wait for that to end") from None
            except (OSError, Undecided, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise CannotStart(
                    f"the database failed ({reason}): run the same command again, it goes on behind what was imported"
                ) from None


def report(asked: Request, summary: Summary) -> str:
    """What an import did, or would do."""
    lines = [f"{asked.kind.name} from {asked.file.name}" + (": a dry run, nothing is kept" if asked.dry_run else "")]
    if summary.resumed_at:
        lines.append(f"  went on behind row {summary.resumed_at:,}, where it was broken off")
    counted = ("read", "created", "updated", "unchanged", "rejected")
    lines += [f"  {name:<10}{getattr(summary, name):>12,}" for name in counted]
    lines.append(f"  {'rows/s':<10}{summary.rows_per_second:>12,.0f}")
    if summary.rejected:
        where = f"are in {asked.rejects}, with reasons" if asked.rejects else "are told with --rejects FILE"
        lines.append(f"  the rejected rows {where}")
    return "\n".join(lines)
