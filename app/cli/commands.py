"""What `bellwether` can be told to do. Each command imports what it does, so that a worker reads no routes."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from app.cli import tokens
from app.cli.ground import CannotStart, database, demand_schema, listening, migrated
from app.kernel.auth import ROLES, Permission, Role
from app.kernel.db import Database
from app.kernel.embedded import EmbeddedUnavailable
from app.kernel.logs import configure_logging
from app.kernel.settings import Settings

T = TypeVar("T")


class _Commands(TyperGroup):
    """Commands that end with one line saying what to do, where a traceback would help nobody."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None
        except ValidationError as error:
            problem = error.errors()[0]
            message = f"BELLWETHER_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
        except (CannotStart, EmbeddedUnavailable) as error:
            message = str(error)
        typer.echo(f"bellwether: {message}", err=True)
        raise typer.Exit(1)


cli = typer.Typer(
    cls=_Commands,
    help="A sales department as an API. Settings are environment variables: BELLWETHER_DATABASE_URL, …",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _settings(**given: object) -> Settings:
    """The settings, with what the command line gave."""
    return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


@cli.command()
def run() -> None:
    """Start everything on this machine, with the demo; or, with BELLWETHER_DATABASE_URL, what `serve` does."""
    if _settings().database_url is not None:
        serve()
        return

    from app.cli import demo, serving

    settings = _settings()
    if "log_format" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_format": "console"})
    configure_logging(settings)
    with listening(settings) as listener, database(settings) as url:
        migrated(url)
        keys = asyncio.run(_connected(settings, url, partial(demo.prepared, settings)))
        settings = settings.model_copy(update={"database_url": url})
        serving.serve(settings, listener, lambda: typer.echo(demo.welcome(settings, keys)))


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the API, on a database that `bellwether migrate` has prepared."""
    from app.cli import serving

    settings = _settings(host=host, port=port)
    configure_logging(settings)
    with listening(settings) as listener, database(settings) as url:
        demand_schema(url)
        serving.serve(settings.model_copy(update={"database_url": url}), listener)


@cli.command()
def worker() -> None:
    """Do the jobs that requests leave behind, and nothing else."""
    from app.worker import work

    settings = _settings()
    configure_logging(settings)
    with database(settings) as url:
        demand_schema(url)
        asyncio.run(work(settings, url))
        signal.alarm(0)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to this release."""
    with database(_settings()) as url:
        typer.echo(f"the schema is {migrated(url)}")


@cli.command("demo")
def load_demo() -> None:
    """Load the demo into the database; a second time adds nothing."""
    from app.cli import demo

    typer.echo(demo.report(_with_database(partial(demo.load, _settings()))))


FileKind = Literal["staff", "products", "prices", "accounts", "contacts", "leads", "opportunities"]
FileFormat = Literal["csv", "ndjson"]


@cli.command("import")
def import_file(
    kind: Annotated[FileKind, typer.Argument(help="What the rows are.")],
    file: Annotated[Path, typer.Argument(help="CSV with a header (.csv), or one JSON object a line (.ndjson).")],
    mapping: Annotated[
        Path | None, typer.Option(help="Which columns become which fields, and how; TOML, or JSON by its name.")
    ] = None,
    format_: Annotated[FileFormat | None, typer.Option("--format", help="If the name does not say it.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the cells of CSV; a comma if left out.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected rows go, each with its reason.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of the rows.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew what was broken off.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Keep the apostrophe before what looks like a formula.")] = False,
    chunk: Annotated[int, typer.Option(min=1, max=1000, help="Rows in one transaction.")] = 1000,
) -> None:
    """Import a file; killed and started again it goes on. Ends with 1 if rows were rejected, 2 for a bad file."""
    from app.cli import transfer

    asked = transfer.request(
        kind, file, mapping=mapping, given=format_, delimiter=delimiter, rejects=rejects,
        dry_run=dry_run, restart=restart, raw=raw, chunk=chunk,
    )  # fmt: skip
    summary = _with_database(partial(transfer.imported, _settings(), asked))
    typer.echo(transfer.report(asked, summary))
    if summary.rejected:
        raise typer.Exit(1)


@cli.command("export")
def export_file(
    kind: Annotated[FileKind, typer.Argument(help="What to export.")],
    output: Annotated[Path | None, typer.Option(help="Where to; standard output if left out.")] = None,
    format_: Annotated[FileFormat | None, typer.Option("--format", help="By the name, or else CSV.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the cells of CSV; a comma if left out.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="No apostrophe before what a spreadsheet would calculate.")
    ] = False,
    where: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: only rows with it; repeat for more.")] = None,
) -> None:
    """Export what can be imported; imported again, it changes nothing."""
    from app.cli import transfer

    count = _with_database(
        transfer.export(kind, output, given=format_, delimiter=delimiter, raw=raw, where=where or [])
    )
    typer.echo(f"exported {count:,} {kind}", err=True)


@cli.command()
def openapi(
    file: Annotated[Path, typer.Option(help="Where the document is.")] = Path("openapi/openapi.json"),
    check: Annotated[bool, typer.Option("--check", help="Only say whether the file is current.")] = False,
) -> None:
    """Write the API description."""
    from app.main import create_app

    document = create_app(Settings()).openapi()
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if not check:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    elif not file.exists() or file.read_text(encoding="utf-8") != text:
        raise CannotStart(f"{file} is not what the code describes: run `make openapi`")


token = typer.Typer(help="API keys.", no_args_is_help=True)
cli.add_typer(token, name="token")


def _with_database(act: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """What `act` answers, on a database whose schema is right."""
    settings = _settings()
    with database(settings) as url:
        demand_schema(url)
        return asyncio.run(_connected(settings, url, act))


async def _connected(settings: Settings, url: str, act: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    connected = Database(settings, url)
    try:
        return await act(connected)
    finally:
        await connected.dispose()


@token.command("create")
def token_create(
    name: Annotated[str, typer.Argument(help="Who will use it; events name it as their actor.")],
    scope: Annotated[list[Permission] | None, typer.Option(help="What it may do; repeat for each.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="All that a consumer of this kind needs; repeatable.")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day, in UTC, on which it no longer works.")
    ] = None,
) -> None:
    """Make a key and print it: this once, since only its hash is kept."""
    scopes = {*(scope or ()), *(permission for each in role or () for permission in ROLES[each])}
    expires_at = expires.replace(tzinfo=UTC) if expires else None
    _, secret = _with_database(lambda database: tokens.create(database, name, sorted(scopes), expires_at))
    typer.echo(secret)


@token.command("list")
def token_list() -> None:
    """Show all keys, but for the secrets themselves."""
    from rich.console import Console
    from rich.table import Table

    keys = _with_database(tokens.listed)
    table = Table(box=None, pad_edge=False)
    for title in ("id", "name", "created", "expires", "revoked", "scopes"):
        table.add_column(title, no_wrap=title != "scopes")
    for key in keys:
        moments = (key.created_at, key.expires_at, key.revoked_at)
        shown = (f"{moment:%Y-%m-%d %H:%M}" if moment else "-" for moment in moments)
        table.add_row(str(key.id), key.name, *shown, " ".join(key.scopes))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


@token.command("revoke")
def token_revoke(name_or_id: Annotated[str, typer.Argument(help="The key's name or id.")]) -> None:
    """End a key; running services notice within five seconds."""
    for key in _with_database(lambda database: tokens.revoke(database, name_or_id)):
        typer.echo(f"revoked {key.name} ({key.id})")
