"""Which value of each field a merged record keeps. Pure: no I/O."""

from collections.abc import Mapping
from typing import Any

from app.duplicates.rules import Kind, Side

Columns = Mapping[str, Any]

_WITH: Mapping[str, tuple[str, ...]] = {
    "person_name": ("person_name", "person_key"),
    "telephone": ("telephone", "telephone_e164"),
    "estimated_value": ("estimated_value", "estimated_currency"),
    "next_step": ("next_step", "next_step_on"),
}  # columns that mean nothing apart


def _fields(names: str, **differing: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    return {name: differing.get(name) or (name,) for name in names.split()}


FIELDS: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    Kind.LEADS: _fields(
        "person_name job_title company company_size email telephone country website source campaign offer interest"
        " product_skus message estimated_value attributes interest_level intention horizon_months budget authority need"
        " owner_id next_step",
        **_WITH,
    ),
    Kind.CONTACTS: _fields(
        "name job_title department email telephone language decision_maker active", telephone=_WITH["telephone"]
    ),
    Kind.ACCOUNTS: _fields(
        "name type industry size key_account parent_id owner_id email telephone website billing_address"
        " delivery_address price_list_id payment_terms_days credit_limit group_credit_limit next_step",
        next_step=_WITH["next_step"],
    ),
}
"""The fields that a merge's `keep` may name, by kind, with their columns."""

_MEANT = frozenset({"price_list_id", "credit_limit", "group_credit_limit"})  # where empty says something as well
_BLANK: tuple[Any, ...] = (None, "", [], {}, "unknown")


def united(kind: Kind, this: Columns, other: Columns, keep: Mapping[str, Side]) -> dict[str, Any]:
    """The columns of the surviving record that change.

    What `keep` does not name stays, is filled from the other where it is empty, and where it holds many (products,
    attributes) gets the other's besides.
    """
    changed: dict[str, Any] = {}
    for name, columns in FIELDS[kind].items():
        changed |= {
            column: value
            for column, value in _field(name, columns, this, other, keep.get(name)).items()
            if this[column] != value
        }
    return changed


def _field(name: str, columns: tuple[str, ...], this: Columns, other: Columns, side: Side | None) -> dict[str, Any]:
    if side is Side.THIS:
        return {}
    if side is Side.OTHER:
        return {column: other[column] for column in columns}
    if name == "product_skus":
        return {name: list(dict.fromkeys([*this[name], *other[name]]))}
    if name == "attributes":
        return {name: {**other[name], **this[name]}}
    if this[columns[0]] in _BLANK and name not in _MEANT:
        return {column: other[column] for column in columns}
    return {}
