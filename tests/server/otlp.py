"""A receiver of OTLP/HTTP on loopback: what a collector would get, decoded."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Told:
    """A span as it arrived; ids in hex, `parent` empty for the first of a trace."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    about: dict[str, Any]
    links: tuple[str, ...]
    failed: bool
    seconds: float
    service: str


@dataclass
class Receiver:
    port: int
    bodies: list[bytes] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def spans(self) -> list[Told]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    found += [_told(one, named["service.name"]) for one in scope.spans]
        return found


def _told(span: Any, service: str) -> Told:
    about = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    links = tuple(one.trace_id.hex() for one in span.links)
    kind = span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower()
    took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Told(span.name, kind, *ids, about, links, span.status.code == 2, took, service)


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            here.bodies.append(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    here = Receiver(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
