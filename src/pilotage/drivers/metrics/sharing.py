"""One call for all who ask for the same at the same time: requests and guards are read side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sharing(Generic[T]):
    """``await sharing.get(key, call)``: calls unless a call of this key is under way, then waits for that one."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        waiting = self._under_way.get(key)
        if waiting is None or waiting.done():
            waiting = self._under_way[key] = asyncio.ensure_future(call())
            waiting.add_done_callback(lambda done: self._forget(key, done))
        # Who gives up first must not end it for the others.
        return await asyncio.shield(waiting)

    def _forget(self, key: Hashable, done: asyncio.Future[T]) -> None:
        if self._under_way.get(key) is done:
            del self._under_way[key]
        if not done.cancelled():
            done.exception()  # seen, also when everybody has given up
