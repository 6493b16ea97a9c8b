"""One request of a history: what is sent, how often, what may be answered, and which events have to tell of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from httpx import AsyncClient, Response

from app.kernel import clock
from tests.soak.histories.seen import Seen
from tests.soak.histories.story import Story

STALE = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What goes over the wire; `version` is the one that If-Match names."""

    path: str
    body: Any = None
    method: str = "POST"
    params: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The events that a success tells: exactly these, and any number of those `beside`; nothing at all if `or_none`."""

    exactly: Mapping[str, int] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()
    or_none: bool = False

    def fits(self, types: Sequence[str]) -> bool:
        counted = Counter(each for each in types if each not in self.beside)
        return counted == self.exactly or (self.or_none and not types)


class Operation:
    """Something that somebody asks of the service. A dataclass, so that a failing history can be read and replayed."""

    refusals: ClassVar[frozenset[int]] = frozenset()
    """The statuses, beside success, that the state of things may give reason for."""
    answers_stale: ClassVar[bool] = False
    """What was done already is answered again, whatever If-Match says."""
    tells: ClassVar[Told] = Told()
    """What a success has to tell, where it does not depend on the answer."""

    def call(self, seen: Seen) -> Call | None:
        """What to send, as things stand; None when there is nothing yet to do it with."""
        raise NotImplementedError

    def told(self, _answer: Response) -> Told:
        """What a success with this answer has to tell."""
        return self.tells

    def agrees(self, body: Any, story: Story) -> None:
        """What was answered agrees with the story; asked only where nothing else happened meanwhile."""


class How(Enum):
    """How an operation is sent."""

    ONCE = "once"
    AGAIN = "again with the same Idempotency-Key"
    TWINS = "twice at once with the same Idempotency-Key"
    STALE = "with the If-Match of an older version"

    def __repr__(self) -> str:
        return f"How.{self.name}"


@dataclass(frozen=True)
class Sent:
    """A request that was made under `request_id`, and all answers to it."""

    operation: Operation
    how: How
    request_id: str
    call: Call
    answers: Sequence[Response]

    @property
    def successes(self) -> list[Response]:
        return [each for each in self.answers if each.is_success]


async def send(
    client: AsyncClient, operation: Operation, how: How, *, seen: Seen, request_id: str, at: datetime
) -> Sent | None:
    """Send the operation at an instant of the history's own time; None when there is nothing to do it with."""
    call = operation.call(seen)
    if call is None:
        return None
    headers = {"X-Request-Id": request_id}
    if call.version is not None:
        headers["If-Match"] = f'"v{call.version - (how is How.STALE)}"'
    if call.method == "POST" and how in {How.AGAIN, How.TWINS}:
        headers["Idempotency-Key"] = request_id

    async def once() -> Response:
        return await client.request(call.method, call.path, json=call.body, params=call.params, headers=headers)

    with clock.at(at):
        if "Idempotency-Key" not in headers:
            answers = [await once()]
        elif how is How.TWINS:
            answers = list(await asyncio.gather(once(), once()))
        else:
            answers = [await once(), await once()]
    return Sent(operation, how, request_id, call, answers)


def check(sent: Sent, types: Sequence[str]) -> None:
    """The answers are legitimate, a key did its work once, and the events (their types) are those of one success."""
    where = f"{sent.operation} {sent.how.value}: {[(each.status_code, each.text[:500]) for each in sent.answers]}"
    for answer in sent.answers:
        waits = answer.status_code == 409 and "idempotency-in-progress" in answer.text
        legitimate = answer.is_success or answer.status_code in sent.operation.refusals or waits
        assert legitimate, where
        assert "deadlock" not in answer.text, where
    if sent.how is How.STALE and sent.call.version is not None:
        assert sent.operation.answers_stale or {each.status_code for each in sent.answers} == {STALE}, where
    done = sent.successes
    if len(sent.answers) > 1 and done:
        assert sum("Idempotency-Replayed" not in each.headers for each in done) == 1, where
        assert len({(each.status_code, each.content, each.headers.get("ETag")) for each in done}) == 1, where
        assert sent.answers[-1] in done or sent.how is How.TWINS, where
    told = sent.operation.told(done[0]) if done else Told()
    assert told.fits(types), f"{where} told {sorted(types)}, not {told}"
