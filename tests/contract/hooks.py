"""What schemathesis cannot know by itself; it loads this file in its own process.

A random version or a key used before would end nearly every request at the door. So If-Match, where it has the form of
an ETag, becomes the resource's present one three times in four, and an Idempotency-Key becomes a new one as often.
"""

import re
from itertools import count
from typing import Any

import httpx
import schemathesis
from schemathesis import Case, HookContext
from schemathesis.generation.meta import TestPhase

_TURN = count()
_ETAG = re.compile(r'(W/)?"v[0-9]{1,18}"')


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    turn = next(_TURN)
    by_plan = (
        case.meta is None or case.meta.phase.name is TestPhase.COVERAGE
    )  # what is missing then, is missing on purpose
    if turn % 4 == 0 or case.headers is None or by_plan:
        return
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and 0 < len(key) < 200 and key.isprintable():
        case.headers["Idempotency-Key"] = f"{key}-{turn}"
    if _ETAG.fullmatch(str(case.headers.get("If-Match"))):
        present = _present(case)
        if present is not None:
            case.headers["If-Match"] = present


def _present(case: Case[Any]) -> str | None:
    """The ETag of the resource below which the operation is."""
    resource = "/".join(case.formatted_path.split("/")[: 6 if case.method == "DELETE" else 4])
    headers = case.operation.schema.config.headers
    answer = httpx.get(f"{str(case.operation.base_url).rstrip('/')}{resource}", headers=headers)
    present: str | None = answer.headers.get("ETag")
    return present
