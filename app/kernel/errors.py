"""The tree of refusals. Each is mapped once, in `problems.py`, to an RFC 9457 problem.

Refusal
├── Malformed             400  the request cannot be read at all
├── Unauthenticated       401  no key, or one that is unknown, expired or revoked
├── Forbidden             403  the key lacks the permission
├── NotFound              404  no such resource, or none that the caller may see
├── TooSlow               408  the request did not come in time
├── Conflict              409  the resource's present state does not allow it
│   ├── InProgress        409  a twin with the same Idempotency-Key is still running
│   └── Moved             409  the resource was merged into another, whose id is told
├── PreconditionFailed    412  If-Match names a version that is no longer the latest
├── TooLarge              413  the body is larger than the service takes
├── UnsupportedMedia      415  the body is not sent as JSON
├── Invalid               422  fields are wrong; `errors` names each
├── PreconditionRequired  428  If-Match is missing
└── Unavailable           503  try again after `retry_after` seconds
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place: a JSON pointer (or a parameter's name), a stable code, and what to do."""

    pointer: str
    code: str
    detail: str


def pointer_of(path: Sequence[int | str]) -> str:
    """The JSON pointer (RFC 6901) of a path into a body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The request is answered with a problem instead of what it asked for."""

    status: ClassVar[int]
    type: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class Malformed(Refusal):
    status, type, title = 400, "malformed", "The request cannot be read"


class Unauthenticated(Refusal):
    status, type, title = 401, "unauthenticated", "No valid API key"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Refusal):
    status, type, title = 403, "forbidden", "The key lacks the permission"


class NotFound(Refusal):
    status, type, title = 404, "not-found", "No such resource"


class TooSlow(Refusal):
    status, type, title = 408, "too-slow", "The request came too slowly"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Connection": "close"})


class Conflict(Refusal):
    status, type, title = 409, "conflict", "The present state does not allow it"


class InProgress(Conflict):
    type, title = "idempotency-in-progress", "A request with this Idempotency-Key is still running"


class Moved(Conflict):
    type, title = "moved", "The resource was merged into another"

    def __init__(self, noun: str, old: object, new: object, path: str) -> None:
        super().__init__(f"{noun} {old} was merged into {new}: use that id", headers={"Location": f"{path}/{new}"})


class PreconditionFailed(Refusal):
    status, type, title = 412, "stale", "The resource has changed since it was read"


class TooLarge(Refusal):
    status, type, title = 413, "too-large", "The body is too large"


class UnsupportedMedia(Refusal):
    status, type, title = 415, "unsupported-media", "The body is not sent as JSON"


class Invalid(Refusal):
    status, type, title = 422, "invalid", "Some fields are wrong"

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> "Invalid":
        """One wrong field."""
        return cls(detail, errors=[FieldError(pointer, code, detail)])


class PreconditionRequired(Refusal):
    status, type, title = 428, "if-match-required", "If-Match is missing"


class Unavailable(Refusal):
    status, type, title = 503, "unavailable", "Not available just now"

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class StartOver(Unavailable):
    """What was to be decided on has changed while this waited: the request is done anew, from its transaction on."""

    def __init__(self) -> None:
        super().__init__("others change the same at the same moment: try again")
