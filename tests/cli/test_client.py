"""What the command line does when the connection breaks: a write is sent once more with its key, and acts once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pilotage.cli.client import Api, ApiError, LostConnection


class Door:
    """A coordinator that goes away in the middle as often as `breaks` says, then answers with `answers`."""

    def __init__(self) -> None:
        self.breaks = 0
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[tuple[str, str, str | None]] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                door.asked.append((self.command, self.path, self.headers.get("Idempotency-Key")))
                if door.breaks:
                    door.breaks -= 1
                    self.close_connection = True
                    self.connection.close()
                    return
                status, body, more = door.answers.pop(0) if len(door.answers) > 1 else door.answers[0]
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(text)),
                    **more,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    one = Door()
    one.answers = [(200, {"id": "x"}, {})]
    monkeypatch.setenv("PILOTAGE_URL", one.url)
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_a_write_that_lost_its_connection_is_sent_once_more_with_its_key(door: Door) -> None:
    door.breaks = 1
    assert Api().post("/v1/freezes", {}) == {"id": "x"}
    first, second = door.asked
    assert first == second
    assert first[2]


def test_each_write_has_a_key_of_its_own(door: Door) -> None:
    for _ in range(2):
        Api().post("/v1/freezes", {})
    assert len({key for *_, key in door.asked}) == 2


def test_it_is_not_tried_for_ever(door: Door) -> None:
    door.breaks = 5
    with pytest.raises(LostConnection, match="no coordinator answers"):
        Api().post("/v1/freezes", {})
    assert len(door.asked) == 2


def test_a_way_back_is_sent_again_without_a_key(door: Door) -> None:
    door.breaks = 1
    assert Api().post("/v1/rollouts/latest/rollback", {}) == {"id": "x"}
    assert door.asked == [("POST", "/v1/rollouts/latest/rollback", None)] * 2


def test_what_makes_a_secret_is_not_sent_again(door: Door) -> None:
    door.breaks = 1
    with pytest.raises(LostConnection):
        Api().post("/v1/tokens", {})
    assert door.asked == [("POST", "/v1/tokens", None)]


def test_the_first_requests_answer_is_waited_for(door: Door) -> None:
    door.breaks = 1
    door.answers = [(409, {"type": "BeingAnswered", "detail": "ask again"}, {}), (201, {"id": "made"}, {})]
    assert Api().post("/v1/freezes", {}) == {"id": "made"}
    assert len({key for *_, key in door.asked}) == 1


def test_a_refusal_is_no_lost_connection(door: Door) -> None:
    door.answers = [(409, {"type": "Refused", "detail": "not now"}, {})]
    with pytest.raises(ApiError, match="not now"):
        Api().post("/v1/freezes", {})
    assert len(door.asked) == 1


def test_long_lists_are_read_page_after_page(door: Door) -> None:
    door.answers = [(200, [1, 2], {"Link": '</v1/x?cursor=abc%3D>; rel="next"'}), (200, [3], {})]
    assert Api().every("/v1/x") == [1, 2, 3]
    assert [path for _, path, _ in door.asked] == ["/v1/x", "/v1/x?cursor=abc%3D"]


def test_no_more_pages_are_read_than_were_asked_for(door: Door) -> None:
    door.answers = [(200, [1, 2], {"Link": '</v1/x?cursor=a>; rel="next"'})]
    assert Api().every("/v1/x", 3) == [1, 2, 1]
    assert len(door.asked) == 2
