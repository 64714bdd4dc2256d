"""Values that had to be asked for, in memory only: a tick each second asks no service each second, and a rollback
does not fail because the service with the secrets is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers.secrets import hiding

FRESH_S = 60.0
"""So long a value is used without asking again."""
KEPT_S = 24 * 3600.0
"""So long after it was read a value serves when it cannot be read again."""
PATIENCE_S = 1.0
"""So long the new value is waited for where an old one would do: traffic waits for neither longer."""
REST_S = 5.0
"""So long after a failure nobody is asked again where an old value does and the service does not say itself."""
PAUSE_S = 1.0
"""The same where there is no value at all."""
MOST = 500
_LONGEST_REST_S = 60.0
_ANEW_S = 5.0
_WARN_S = 600.0

_log = logging.getLogger(__name__)
_anew: ContextVar[bool] = ContextVar("asked_anew", default=False)


class Gone(PermanentError):
    """The secret, or its key, is no longer there: its value is of no use to anybody."""


@dataclass(frozen=True, repr=False)
class Read:
    """`lasts_s` is the lease; None when it has none."""

    value: str
    lasts_s: float | None = None


@dataclass(frozen=True, repr=False)
class _Value:
    value: str
    read_at: float
    fresh_until: float
    good_until: float


@dataclass(frozen=True)
class _Failure:
    error: DriverError
    at: float

    def rests_until(self, an_old_one_does: bool) -> float:
        """Nobody is asked before."""
        if isinstance(self.error, TemporaryError) and self.error.after_s is not None:
            return self.at + min(self.error.after_s, _LONGEST_REST_S)
        return self.at + (REST_S if an_old_one_does else PAUSE_S)


Key = tuple[str, object]
Ask = Callable[[], Awaitable[Read]]


@contextmanager
def asked_anew() -> Iterator[None]:
    """Inside, a value of before does not do: who looks whether a secret can be read wants to know it of now."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


class Kept:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._values: OrderedDict[Key, _Value] = OrderedDict()
        self._failures: OrderedDict[Key, _Failure] = OrderedDict()
        self._warned: dict[Key, float] = {}
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, asyncio.Task[str]]] = WeakKeyDictionary()

    async def get(self, name: str, surroundings: object, ask: Ask) -> str:
        """The value called `name`, which is another one in other `surroundings`. All who want it ask once.

        Raises what `ask` does, unless a value is kept that still serves.
        """
        key, now = (name, surroundings), self._now()
        old = self._usable(key)
        if old is not None and now < (old.read_at + _ANEW_S if _anew.get() else old.fresh_until):
            return old.value
        if _anew.get():
            return await _result(asyncio.shield(self._task(key, ask)))
        failed = self._failures.get(key)
        if failed is not None and now < failed.rests_until(old is not None):
            if old is None:
                raise _plain(failed.error)
            return old.value
        task = self._task(key, ask)
        if old is None:
            return await _result(asyncio.shield(task))
        await asyncio.wait([task], timeout=PATIENCE_S)
        if not task.done():
            return old.value
        try:
            return task.result()
        except Gone as error:
            raise _plain(error) from None
        except DriverError as error:
            self._warn(key, old, error)
            return old.value

    def forget(self) -> None:
        """Everything."""
        for each in (self._values, self._failures, self._warned):
            each.clear()

    def _usable(self, key: Key) -> _Value | None:
        found = self._values.get(key)
        return found if found is not None and self._now() < found.good_until else None

    def _task(self, key: Key, ask: Ask) -> asyncio.Task[str]:
        asking = self._asking.setdefault(asyncio.get_running_loop(), {})
        task = asking.get(key)
        if task is None or task.done():
            task = asking[key] = asyncio.create_task(self._ask(key, ask))
            task.add_done_callback(lambda done: self._ended(asking, key, done))
        return task

    @staticmethod
    def _ended(asking: dict[Key, asyncio.Task[str]], key: Key, task: asyncio.Task[str]) -> None:
        if asking.get(key) is task:
            del asking[key]
        if not task.cancelled():
            task.exception()  # nobody may have waited for it

    async def _ask(self, key: Key, ask: Ask) -> str:
        try:
            found = await ask()
        except DriverError as error:
            if isinstance(error, Gone):
                self._values.pop(key, None)
            _put(self._failures, key, _Failure(error, self._now()))
            raise
        now, lasts_s = self._now(), KEPT_S if found.lasts_s is None else found.lasts_s
        self._failures.pop(key, None)
        self._warned.pop(key, None)
        value = _Value(found.value, now, now + min(FRESH_S, lasts_s), now + min(KEPT_S, lasts_s))
        _put(self._values, key, value)
        hiding.remember(key[0], found.value)
        return found.value

    def _warn(self, key: Key, old: _Value, error: DriverError) -> None:
        now = self._now()
        if now >= self._warned.get(key, 0.0):
            self._warned[key] = now + _WARN_S
            hours = (old.good_until - now) / 3600
            _log.warning("%s cannot be read again, its last value serves %.0f h more: %s", key[0], hours, error)


async def _result(asked: Awaitable[str]) -> str:
    try:
        return await asked
    except Gone as error:
        raise _plain(error) from None


def _plain(error: DriverError) -> DriverError:
    """To be raised once more: `Gone` is nobody else's word."""
    if isinstance(error, TemporaryError):
        return TemporaryError(str(error), error.after_s)
    return PermanentError(str(error))


def _put(where: OrderedDict[Key, Any], key: Key, value: object) -> None:
    """The oldest goes for the newest."""
    where[key] = value
    where.move_to_end(key)
    while len(where) > MOST:
        where.popitem(last=False)


kept = Kept()
"""The process's."""
