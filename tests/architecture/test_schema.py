"""Models, registry and migrations tell the same story."""

import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Enum, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from app import registry
from app.kernel import migrate
from app.kernel.db import Base, Stored, sync_url
from app.kernel.outbox import Event
from tests.conftest import Server

_JOBS = "procrastinate"  # the job queue's own tables, which its library describes


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    name = server.clone()
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


def difference(url: str) -> list[object]:
    """What autogenerate would write into a new migration, and check constraints, which it does not look at."""
    engine = create_engine(sync_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": _is_ours}
        found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=options), registry.metadata)
        for table in registry.metadata.sorted_tables:
            built = {check["name"] for check in inspect(connection).get_check_constraints(table.name)}
            meant = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint) and not _of_type(c)}
            found += [(table.name, each) for each in built ^ meant]
    engine.dispose()
    return found


def _of_type(check: CheckConstraint) -> bool:
    return getattr(check, "_type_bound", False)


def _is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return kind != "table" or not str(name).startswith(_JOBS)


def test_models_do_not_differ_from_the_migrated_schema(url: str) -> None:
    assert difference(url) == []


def test_down_to_nothing_and_up_again(url: str) -> None:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    migrate.downgrade(url, "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
        left = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('S', 'v', 'm')"
        assert connection.execute(text(left)).all() == []
        functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        assert connection.execute(text(functions)).all() == []
        types = "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')"
        assert connection.execute(text(types)).all() == []
    migrate.upgrade(url)
    assert difference(url) == []
    engine.dispose()


def test_the_registry_names_the_migrations() -> None:
    assert migrate.head() == registry.SCHEMA_VERSION
    assert migrate.older() == registry.OLDER_SCHEMAS


def test_every_mapped_class_is_in_the_registry() -> None:
    # The test of README's page makes a class of its own, whose module is gone again.
    mapped = {each.class_ for each in Base.registry.mappers if each.class_.__module__ in sys.modules}
    assert mapped == set(registry.MODELS)
    assert len(registry.MODELS) == len(set(registry.MODELS))


def test_every_name_of_a_constraint_fits() -> None:
    """PostgreSQL cuts names at 63 bytes, and a violation would no longer name its column."""
    for table in registry.metadata.tables.values():
        names = [str(each.name) for each in table.constraints] + [str(each.name) for each in table.indexes]
        assert [name for name in names if len(name) > 63] == []


def test_enumerations_are_text() -> None:
    """A native enumeration could not lose a value, and gains one only outside of a transaction."""
    for table in registry.metadata.tables.values():
        for column in table.columns:
            assert not (isinstance(column.type, Enum) and column.type.native_enum), column


def test_resources_have_versions() -> None:
    for model in registry.MODELS:
        if issubclass(model, Stored):
            assert model.__mapper__.version_id_col is not None, model


def test_events_have_types_of_their_own() -> None:
    found: list[type[Event]] = []

    def collect(base: type[Event]) -> None:
        for each in base.__subclasses__():
            if each.__module__.startswith("app.") and "type" in vars(each):
                found.append(each)
            collect(each)

    collect(Event)
    types = [each.type for each in found]
    assert len(types) == len(set(types)) > 2
    for each in found:
        assert each.__doc__, each
        assert each.type.count(".") >= 1, each
