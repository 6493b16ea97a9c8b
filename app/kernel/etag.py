"""ETag and If-Match: a resource's version, so that two people never overwrite each other unseen."""

import re

from app.kernel.errors import Invalid, PreconditionRequired

FORM = r'^(W/)?"v([0-9]{1,18})"$'
"""An ETag of ours, as sent back in If-Match."""


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"v{version}"'


def expected_version(if_match: str | None) -> int:
    """The version that an If-Match header names.

    Raises:
        PreconditionRequired: the header is missing.
        Invalid: it is no ETag of ours.

    """
    if if_match is None:
        raise PreconditionRequired("send the ETag of the version you read as If-Match")
    match = re.match(FORM, if_match.strip())
    if match is None:
        raise Invalid.at("If-Match", "etag", 'must be an ETag as answered, such as "v3"')
    return int(match[2])
