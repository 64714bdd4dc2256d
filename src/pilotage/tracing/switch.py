"""Whether there are traces, as OpenTelemetry's own variables say it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import structlog

import pilotage
from pilotage import tracing

FLUSH_WITHIN_S = 3.0
_WHERE = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

log = structlog.get_logger()


def is_wanted() -> bool:
    """An endpoint is named, and nothing says no."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    to = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return not off and to in ("", "otlp") and any(os.environ.get(name, "").strip() for name in _WHERE)


def switch_on() -> Callable[[], Awaitable[None]]:
    """Begins to send traces when they are wanted; what it returns sends the last ones, and ends that."""
    if not is_wanted():
        return _nothing
    try:
        return _begin()
    except ImportError:
        log.warning("traces are asked for, but OpenTelemetry's SDK is not there: pip install 'pilotage[otel]'")
        return _nothing


async def _nothing() -> None:
    pass


def _begin() -> Callable[[], Awaitable[None]]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from pilotage.tracing.otel import Ids, OtelMaker

    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        log.warning("traces are sent by http/protobuf, the only way that Pilotage knows", asked=protocol)
    about = {"service.version": pilotage.__version__, "service.instance.id": str(uuid4())}
    named = Resource.create(about)
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        named = named.merge(Resource({"service.name": "pilotage"}))
    provider = TracerProvider(resource=named, id_generator=Ids(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing.use(OtelMaker(provider))

    async def end() -> None:
        tracing.use(None)
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def flush() -> None:
            provider.shutdown()  # sends what is left first
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(over.set)

        # A thread that the process does not wait for: a collector that is away would hold it for many seconds.
        threading.Thread(target=flush, name="last traces", daemon=True).start()
        try:
            await asyncio.wait_for(over.wait(), FLUSH_WITHIN_S)
        except TimeoutError:
            log.warning("the last traces could not be sent in time", within_s=FLUSH_WITHIN_S)

    return end
