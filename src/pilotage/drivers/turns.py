"""Calls that change the same thing over the wire: one after the other, and none that acts once it was given up.

The engine ends a call for the one that goes back, and waits for its end a moment only. So the later call itself waits
until what the earlier one had on its way has landed, or never will; else that could land after it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

D = TypeVar("D")
P = ParamSpec("P")
T = TypeVar("T")

_locks: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()


def in_turn(
    method: Callable[Concatenate[D, P], Awaitable[T]],
) -> Callable[Concatenate[D, P], Coroutine[Any, Any, T]]:
    """Of a driver: its calls of all such methods follow one another. A call that was cancelled has its turn until it
    has ended, which takes one request's time limit at most."""

    @functools.wraps(method)
    async def alone(driver: D, /, *given: P.args, **more: P.kwargs) -> T:
        async with _locks.setdefault(driver, asyncio.Lock()):
            return await method(driver, *given, **more)

    return alone


async def to_the_end(doing: Awaitable[T]) -> T:
    """Its result. Cancelled, it waits before the cancellation goes on: a request that is on its way could else land
    after what a later call has done. `doing` has a time limit of its own."""
    task = asyncio.ensure_future(doing)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # nobody hears of it: the call has been given up
        raise cancelled
    return task.result()
