"""Opens the database of the catalogue: SQLite in WAL mode by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from nscweb.core.errors import CatalogueLocked, StoreError
from nscweb.store.schema import SCHEMA_VERSION, about, metadata

BUSY_SECONDS = 20.0


def open_engine(url: str, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Open or make the catalogue at an SQLAlchemy URL.

    Raises:
        CatalogueLocked: another process holds it for longer than `busy_seconds`.
        StoreError: it cannot be opened, or was written by a newer program.
    """
    if url.startswith("sqlite"):
        # Processes and threads come and go; a connection per use is cheap and never shared by mistake.
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": busy_seconds})
        event.listen(engine, "connect", _sqlite_settings)
    else:
        engine = create_engine(url, pool_pre_ping=True)
    try:
        with transaction(engine) as connection:
            metadata.create_all(connection)
            found = connection.scalar(select(about.c.value).where(about.c.key == "schema"))
            if found is None:
                connection.execute(insert(about).values(key="schema", value=str(SCHEMA_VERSION)))
    except IntegrityError:
        # Another process made the catalogue in the same moment; it wrote the same version.
        found = str(SCHEMA_VERSION)
    if found is not None and int(found) != SCHEMA_VERSION:
        raise StoreError(
            f"The catalogue has schema version {found}; this program knows version {SCHEMA_VERSION}.",
            "Use the program version that wrote it, or choose another data folder.",
        )
    return engine


def _sqlite_settings(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for line in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; on SQLite it takes the write lock at once, so that two writers queue up.

    Raises:
        CatalogueLocked: the lock could not be had.
        StoreError: the database answers with an error.
    """
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            with connection.begin() if not connection.in_transaction() else _committed(connection):
                yield connection
    except OperationalError as error:
        raise said(error) from error


@contextmanager
def _committed(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading only."""
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise said(error) from error


def said(error: OperationalError) -> StoreError:
    """A database error in plain words."""
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        return CatalogueLocked(
            "The catalogue is held by another process.", "Wait a moment and try again; nothing was lost."
        )
    return StoreError(f"The catalogue cannot be used: {text}.", "Check the disk and the rights of the data folder.")
