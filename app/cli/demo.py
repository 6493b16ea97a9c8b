"""`bellwether run`: everything on this machine, with the demo, for somebody who has just arrived."""

from importlib.resources import files

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.ground import CannotStart
from app.demo import keys, loader
from app.demo.loader import DemoRefused, Summary
from app.kernel.auth import Role
from app.kernel.db import Database
from app.kernel.settings import Settings


async def load(settings: Settings, database: Database) -> Summary:
    """Load what is missing of the demo, with a progress bar on standard error."""
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        try:
            return await loader.load(database, settings, show)
        except DemoRefused as refused:
            raise CannotStart(str(refused)) from None


def report(summary: Summary) -> str:
    """What a load did, in one line."""
    if not summary.loaded:
        return "the demo was there already: nothing has been added"
    return (
        f"loaded {summary.staff} staff, {summary.products} products, {summary.accounts} accounts, "
        f"{summary.opportunities} opportunities, {summary.completed} completed orders and {summary.confirmed} open ones"
    )


async def prepared(settings: Settings, database: Database) -> dict[Role, str]:
    """Load the demo into an empty database; returns the demo's keys."""
    if await loader.is_empty(database):
        await load(settings, database)
    try:
        return await keys.ensure(database, settings.data_dir / "demo-keys")
    except PermissionError as error:
        raise CannotStart(f"{error.filename} is somebody else's: delete it, and new keys are made") from None


def welcome(settings: Settings, demo_keys: dict[Role, str]) -> str:
    """What a newcomer sees once the service answers. From `API=` on it can be pasted into a shell."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - only compared
    address = f"http://{host}:{settings.port}"
    walk = files("app.demo").joinpath("walk.sh").read_text(encoding="utf-8")
    return f"""
Bellwether is running. Its description: {address}/docs
The keys are kept in {settings.data_dir / "demo-keys"}. Ctrl-C stops everything; the data stays.
Paste this into another terminal to walk the main job, from a lead to a delivery:

API={address}/v1
{keys.assignments(demo_keys)}
{walk}"""
