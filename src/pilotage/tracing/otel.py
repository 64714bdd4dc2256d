"""Spans as OpenTelemetry's SDK makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

import pilotage
from pilotage.core import traceparent
from pilotage.core.redact import redact
from pilotage.core.traceparent import Traceparent
from pilotage.tracing import Kind, Value

MOST_CHARACTERS = 200
_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_given: ContextVar[Traceparent | None] = ContextVar("given", default=None)


class Ids(RandomIdGenerator):
    """Random ones, but for a span that was planned."""

    def generate_span_id(self) -> int:
        given = _given.get()
        return int(given.span, 16) if given is not None else super().generate_span_id()

    def generate_trace_id(self) -> int:
        given = _given.get()
        return int(given.trace, 16) if given is not None else super().generate_trace_id()


@contextmanager
def _as_planned(ids: Traceparent) -> Iterator[None]:
    token = _given.set(ids)
    try:
        yield
    finally:
        _given.reset(token)


def clean(value: Value) -> Value:
    """Text in one line, not long, and without what looks like a secret."""
    if not isinstance(value, str):
        return value
    return " ".join(redact(value[: 4 * MOST_CHARACTERS]).split())[:MOST_CHARACTERS]


class OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[contexts.Context] | None = None
        self._over = False

    def __enter__(self) -> OtelSpan:
        self._token = contexts.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._token is not None:
            contexts.detach(self._token)
        if kind is not None:
            self.failed(kind.__name__)
        self.end()

    def note(self, attributes: Mapping[str, Value] | None = None, /, **about: Value) -> None:
        if not self._over and self._span.is_recording():
            given = dict(attributes or {}) | {f"pilotage.{name}": value for name, value in about.items()}
            self._span.set_attributes({name: clean(value) for name, value in given.items()})

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, kind: str) -> None:
        if not self._over:
            self._span.set_attribute("error.type", kind)
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self, at_ns: int | None = None) -> None:
        if not self._over:
            self._over = True
            self._span.end(at_ns)


class _Told(OtelSpan):
    def __init__(self, span: trace.Span, at_ns: int) -> None:
        super().__init__(span)
        self._at_ns = at_ns

    def end(self, at_ns: int | None = None) -> None:
        super().end(self._at_ns)


class OtelMaker:
    """`provider` makes its ids by `Ids`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._sampler = provider.sampler
        self._tracer = provider.get_tracer("pilotage", pilotage.__version__)

    def span(self, name: str, kind: Kind, above: str, root: bool, links: Sequence[str]) -> OtelSpan:
        parent = _under(above) if above else contexts.Context() if root else None
        return OtelSpan(self._tracer.start_span(name, parent, _KINDS[kind], links=_links(links)))

    def emit(
        self, name: str, kind: Kind, ids: str, above: str, links: Sequence[str], times_ns: tuple[int, int]
    ) -> OtelSpan:
        given = traceparent.read(ids)
        assert given is not None, ids
        with _as_planned(given):
            span = self._tracer.start_span(
                name, _under(above), _KINDS[kind], links=_links(links), start_time=times_ns[0]
            )
        return _Told(span, times_ns[1])

    def here(self) -> str:
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return ""
        return str(Traceparent(f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled))

    def note(self, about: Mapping[str, Value]) -> None:
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attributes({f"pilotage.{name}": clean(value) for name, value in about.items()})

    def planned(self, seed: str, above: str) -> str:
        """One that begins a trace is asked of the sampler at once: what is below it has to know."""
        ids = traceparent.planned(seed, traceparent.read(above))
        if not above:
            decision = self._sampler.should_sample(contexts.Context(), int(ids.trace, 16), "planned")
            ids = Traceparent(ids.trace, ids.span, decision.decision is Decision.RECORD_AND_SAMPLE)
        return str(ids)


def _spot(text: str) -> SpanContext | None:
    found = traceparent.read(text)
    if found is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(found.trace, 16), int(found.span, 16), True, flags)


def _under(text: str) -> contexts.Context:
    spot = _spot(text)
    return contexts.Context() if spot is None else trace.set_span_in_context(NonRecordingSpan(spot), contexts.Context())


def _links(texts: Sequence[str]) -> list[Link]:
    return [Link(spot) for one in texts if (spot := _spot(one)) is not None]
