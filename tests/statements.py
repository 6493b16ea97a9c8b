"""What is sent to the database, through SQLAlchemy or straight to the driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.statement import driver_of

# The caller's key, every five seconds; the driver's own questions.
_OTHERS = ("FROM api_keys", "typeinfo_tree", "current_setting")
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")  # a transaction's; inside a test's all are savepoints


@asynccontextmanager
async def counted(connection: AsyncConnection) -> AsyncIterator[list[str]]:
    """The statements that the block sends on the connection, but for those that begin and end transactions."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(_FRAME) and not any(each in statement for each in _OTHERS):
            sent.append(statement)

    def note_of_driver(record: Any) -> None:
        if record.query not in sent:  # it tells of some that SQLAlchemy has told of
            note(None, None, record.query)

    assert connection.sync_connection is not None
    driver = driver_of(connection)
    event.listen(connection.sync_connection, "before_cursor_execute", note)
    driver.add_query_logger(note_of_driver)
    yield sent
    await asyncio.sleep(0)  # the driver tells its loggers a moment later
    driver.remove_query_logger(note_of_driver)
    event.remove(connection.sync_connection, "before_cursor_execute", note)
