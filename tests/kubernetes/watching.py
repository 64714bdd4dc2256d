"""Every state that some objects had, as the API server tells a watcher of its own: none in between is missed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.kubernetes.access import Access, Object


@dataclass(frozen=True)
class Seen:
    at: float
    """Of `time.monotonic`, when the API server told it."""
    what: str
    """ADDED, MODIFIED or DELETED."""
    object: Object

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])


class Watching:
    """`now`: the objects that are there, by name. `past`: every state since the beginning, in order."""

    def __init__(self, cluster: Access, place: str, **select: str) -> None:
        self._cluster, self._place, self._select = cluster, place, {"watch": "true", **select}
        self.now: dict[str, Object] = {}
        self.past: list[Seen] = []
        self.told: list[Callable[[], None]] = []
        """Called after each event, in the watcher's thread: not for long."""
        self.failed: list[BaseException] = []
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Watching:
        self._thread.start()
        assert self._up.wait(30)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        assert not self.failed, self.failed

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.failed.append(error)
        finally:
            self._up.set()

    async def _watch(self) -> None:
        self._loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task = task
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(20, read=None), **self._cluster.how) as api,
            api.stream("GET", self._place, params=self._select) as answer,
        ):
            answer.raise_for_status()
            self._up.set()
            async for line in answer.aiter_lines():
                event = json.loads(line)
                self._see(Seen(time.monotonic(), event["type"], event["object"]))
            raise AssertionError(f"the watch of {self._place} ended, so that states may have been missed")

    def _see(self, seen: Seen) -> None:
        if seen.what == "DELETED":
            self.now.pop(seen.name, None)
        else:
            self.now = {**self.now, seen.name: seen.object}
        self.past.append(seen)
        for each in self.told:
            each()


@contextmanager
def watching(cluster: Access, place: str, **select: str) -> Iterator[Watching]:
    one = Watching(cluster, place, **select).start()
    try:
        yield one
    finally:
        one.stop()
