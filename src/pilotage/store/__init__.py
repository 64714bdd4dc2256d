"""The store: SQLite by default, another database by URL. Queries are plain functions over one connection."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event

P = ParamSpec("P")
R = TypeVar("R")

MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """Runs query functions in one transaction each, on a thread of its own, so that the loop never waits for a disk."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = _connect(url)
        self._head: str | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def migrate(self) -> None:
        """Brings the schema up to date. Blocking: call it before the loop starts."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    async def is_at_head(self) -> bool:
        """Whether the schema is the one of this release."""
        if self._head is None:
            self._head = await asyncio.to_thread(_newest_migration)
        return await self.run(_migration) == self._head

    async def run(self, query: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The query's answer, after its transaction is committed."""

        def work() -> R:
            with self._engine.begin() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def read_beside(self, query: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `run`, for a question that takes long and changes nothing: no other one waits for it."""

        def work() -> R:
            with self._engine.begin() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.to_thread(work)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._engine.dispose()


def open_store(state: Path) -> Store:
    """The store that PILOTAGE_DATABASE names, else the state folder's SQLite file; its schema is brought up to date."""
    store = Store(os.environ.get("PILOTAGE_DATABASE") or f"sqlite:///{state / 'pilotage.db'}")
    with (state / "migrate.lock").open("w") as lock:  # coordinator and workers may start at the same moment
        fcntl.flock(lock, fcntl.LOCK_EX)
        store.migrate()
    return store


def _newest_migration() -> str:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def _migration(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _connect(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection, _record) -> None:  # type: ignore[no-untyped-def]
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    return engine
