"""What `make run` prints, pasted into a shell against a running service."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.models import Account, PurchaseEntry
from app.cli.demo import welcome
from app.demo import keys
from app.kernel.settings import Settings
from app.leads.models import Lead
from app.leads.rules import LeadStatus
from app.main import create_app
from app.orders.models import Order, OrderLine, Shipment
from app.orders.rules import OrderStatus, ShipmentState
from app.supply.models import Receipt
from app.supply.promise import BasisKind
from app.supply.rules import ReceiptStatus
from tests.demo.conftest import Loaded


@asynccontextmanager
async def served(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running


async def paste(text: str) -> tuple[str, str]:
    """Standard output and error of a shell that is typed the text."""
    pipe = asyncio.subprocess.PIPE
    shell = await asyncio.create_subprocess_exec("bash", "--norc", stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(shell.communicate(text.encode()), 120)
    return out.decode(), err.decode()


async def test_every_call_of_the_readme_works_as_pasted(
    northwind_to_change: Loaded, settings: Settings, tmp_path: Path
) -> None:
    database = northwind_to_change.database
    await keys.ensure(database, tmp_path / "demo-keys")
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        typed = "set -eo pipefail\n" + "\n".join(blocks)
        typed = typed.replace("127.0.0.1:8000", f"127.0.0.1:{listener.getsockname()[1]}")
        async with served(create_app(settings, database), listener):
            said, errors = await paste(typed.replace(".data/demo-keys", str(tmp_path / "demo-keys")))
    assert errors == ""
    assert "urn:bellwether:problem" not in said
    assert said.splitlines()[-1] == "order.created"
    assert "completed" in said.splitlines()


async def test_every_printed_call_works_as_pasted(
    northwind_to_change: Loaded, settings: Settings, tmp_path: Path
) -> None:
    database = northwind_to_change.database
    demo_keys = await keys.ensure(database, tmp_path / "demo-keys")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        printed = welcome(settings.model_copy(update={"port": listener.getsockname()[1]}), demo_keys)
        typed = printed[printed.index("\nAPI=") :]
        async with served(create_app(settings, database), listener):
            first, errors = await paste(typed)
            assert errors == ""
            again, errors = await paste(f"sleep 1.1\n{typed}")  # another lead, in another second
            assert errors == ""
    assert len(first.splitlines()) == len(re.findall(r"^curl", typed, re.MULTILINE)) == len(again.splitlines())

    async with database.transaction() as session:
        leads = (await session.scalars(select(Lead).order_by(Lead.created_at))).all()
        assert [(lead.status, lead.company) for lead in leads] == [(LeadStatus.CONVERTED, "Lunds Delikatesser")] * 2
        for lead in leads:
            order = (await session.scalars(select(Order).where(Order.lead_id == lead.id))).one()
            assert (order.status, order.shipment_state) == (OrderStatus.COMPLETED, ShipmentState.DELIVERED)
            assert order.account_id == lead.account_id
            lines = await session.scalars(
                select(OrderLine.basis).where(OrderLine.order_id == order.id).order_by(OrderLine.line_no)
            )
            assert list(lines) == [BasisKind.STOCK, BasisKind.PRODUCTION]
            shipments = (await session.scalars(select(Shipment).where(Shipment.order_id == order.id))).all()
            assert [shipment.delivered_at is not None for shipment in shipments] == [True, True]
            entry = (await session.scalars(select(PurchaseEntry).where(PurchaseEntry.order_id == order.id))).one()
            assert (entry.account_id, entry.amount) == (order.account_id, order.net_amount)
            account = await session.get_one(Account, order.account_id)
            assert (account.open_exposure, account.credit_limit) == (Decimal(0), Decimal(5000))
        receipts = (await session.scalars(select(Receipt).where(Receipt.source == "mes"))).all()
        assert [receipt.status for receipt in receipts] == [ReceiptStatus.RECEIVED] * 2
