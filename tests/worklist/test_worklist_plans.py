"""Each part of a worklist is read in the order of its own index, from where that begins to no further than asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.kernel.settings import Settings
from app.worklist.rules import EntryKind
from tests.benchmarks.asking import identity
from tests.benchmarks.filling import fill
from tests.benchmarks.reading import nodes, reader
from tests.benchmarks.winning import FILLING
from tests.conftest import Server

_ROWS = 20_000
_INDEXES = {
    EntryKind.MEETING: ["ix_meeting_participants_planned"],
    EntryKind.NEXT_STEP: ["ix_leads_owner_next_step", "ix_accounts_owner_next_step", "ix_opportunities_next_step"],
    EntryKind.STRONG_LEAD: ["ix_leads_owner_strongest"],
    EntryKind.UNANSWERED_QUOTE: ["ix_opportunities_owner_close"],
    EntryKind.DECISION_MAKER: ["ix_opportunities_owner_close"],
}


@pytest.fixture(scope="module")
def filled(server: Server) -> Iterator[str]:
    name = server.clone()
    fill(server.database(name), _ROWS, filling=FILLING)
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


def _parts(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts below their limits, in the order of the statement."""
    appended = [node for node in nodes(plan) if node["Node Type"] == "Append"]
    if not appended:  # of one part alone: its own limit is the inner one of two
        return [[node for node in nodes(plan) if node["Node Type"] == "Limit"][1]]
    return [next(node for node in nodes(part) if node["Node Type"] == "Limit") for part in appended[0]["Plans"]]


def _driving(limit: dict[str, Any]) -> str:
    """The index in whose order a part is read; whatever else when it is not."""
    node = limit
    while "Index Name" not in node:
        below = [child for child in node.get("Plans", ()) if child["Parent Relationship"] in {"Outer", "Subquery"}]
        if "Sort" in node["Node Type"] or len(below) != 1:
            return f"{node['Node Type']}"
        (node,) = below
    return str(node["Index Name"]) if "Index Cond" in node else f"{node['Index Name']}, all of it"


@pytest.mark.parametrize("kind", [None, *EntryKind])
async def test_every_part_is_read_in_the_order_of_its_index(
    filled: str, settings: Settings, kind: EntryKind | None
) -> None:
    expected = [name for each, names in _INDEXES.items() for name in names if kind in {None, each}]
    asked = {"staff_id": identity("staff", 2)} | ({} if kind is None else {"kind": str(kind)})
    async with reader(filled, settings.data_dir) as found:
        _, sent = await found.ask("/v1/worklist", asked, limit=10)
        (statement,) = [each for each in sent if "AS entries" in each.text]
        plan = await found.plan(statement)
        assert [_driving(part) for part in _parts(plan)] == expected
        # Whatever is looked up beside is looked up by a key, but for the handful of stages.
        scanned = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
        assert scanned <= {"opportunity_stages"}
