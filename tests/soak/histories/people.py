"""What was said about being contacted, followed sentence by sentence, beside what leads and contacts show."""

from collections import defaultdict
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text

from app.kernel.statement import Reader
from tests.orders.factories import ok

_SAID = text(
    "SELECT CAST(lead_id AS text) AS lead, CAST(contact_id AS text) AS contact, purpose, channel, granted, evidence"
    " FROM consents ORDER BY at, NOT granted, id"
)


def follow(standing: bool | None, *, granted: bool, evidence: str | None) -> bool:
    """What stands after one more sentence: a withdrawal, until there is a newer grant with evidence."""
    if not granted:
        return False
    return evidence is not None or standing is not False


async def check(reader: Reader, client: AsyncClient) -> None:
    """Leads and contacts show what stands, no more and no less."""
    stands: defaultdict[str, dict[Any, bool | None]] = defaultdict(dict)
    for row in (await reader.execute(_SAID)).all():
        for whose in filter(None, (row.lead, row.contact)):
            about = row.purpose, row.channel
            before = stands[whose].get(about)
            stands[whose][about] = follow(before, granted=row.granted, evidence=row.evidence)
    for kind in ("leads", "contacts"):
        for each in ok(await client.get(f"/v1/{kind}", params={"limit": 200}))["data"]:
            shown = {(one["purpose"], one["channel"]): one["granted"] for one in each["consents"]}
            assert shown == stands[each["id"]], f"{kind} {each['id']} shows {shown}, but {stands[each['id']]}"
