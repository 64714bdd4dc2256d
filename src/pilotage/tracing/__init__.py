"""Traces of what Pilotage does. Without the SDK (`pilotage[otel]`, see `switch_on`) all of this does nothing.

OpenTelemetry is imported by `switch_on` only: going back directly passes through here, and has to be quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, Protocol

__all__ = [
    *("NOTHING", "Kind", "Maker", "Span", "Value", "emit", "here", "is_on", "note", "origin", "planned", "span", "use"),
    "within",
]

Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool

origin: ContextVar[str] = ContextVar("origin", default="")
"""The `traceparent` of what began something that lasts: its spans are traces of their own, and link to it."""


class Span(Protocol):
    """A context manager; what leaves it as an exception marks it as failed, by its type only."""

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self, attributes: Mapping[str, Value] | None = None, /, **about: Value) -> None:
        """Attributes; those by keyword are ours, and get ``pilotage.`` before their name."""
        ...

    def rename(self, name: str) -> None: ...

    def failed(self, kind: str) -> None:
        """`kind` from a small set: an exception's type, a status code."""
        ...

    def end(self) -> None:
        """Earlier than where its block ends."""
        ...


class Maker(Protocol):
    """What makes spans; `tracing.otel` has the one."""

    def span(self, name: str, kind: Kind, above: str, root: bool, links: Sequence[str]) -> Span: ...

    def emit(
        self, name: str, kind: Kind, ids: str, above: str, links: Sequence[str], times_ns: tuple[int, int]
    ) -> Span:
        """Not ended yet."""
        ...

    def here(self) -> str: ...

    def note(self, about: Mapping[str, Value]) -> None: ...

    def planned(self, seed: str, above: str) -> str: ...


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, attributes: Mapping[str, Value] | None = None, /, **about: Value) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def failed(self, kind: str) -> None:
        pass

    def end(self) -> None:
        pass


NOTHING: Span = _Nothing()
_maker: Maker | None = None


def use(maker: Maker | None) -> None:
    global _maker
    _maker = maker


def is_on() -> bool:
    return _maker is not None


def span(name: str, kind: Kind = "internal", *, above: str = "", root: bool = False, links: Sequence[str] = ()) -> Span:
    """A span from here to the end of its block, under the present one, or under `above` (a `traceparent`); a `root`
    begins a trace of its own. Names come from a small set: never ids in them."""
    return NOTHING if _maker is None else _maker.span(name, kind, above, root, links)


def within(name: str, kind: Kind = "internal") -> Span:
    """As `span`, but only in a trace that there is already."""
    return NOTHING if _maker is None or not _maker.here() else _maker.span(name, kind, "", False, ())


def emit(
    name: str,
    ids: str,
    times_ns: tuple[int, int],
    *,
    kind: Kind = "internal",
    above: str = "",
    links: Sequence[str] = (),
    failed: str = "",
    **about: Value,
) -> None:
    """A span that is over already, with the ids that `planned` gave for it. Times since 1970."""
    if _maker is None or not ids:
        return
    told = _maker.emit(name, kind, ids, above, links, times_ns)
    told.note(**about)
    if failed:
        told.failed(failed)
    told.end()


def here() -> str:
    """The present span's `traceparent`; empty when there is none."""
    return "" if _maker is None else _maker.here()


def note(**about: Value) -> None:
    """On the present span."""
    if _maker is not None:
        _maker.note(about)


def planned(seed: str, above: str = "") -> str:
    """The `traceparent` of a span that will be told of by `emit`; empty without tracing."""
    return "" if _maker is None else _maker.planned(seed, above)
