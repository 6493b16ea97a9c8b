"""Whatever refers to a lead, a contact or an account is dealt with by a merge."""

import pytest
from sqlalchemy import Table, UniqueConstraint

from app import registry
from app.duplicates.fields import FIELDS
from app.duplicates.links import LINKS, LOCKED_BEFORE, OF_CUSTOMER
from app.duplicates.repository import MODELS
from app.duplicates.rules import Kind
from app.duplicates.schemas import AccountField, ContactField, LeadField

FOREIGN_KEYS = [
    (Kind(key.column.table.name), f"{table.name}.{key.parent.name}")
    for table in registry.metadata.tables.values()
    for key in table.foreign_keys
    if key.column.table.name in set(Kind)
]


@pytest.mark.parametrize("kind", Kind)
def test_every_foreign_key_is_dealt_with(kind: Kind) -> None:
    """Say in `links` what a merge does with a new one: move it, drop it where the survivor has the same, or let it."""
    there = {name for found, name in FOREIGN_KEYS if found is kind}
    assert there == {link.name for link in LINKS[kind]}
    assert set(LOCKED_BEFORE[kind]) <= there
    assert len(there) > 5


def _unique(table: Table) -> list[set[str]]:
    keys = [{column.name for column in table.primary_key}]
    keys += [{c.name for c in each.columns} for each in table.constraints if isinstance(each, UniqueConstraint)]
    return keys + [
        {str(getattr(each, "name", "")) for each in index.expressions} for index in table.indexes if index.unique
    ]


@pytest.mark.parametrize("kind", Kind)
def test_what_is_unique_with_the_record_is_not_moved_blindly(kind: Kind) -> None:
    for link in (*LINKS[kind], *OF_CUSTOMER):
        table = registry.metadata.tables[link.table]
        if any(link.column in columns for columns in _unique(table)) and link not in OF_CUSTOMER:
            assert link.same or link.single, link.name


def test_the_fields_to_keep_are_those_that_are_told() -> None:
    for kind, told in ((Kind.LEADS, LeadField), (Kind.CONTACTS, ContactField), (Kind.ACCOUNTS, AccountField)):
        assert set(FIELDS[kind]) == {str(field) for field in told}
        columns = {name for names in FIELDS[kind].values() for name in names}
        assert columns <= set(MODELS[kind].__table__.columns.keys())
