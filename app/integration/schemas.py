"""What is asked and answered about events: one schema for each type, told apart by `type`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.integration.catalogue import EVENTS, PERMISSIONS, SUBJECTS
from app.kernel.outbox import Event, envelope
from app.kernel.pagination import Page
from app.kernel.schema import Query

# The closed lists come from the catalogue, which no type checker reads.
if TYPE_CHECKING:
    EventType = str
else:
    EventType = Literal[tuple(PERMISSIONS)]

ENVELOPES = {event: envelope(event) for event in EVENTS}
_HEX = "[0-9a-fA-F]"
_SUBJECT = rf"^({'|'.join(SUBJECTS)})/{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}$"
_LONGEST_WAIT = 30


def _union(events: tuple[type[Event], ...]) -> Any:
    envelopes = tuple(ENVELOPES[event] for event in events)
    if len(envelopes) == 1:
        return envelopes[0]
    return Annotated[Union[envelopes], Field(discriminator="type")]  # noqa: UP007 - made of a tuple


class EventQuery(BaseModel):
    """Where to go on in the feed, and what to leave out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(
        0, ge=0, lt=2**63, description="`next_after` of the answer before; 0 starts with the first event."
    )
    type: list[EventType] = Field(
        default_factory=list,
        max_length=100,
        description="Only these types; repeat it for several. Without it, all that the key may read.",
        examples=[["order.confirmed", "order.cancelled"]],
    )
    subject: str | None = Field(
        None,
        pattern=_SUBJECT,
        description="Only what happened to this: an event's `subject`.",
        examples=["orders/0198c1de-0000-7000-8000-000000000000"],
    )
    limit: int = Field(100, ge=1, le=1000, description="Most events to answer.")
    wait: int = Field(
        0,
        ge=0,
        le=_LONGEST_WAIT,
        description="Seconds to wait for an event when there is none. The answer may come sooner, with none.",
    )

    def about(self) -> tuple[str, UUID] | None:
        """The subject as kind and id."""
        if self.subject is None:
            return None
        kind, identity = self.subject.split("/")
        return kind, UUID(identity)


class _EventPage(BaseModel):
    """Events in the order of the feed. Poll with `next_after`: it moves on past events that are filtered out."""

    model_config = ConfigDict(frozen=True)

    data: list[Any]
    next_after: int = Field(description="The position to go on after.", examples=[4711])
    has_more: bool = Field(description="More is there already: ask again at once.")


def _with_data(base: type[BaseModel], name: str, events: tuple[type[Event], ...]) -> type[BaseModel]:
    items: Any = list
    return create_model(name, __base__=base, __doc__=base.__doc__, data=(items[_union(events)], ...))


EventPage = _with_data(_EventPage, "EventPage", EVENTS)


class HistoryQuery(Query):
    """Which part of a history."""

    sort: Literal["time", "-time"] = Field("-time", description="Oldest or newest first, in the order of writing.")


class _History(Page[Any]):
    """What happened to one resource: who changed what, when and with which key."""


def history_of(subject_type: str) -> type[BaseModel]:
    """The page of events about one kind of subject."""
    events = tuple(event for event in EVENTS if event.subject_type == subject_type)
    return _with_data(_History, f"{subject_type.title().replace('-', '')}History", events)
