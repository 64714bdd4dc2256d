"""JSON from a server: bounded, with the token only ever sent where the plan says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret

MOST_BYTES = 8 * 1024 * 1024
_MOST_MOVES = 3


@dataclass(frozen=True)
class Answer:
    """`status`, headers with their names in lower case, the decoded JSON (None when there is none)."""

    status: int
    headers: Mapping[str, str]
    body: Any


def usable(secret: Secret) -> str:
    """The secret as it may stand in a header. Raises PermanentError without its value: httpx's error would show it."""
    value = secret.reveal().strip()
    if not value or not value.isascii() or not value.isprintable():
        where = secret.env or secret.file
        raise PermanentError(f"the secret in {where} cannot be sent: expected one line of printable ASCII")
    return value


async def get_json(
    client: Client, base: str, path: str, headers: Mapping[str, str], timeout_s: float, who: str
) -> Answer:
    """GET `base` + `path`; redirects are followed within the same origin only. `who` names the server in errors."""
    return await _ask(client, "GET", base, path, headers, None, timeout_s, who)


async def post_json(
    client: Client, base: str, path: str, headers: Mapping[str, str], body: Any, timeout_s: float, who: str
) -> Answer:
    """POST `body` as JSON, otherwise as `get_json`. After a TemporaryError it may have arrived nevertheless."""
    headers = {**headers, "Content-Type": "application/json"}
    return await _ask(client, "POST", base, path, headers, json.dumps(body).encode(), timeout_s, who)


async def patch_json(
    client: Client, base: str, path: str, headers: Mapping[str, str], body: Any, timeout_s: float, who: str
) -> Answer:
    """PATCH, otherwise as `post_json`."""
    headers = {**headers, "Content-Type": "application/json"}
    return await _ask(client, "PATCH", base, path, headers, json.dumps(body).encode(), timeout_s, who)


async def _ask(
    client: Client,
    method: str,
    base: str,
    path: str,
    headers: Mapping[str, str],
    content: bytes | None,
    timeout_s: float,
    who: str,
) -> Answer:
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(client, method, httpx.URL(base.rstrip("/") + path), headers, content, who)
    except TimeoutError:
        raise TemporaryError(f"{who} did not answer within {timeout_s:g} s") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise PermanentError(f"expected an http:// or https:// address for {who}") from None
    except httpx.HTTPError as error:
        raise TemporaryError(f"{who} does not answer ({type(error).__name__})") from None


async def _follow(
    client: Client, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None, who: str
) -> Answer:
    origin = (url.scheme, url.host, url.port)
    # After the others a POST would go on as a GET.
    moves = (301, 302, 307, 308) if method == "GET" else (307, 308)
    for _ in range(_MOST_MOVES + 1):
        async with client.stream(method, str(url), headers=dict(headers), content=content) as answer:
            if answer.status_code in moves and "location" in answer.headers:
                url = url.join(answer.headers["location"])
                if (url.scheme, url.host, url.port) != origin:
                    raise PermanentError(f"{who} sends elsewhere, to {url.host}: the token is not sent there")
                continue
            body = await _read(answer, who)
            given = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status_code, given, _decode(body))
    raise PermanentError(f"{who} sends from one address to the next, more than {_MOST_MOVES} times")


async def _read(answer: httpx.Response, who: str) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MOST_BYTES:
            raise PermanentError(f"{who} answers with more than {MOST_BYTES // 2**20} MiB: is the address right?")
    return bytes(body)


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def said(answer: Answer) -> str:
    """The server's own words, if it has any: one short line."""
    message = answer.body.get("message") or answer.body.get("error") if isinstance(answer.body, dict) else None
    return one_line(message, 200) if isinstance(message, str) and message.strip() else "(no explanation)"


def refuse(answer: Answer, who: str, what: str, token: Secret | None) -> None:
    """Raises what a status other than success means; `what` names the object asked for."""
    status = answer.status
    if status < 300:
        return
    limited = answer.headers.get("x-ratelimit-remaining", answer.headers.get("ratelimit-remaining")) == "0"
    if status == 429 or (status == 403 and (limited or _is_limit(answer))):
        hint = "" if token else ". With a token the limit is higher"
        raise TemporaryError(f"{who} limits how often it may be asked{_again(answer)}{hint}")
    how = f"the token in {token.env or token.file}" if token else "without a token"
    if status == 401:
        raise PermanentError(f"{who} refuses {how} (401): is it right, and has it not expired?")
    if status == 403:
        raise PermanentError(f"{who} refuses access to {what}, {how} (403): {said(answer)}")
    if status == 404:
        hint = "may the token see it?" if token else "a private one needs a token"
        raise PermanentError(f"{who} has no {what}, or does not show it (404): {hint}")
    if status == 408 or status >= 500:
        raise TemporaryError(f"{who} answered {status} for {what}: {said(answer)}")
    raise PermanentError(f"{who} answered {status} for {what}: {said(answer)}")


def one_line(text: str, most: int) -> str:
    """Words from outside, for a person's terminal."""
    line = " ".join(redact(text[: most * 4]).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _is_limit(answer: Answer) -> bool:
    return "retry-after" in answer.headers or "rate limit" in said(answer).lower()


def _again(answer: Answer) -> str:
    after = answer.headers.get("retry-after", "")
    return f"; it may be asked again after {after} s" if after.isascii() and after.isdigit() and len(after) < 7 else ""
