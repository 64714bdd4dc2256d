"""The CLI's side of the API: standard library only, so that `status` and `rollback` start at once."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pilotage.core import traceparent
from pilotage.core.errors import CoordinatorUnreachable
from pilotage.interrupts import interrupts_wait
from pilotage.paths import coordinator_note, state_folder

START_WITHIN_S = 90.0
"""A machine that is busy with an outage is slow, and a coordinator that is starting is no broken one."""
ANSWER_WITHIN_S = 60.0


ONCE = ("/v1/tokens", "/v1/open", "/v1/sessions", "/v1/shutdown")
"""Nothing below these is sent twice."""


class LostConnection(CoordinatorUnreachable):
    """It was there, and went in the middle: whether it has done what was asked is not known."""


class ApiError(Exception):
    """The coordinator's own answer when it says no: problem+json."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body.get("detail", f"HTTP {status}"))
        self.status = status
        self.body = body


class Api:
    """Speaks to PILOTAGE_URL, or to the local coordinator, which is started when it is missing."""

    def __init__(
        self,
        state: Path | None = None,
        start_if_missing: bool = True,
        answer_within_s: float = ANSWER_WITHIN_S,
        start_within_s: float = START_WITHIN_S,
    ) -> None:
        self._state = state
        self._start_if_missing = start_if_missing
        self._answer_within_s = answer_within_s
        self._start_within_s = start_within_s

    @property
    def url(self) -> str:
        """Of the coordinator that answers."""
        return self.door()[0].rstrip("/")

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None, {})[0]

    def every(self, path: str, most: int | None = None) -> list[Any]:
        """All rows of a long list, page after page; `most` at most."""
        rows: list[Any] = []
        while path and (most is None or len(rows) < most):
            some, path = self._ask("GET", path, None, {})
            rows += some
        return rows[:most]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """After a lost connection it is sent once more: with the same key it acts once, and a way back may always be
        repeated. What makes a secret, or ends something, is not sent again."""
        once = path.startswith(ONCE)
        headers = {} if once or path.endswith("/rollback") else {"Idempotency-Key": os.urandom(16).hex()}
        try:
            return self._ask("POST", path, body, headers)[0]
        except LostConnection:
            if once:
                raise
        return self._once_more(path, body, headers)

    def _once_more(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        """The first request may be being answered still."""
        deadline = time.monotonic() + self._answer_within_s
        while True:
            try:
                return self._ask("POST", path, body, headers)[0]
            except ApiError as error:
                if error.body.get("type") != "BeingAnswered" or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, more: dict[str, str]) -> tuple[Any, str]:
        """The answer, and where the next page of it is."""
        url, token = self.door()
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self._answer_within_s)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **_traced(), **more}
        try:
            connection.request(
                method, quote(path, safe="/?=&%"), json.dumps(body) if body is not None else None, headers
            )
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            lost = isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError)
            raise (LostConnection if lost else CoordinatorUnreachable)(
                f"no coordinator answers at {url} ({error or type(error).__name__}). `pilotage up` starts one"
            ) from None
        finally:
            connection.close()
        if not (response.getheader("Content-Type") or "").split(";")[0].endswith("json"):
            if response.status == 200:
                return data.decode(), ""
            raise CoordinatorUnreachable(f"{url} answered HTTP {response.status}, and not as a coordinator does")
        answer = json.loads(data)
        if response.status >= 400:
            raise ApiError(response.status, answer)
        return answer, _next(response.getheader("Link") or "")

    def door(self) -> tuple[str, str]:
        """Its address and the credential for it; started when it is missing."""
        url = os.environ.get("PILOTAGE_URL")
        if url:
            return url, os.environ.get("PILOTAGE_TOKEN", "")
        state = self._state or state_folder()
        note = running(state)
        if note is None and self._start_if_missing:
            note = start_local(state, self._start_within_s)
        if note is None:
            raise CoordinatorUnreachable("no coordinator is running. `pilotage up` starts one")
        return note["url"], note["token"]


def _next(link: str) -> str:
    """The address of the next page in a header Link; empty where there is none."""
    address, _, rel = link.partition(";")
    return address.strip(" <>") if 'rel="next"' in rel else ""


def _traced() -> dict[str, str]:
    """So that what happens belongs to the trace of whoever called us: a pipeline's, often."""
    found = traceparent.read(os.environ.get("TRACEPARENT", ""))
    return {} if found is None else {"traceparent": str(found)}


def whoami() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def running(state: Path) -> dict[str, Any] | None:
    """The note of a coordinator whose process is alive, else None."""
    try:
        note: dict[str, Any] = json.loads(coordinator_note(state).read_text())
        os.kill(int(note["pid"]), 0)
    except PermissionError:
        return note
    except (OSError, ValueError, KeyError):
        return None
    return note if _is_pilotage(int(note["pid"])) else None


def _is_pilotage(pid: int) -> bool:
    """A killed coordinator's process id may by now belong to somebody else, or be a zombie."""
    try:
        return b"pilotage" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return not Path("/proc/self/cmdline").exists()
    except OSError:
        return True


def start_local(state: Path, within_s: float = START_WITHIN_S) -> dict[str, Any]:
    """Starts `pilotage up` so that it outlives this terminal, and waits until it answers."""
    log = state / "coordinator.log"
    child: subprocess.Popen[bytes] | None = None
    try:
        with log.open("ab") as output, interrupts_wait():
            child = subprocess.Popen(
                [sys.executable, "-m", "pilotage", "up", "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PILOTAGE_STATE": str(state)},
            )
        note = _when_up(state, child, within_s)
    except KeyboardInterrupt:
        if child is not None:  # half started, nobody could find it to end it; so the interrupt waits until it is up
            _when_up(state, child, within_s)
        raise
    if note is not None:
        return note
    tail = log.read_text(errors="replace").strip().splitlines()[-1:]
    why = f"the coordinator did not start within {within_s:g} s" if child.poll() is None else "the coordinator ended"
    raise CoordinatorUnreachable(f"{why}; {log} ends with: {' '.join(tail) or 'nothing'}")


def _when_up(state: Path, child: subprocess.Popen[bytes], within_s: float) -> dict[str, Any] | None:
    """Its note, or that of the one that was quicker (exit code 5); None when the child ended or takes too long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        note = running(state)
        if note is not None:
            return note
        if child.poll() not in (None, 5):
            break
        time.sleep(0.05)
    return None
