"""Servers on a loopback port that answer as GitHub's and GitLab's documentation says, for the drivers that ask them.

GitHub: docs.github.com/en/rest (version 2022-11-28). GitLab: docs.gitlab.com/api. What a test sets in `instead` is
answered in place of everything else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "3fa9c1d2" * 5
Given = tuple[int, dict[str, str], Any]


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass
class GitHub:
    """One private repository, octo/payment, with a token; `refs` are its branches and tags."""

    url: str = ""
    token: str = "ghp_" + "s3cr3tT0ken" * 3
    public: bool = False
    refs: dict[str, str] = field(default_factory=lambda: {"hotfix/npe": COMMIT})
    check_runs: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    workflow_runs: list[dict[str, Any]] = field(default_factory=list)
    instead: Callable[[Request], Given] | None = None
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Given:
        given = request.headers.get("authorization")
        if given is not None and given != f"Bearer {self.token}":
            return 401, {}, {"message": "Bad credentials"}
        if request.headers.get("accept") != "application/vnd.github+json" or not request.headers.get("user-agent"):
            return 403, {}, {"message": "Request forbidden by administrative rules."}
        parts = request.path.strip("/").split("/")
        if parts[:3] != ["repos", "octo", "payment"] or (given is None and not self.public):
            return 404, {}, {"message": "Not Found"}
        rest = parts[3:]
        if not rest:
            return 200, {}, {"full_name": "octo/payment", "private": not self.public}
        if rest == ["actions", "runs"]:
            wanted = request.query.get("head_sha")
            return self._page(
                request, "workflow_runs", [one for one in self.workflow_runs if one["head_sha"] == wanted]
            )
        commit = self.refs.get(unquote(rest[1]), rest[1] if rest[1] in self.refs.values() else "")
        if rest[2] == "status":
            if not commit:
                return 404, {}, {"message": "Not Found"}
            return 200, {}, {"sha": commit, **self._combined()}
        if not commit:
            return 422, {}, {"message": f"No commit found for SHA: {rest[1]}"}
        return self._page(request, "check_runs", self.check_runs)

    def _combined(self) -> dict[str, Any]:
        states = {one["state"] for one in self.statuses}
        state = "failure" if states & {"error", "failure"} else "success" if states == {"success"} else "pending"
        return {"state": state, "total_count": len(self.statuses), "statuses": self.statuses[:100]}

    def _page(self, request: Request, key: str, rows: list[dict[str, Any]]) -> Given:
        size, page = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
        part = rows[(page - 1) * size : page * size]
        more = page * size < len(rows)
        link = {"Link": f'<{self.url}{request.path}?page={page + 1}>; rel="next"'} if more else {}
        return 200, link, {"total_count": len(rows), key: part}


@dataclass
class GitLab:
    """One private project, group/payment."""

    url: str = ""
    token: str = "glpat-" + "s3cr3tT0ken" * 2
    refs: dict[str, str] = field(default_factory=lambda: {"hotfix/npe": COMMIT})
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    instead: Callable[[Request], Given] | None = None
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Given:
        given = request.headers.get("private-token")
        if given is not None and given != self.token:
            return 401, {}, {"message": "401 Unauthorized"}
        parts = request.path.strip("/").split("/")
        if parts[:1] != ["projects"] or unquote(parts[1]) != "group/payment" or given is None:
            return 404, {}, {"message": "404 Project Not Found"}
        rest = parts[2:]
        if not rest:
            return 200, {}, {"path_with_namespace": "group/payment"}
        if rest == ["pipelines"]:
            return 200, {}, [one for one in self.pipelines if one["sha"] == request.query.get("sha")]
        commit = self.refs.get(unquote(rest[2]), rest[2] if rest[2] in self.refs.values() else "")
        return (200, {}, {"id": commit}) if commit else (404, {}, {"message": "404 Commit Not Found"})


def run(name: str, conclusion: str | None = "success", status: str = "completed", **more: Any) -> dict[str, Any]:
    """A check run, or with `head_sha` a workflow run."""
    return {"name": name, "status": status, "conclusion": conclusion if status == "completed" else None, **more}


@contextmanager
def serve(server: Any) -> Iterator[Any]:
    """Runs a GitHub or a GitLab until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(parts.path, query, headers, self.command, body)
            server.requests.append(request)
            status, more, said = (server.instead or server.answer)(request)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json; charset=utf-8", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        do_POST = do_PUT = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    server.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        running.server_close()
        thread.join()
