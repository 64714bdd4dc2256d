"""Any provider: one that speaks as OpenAI's chat completions do, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.agent.here import here
from tests.agent.shop import BRIEF, VERSION, shop


@contextmanager
def completions(tool: str, given: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    asked: list[dict[str, Any]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            call = {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            answer = {
                **{"id": "c1", "object": "chat.completion", "created": 1, "model": asked[-1]["model"]},
                "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
            data = json.dumps(answer).encode()
            self.send_response(200 if self.path == "/v1/chat/completions" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def test_another_provider_fills_a_plan_in_the_same_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = shop(tmp_path / "shop")
    with completions("fill_in", {"response": [VERSION]}) as (url, asked), here(repo.path, "", capsys) as run:
        monkeypatch.setenv("OPENAI_API_KEY", "test-key")
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        done = run("plan", BRIEF, "--model", "openai-chat:some-model")
    assert 'version: "2.4.1"  # deploy/values.yaml:3' in done.out
    assert "filled 1 of 12; 1 request, 120 tokens" in done.err
    assert asked[0]["model"] == "some-model"
