"""Requests of drivers to other services: seen in the trace, and told of it only where that is wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pilotage import tracing
from pilotage.drivers.http import Client
from pilotage.server import logs
from pilotage.server.observed import request_id
from pilotage.telemetry import driver_call
from pilotage.tracing.otel import Ids, OtelMaker, clean
from pilotage.tracing.outgoing import is_own


class Service:
    """Answers 200, or 500 at /broken, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        service = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.told.append(self.headers["traceparent"])
                self.send_response(500 if self.path.startswith("/broken") else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def told() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(id_generator=Ids())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(OtelMaker(provider))
    yield exporter
    tracing.use(None)


async def look(url: str) -> None:
    async with Client(5).stream("GET", url) as answer:
        await answer.aread()
    await Client(5).get(url, headers={"Accept": "text/plain"})


async def test_a_request_is_a_span_under_its_drivers_call_and_tells_nobody(
    service: Service, told: InMemorySpanExporter
) -> None:
    with driver_call("scrape", "read", root=True):
        await look(f"{service.url}/metrics?key=hunter2")
    *requests, call = told.get_finished_spans()
    assert call.name == "read scrape"
    assert [one.name for one in requests] == ["GET", "GET"]
    assert {one.parent.span_id for one in requests if one.parent} == {call.context.span_id}
    assert dict(requests[0].attributes or {}) == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": service.server.server_address[1],
        "http.response.status_code": 200,
    }
    assert service.told == [None, None]


async def test_hosts_of_ones_own_are_told_where_the_trace_goes_on(
    service: Service, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTAGE_TRACE_HOSTS", "*.internal, 127.0.0.*")
    with driver_call("scrape", "read", root=True):
        await look(service.url)
    requests = told.get_finished_spans()[:2]
    assert service.told == [f"00-{one.context.trace_id:032x}-{one.context.span_id:016x}-01" for one in requests]


async def test_an_answer_that_says_no_is_a_failure_by_its_number(service: Service, told: InMemorySpanExporter) -> None:
    with driver_call("scrape", "read", root=True):
        await Client(5).get(f"{service.url}/broken")
    request = told.get_finished_spans()[0]
    assert not request.status.is_ok
    assert (request.attributes or {})["error.type"] == "500"
    assert request.status.description is None


async def test_outside_of_a_trace_a_driver_has_no_spans(service: Service, told: InMemorySpanExporter) -> None:
    with driver_call("scrape", "read"):
        await look(service.url)
    assert told.get_finished_spans() == ()


async def test_an_error_is_told_by_its_type_alone(told: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="hunter2"), tracing.span("act"):
        raise ValueError("the password is hunter2")
    (span,) = told.get_finished_spans()
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert "hunter2" not in span.to_json()


def test_text_is_one_short_line_without_secrets() -> None:
    assert clean("a\nb  c\x1b[31m") == "a b c"
    assert clean("password=hunter2 rest") == "password=(hidden) rest"
    assert clean("x" * 1000) == "x" * 200
    assert clean(10.5) == 10.5


@pytest.mark.parametrize(
    ("hosts", "host", "own"),
    [
        ("", "api.example.com", False),
        ("*", "api.example.com", True),
        ("proxy.internal", "PROXY.internal", True),
        ("*.internal", "proxy.internal", True),
        ("*.internal", "internal.example.com", False),
        (" , ", "", False),
    ],
)
def test_own_hosts_are_named(hosts: str, host: str, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTAGE_TRACE_HOSTS", hosts)
    assert is_own(host) is own


def test_a_line_of_the_log_names_the_request_and_the_span(told: InMemorySpanExporter) -> None:
    assert logs.where(None, "info", {"event": "x"}) == {"event": "x"}
    token = request_id.set("deploy-17")
    try:
        with tracing.span("act", root=True):
            line = logs.where(None, "info", {"event": "x"})
    finally:
        request_id.reset(token)
    context = told.get_finished_spans()[0].context
    assert line == {
        "event": "x",
        "request_id": "deploy-17",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
    }
