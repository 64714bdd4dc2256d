"""What can go wrong with a service that is called over HTTP, and a server on loopback that lets it go wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pilotage.core.errors import DriverError, PermanentError, TemporaryError


class Faulty:
    """Answers every request with `status`, `body` and `headers`, or with nothing at all; counts them in `asked`."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.status = 200
        self.body = b"{}"
        self.headers: dict[str, str] = {}
        self.behind_s = 0.0
        """The server's clock is so far behind ours."""
        self.silent = threading.Event()
        """Set: an answer is never sent."""
        self.cut = False
        """Fewer bytes than announced come, and the connection ends."""


@contextmanager
def faulty(context: ssl.SSLContext | None = None) -> Iterator[Faulty]:
    """A server at `url`; with a `context` one that speaks TLS with its certificate."""
    state, ended = Faulty(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            state.asked.append(f"{self.command} {self.path}")
            if state.silent.is_set():
                ended.wait(20)
                self.close_connection = True
                return
            headers = {
                "Content-Type": "application/json",
                "Content-Length": str(len(state.body) + (100 if state.cut else 0)),
                "Date": formatdate(time.time() - state.behind_s, usegmt=True),
                **state.headers,
            }
            try:
                self.send_response_only(state.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(state.body)
            except OSError:
                pass
            self.close_connection = state.cut

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            connection, address = super().get_request()
            return (context.wrap_socket(connection, server_side=True) if context else connection), address

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up in the handshake is what the test is about."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hanging_up() -> Iterator[str]:
    """The https:// address of a server that ends every connection in the handshake: a load balancer whose servers are
    away."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(65536)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


class FaultsContract(ABC):
    """For a driver that calls a service over HTTP. Yours: the method `at`, which gives a driver whose service is at a
    url and waits for an answer for `patience_s` at most. `act` is what is tried, a look by default. The
    fixture `untrusted` needs the library trustme.

    `name` stands in every error, so that a person knows whom it is about. `secret` must stand in none. `shapes` are
    answers that are JSON and yet not the service's. `tries` is how often a driver asks in all: a library of the
    service's own may repeat what cannot have done anything.
    """

    name = ""
    secret = "s3cr3t-of-the-test"  # noqa: S105 - nobody's
    patience_s = 1.0
    tries = 1
    shapes: tuple[bytes, ...] = (b"[]", b"null", b'"x"', b"17", b'{"unexpected": {"a": [1]}}')

    @abstractmethod
    def at(self, url: str) -> Any: ...

    async def act(self, driver: Any) -> Any:
        return await driver.probe()

    @pytest.fixture
    def untrusted(self) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate whose authority nobody here knows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pytest.importorskip("trustme").CA().issue_cert("127.0.0.1").configure_cert(context)
        return context

    async def failing(self, url: str, kind: type[DriverError], *words: str) -> DriverError:
        driver = self.at(url)
        try:
            with pytest.raises(DriverError) as caught:
                await asyncio.wait_for(self.act(driver), 15)
        finally:
            await driver.close()
        said = str(caught.value)
        assert self.name, "say in `name` what errors call the service"
        assert type(caught.value) is kind, said
        assert self.name in said
        assert self.secret not in said
        assert "\n" not in said
        for word in words:
            assert word in said, said
        return caught.value

    async def test_nobody_listening_is_told_and_may_be_tried_again(self) -> None:
        with socket.socket() as held:  # bound, and not listening: nobody else gets the port
            held.bind(("127.0.0.1", 0))
            await self.failing(f"http://127.0.0.1:{held.getsockname()[1]}", TemporaryError)

    async def test_an_unknown_host_is_named(self) -> None:
        await self.failing("https://no-such-host.invalid", TemporaryError, "no-such-host.invalid")

    async def test_a_certificate_nobody_trusts_is_final_and_says_what_to_do(self, untrusted: ssl.SSLContext) -> None:
        with faulty(untrusted) as server:
            await self.failing(server.url, PermanentError, "certificate")
            assert server.asked == []

    async def test_a_connection_that_ends_in_the_handshake_may_be_tried_again(self) -> None:
        with hanging_up() as url:
            await self.failing(url, TemporaryError)

    @pytest.mark.parametrize("status", [401, 403, 404, 400])
    async def test_a_refusal_is_final_and_tried_once(self, status: int) -> None:
        with faulty() as server:
            server.status, server.body = status, b'{"message": "no"}'
            await self.failing(server.url, PermanentError)
            assert len(server.asked) == 1

    async def test_too_many_requests_say_when_it_may_be_tried_again(self) -> None:
        with faulty() as server:
            server.status, server.headers = 429, {"Retry-After": "7"}
            error = await self.failing(server.url, TemporaryError, "7 s")
            assert isinstance(error, TemporaryError)
            assert error.after_s == 7
            assert len(server.asked) <= self.tries

    @pytest.mark.parametrize("status", [500, 502, 503])
    async def test_its_own_failure_may_be_tried_again(self, status: int) -> None:
        with faulty() as server:
            server.status, server.body = status, b"<html>sorry</html>"
            await self.failing(server.url, TemporaryError, str(status))
            assert len(server.asked) <= self.tries

    async def test_silence_ends_within_the_time_limit(self) -> None:
        with faulty() as server:
            server.silent.set()
            await self.failing(server.url, TemporaryError)
            assert len(server.asked) <= self.tries

    async def test_an_answer_that_breaks_off_may_be_tried_again(self) -> None:
        with faulty() as server:
            server.cut = True
            await self.failing(server.url, TemporaryError)

    async def test_a_page_that_is_no_json_says_that_the_address_is_wrong(self) -> None:
        with faulty() as server:
            server.body, server.headers = b"<html>Welcome</html>", {"Content-Type": "text/html"}
            await self.failing(server.url, PermanentError)

    async def test_json_of_another_form_is_not_believed(self) -> None:
        for shape in self.shapes:
            with faulty() as server:
                server.body = shape
                await self.failing(server.url, PermanentError)

    async def test_a_service_elsewhere_gets_no_token(self) -> None:
        with faulty() as elsewhere, faulty() as server:
            server.status, server.headers = 302, {"Location": f"{elsewhere.url}/login"}
            await self.failing(server.url, PermanentError)
            assert elsewhere.asked == []


class ClockContract(FaultsContract):
    """As `FaultsContract`, its `untrusted` too, for a driver that asks for a span of time: a server whose clock is
    another would be asked for, and would give, another time's numbers."""

    async def test_a_clock_that_is_another_is_told(self) -> None:
        with faulty() as server:
            server.behind_s = 600
            await self.failing(server.url, PermanentError, "clock")
