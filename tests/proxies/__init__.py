"""Real proxies in front of two upstream servers, one module each, all with the same handles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Proxy(Protocol):
    """What ``with NAME(folder, stable, canary) as proxy:`` gives, from the module of that name.

    `stable` and `canary` are the http addresses of upstream servers; the canary gets nothing at the start.
    """

    url: str
    """Where clients send."""

    def driver(self, folder: Path) -> Any:
        """Its traffic driver; `folder` is the plan's and the state's."""
        ...

    def restart(self) -> None:
        """Ends the proxy as its manual says, and starts it again with what it has on disk."""
        ...
