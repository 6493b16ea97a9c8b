"""The database: tables' base, the two pools of connections, and the only place where a transaction ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
from asyncpg.transaction import Transaction
from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Enum,
    MetaData,
    Numeric,
    Text,
    Uuid,
    event,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from uuid_utils.compat import uuid7

from app.kernel import clock
from app.kernel.settings import Settings
from app.kernel.statement import Driver, driver_of


class Base(DeclarativeBase):
    """Base of every table. Constraint names are derived, so that a violation names its column."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        Decimal: Numeric,
        datetime: DateTime(timezone=True),
        date: Date,
        UUID: Uuid,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        StrEnum: Enum(
            StrEnum, native_enum=False, length=40, values_callable=lambda enum: [item.value for item in enum]
        ),
    }


class Identified:
    """Mixin: a UUIDv7 key made in the application, so that keys sort by time and nobody asks a sequence."""

    id: Mapped[UUID] = mapped_column(primary_key=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**{"id": uuid7(), **values})


class Stored(Identified):
    """Mixin of a resource: version (checked on every update, the ETag is made of it) and times."""

    version: Mapped[int] = mapped_column(nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        # SQLAlchemy's version counter: a lost update raises instead of overwriting.
        return {"version_id_col": cls.version}


def sync_url(url: str) -> URL:
    """The URL for psycopg: migrations and the job queue."""
    return make_url(url).set(drivername="postgresql+psycopg")


def conninfo(url: str) -> str:
    """The URL as the drivers themselves read it, whatever PostgreSQL scheme the operator wrote."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


_PLANNED_FOR = 10  # seconds: a plan made while a table was empty is bad when it has filled, which can be soon
_FAREWELL = 1.0  # seconds to end a connection in order


class _Connection(asyncpg.Connection):
    """A connection that is left within a second: one to a database that fell silent would never say goodbye."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the driver's signature
        await super().close(timeout=_FAREWELL)


def _renew_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Open a connection anew that PostgreSQL has closed while it idled: known here already, without a question."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _engine(settings: Settings, url: str, **parameters: str) -> AsyncEngine:
    """A pool of connections that commit by themselves: a transaction is begun and ended on the driver (see below)."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        connect_args={
            # The driver reads the whole URL: SQLAlchemy's dialect would refuse `sslmode` and its kind.
            "dsn": conninfo(url),
            "connection_class": _Connection,
            "timeout": settings.pool_timeout,
            "max_cached_statement_lifetime": _PLANNED_FOR,
            "server_settings": {
                "application_name": "bellwether",
                "timezone": "UTC",
                "jit": "off",
                # A page's rows come in order from an index; the planner takes them for easy to sort, few at a time.
                "enable_incremental_sort": "off",
                "statement_timeout": str(round(settings.statement_timeout * 1000)),
                "lock_timeout": str(round(settings.lock_timeout * 1000)),
                "idle_in_transaction_session_timeout": str(round(settings.request_timeout * 1000)),
                **parameters,
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _renew_closed)
    return engine


async def alone(session: AsyncSession, name: str) -> None:
    """Wait until nobody else does what has this name; nobody else does until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(literal(name)))))


class Undecided(Exception):  # noqa: N818 - names the state it reports
    """The connection was lost at the commit, which may have been done before its answer was lost."""


class _Turns:
    """Who waits for a connection gets it in the order of coming.

    The pool's own queue lets whoever asks at the right instant overtake, and sends those who waited to its end: under
    load some wait until their patience is over, while others are served at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._free = asyncio.Semaphore(settings.pool_size)
        self._patience = settings.pool_timeout

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._patience if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError:
            raise PoolTimeout(f"no connection was free within {self._patience} s") from None

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


class Database:
    """Connections of one process: sessions for transactions, and a pool of its own for single reads."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.url = url
        self._writers, self._readers = _Turns(settings), _Turns(settings)
        # What a transaction asks for it names by keys: planning it anew for each value costs more than it can gain.
        self.engine = _engine(settings, url, plan_cache_mode="force_generic_plan")
        self.reader = _engine(settings, url)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed when the block ends well, rolled back when it raises.

        It is the driver's own, so that a `Statement` costs no more than it must; the session works inside it.

        Raises:
            Undecided: nobody knows whether it was committed.

        """
        async with self._writers, _lent(self.engine) as connection:
            driver = driver_of(connection)
            transaction = driver.transaction()
            await transaction.start()
            try:
                async with session_on(connection) as session:
                    yield session
            except Exception:
                await _roll_back(transaction)
                raise
            await _commit(transaction, driver)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reads of one statement each: every statement sees what is committed by then."""
        async with self._readers, _lent(self.reader) as connection:
            yield connection

    async def dispose(self) -> None:
        await self.engine.dispose()
        await self.reader.dispose()


@asynccontextmanager
async def _lent(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool, which gets back only one that is fit for whoever comes next."""
    async with engine.connect() as connection:
        driver, given_up = driver_of(connection), True
        try:
            yield connection
            given_up = False
        except Exception:
            given_up = False
            raise
        finally:
            # Who gives up in the middle of a statement leaves an answer to come, for which the next one would wait.
            if given_up or driver.is_closed() or driver.is_in_transaction():
                await connection.invalidate()


async def _roll_back(transaction: Transaction) -> None:
    """A connection that does not let itself be rolled back in time is still in its transaction, and thrown away."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        async with asyncio.timeout(_FAREWELL):
            await transaction.rollback()


async def _commit(transaction: Transaction, driver: Driver) -> None:
    try:
        await transaction.commit()
    except Exception as error:
        if driver.is_closed():
            raise Undecided from error
        raise


@asynccontextmanager
async def session_on(connection: AsyncConnection, **options: Any) -> AsyncIterator[AsyncSession]:
    """A session inside the connection's transaction, whose objects are written when the block ends well."""
    session = AsyncSession(connection, expire_on_commit=False, **options)
    try:
        yield session
    except BaseException:
        if session.in_transaction():
            await session.rollback()
        raise
    if session.in_transaction() or session.new:
        await session.commit()
