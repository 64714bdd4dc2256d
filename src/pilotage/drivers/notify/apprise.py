"""Announcements to any service that Apprise knows, by its Apprise URL: Teams, Discord, Telegram, a hundred more.

Apprise can neither edit a post nor answer in its thread; where that matters there is a driver of ours. It is imported
only when needed (it takes seconds), and without all that reaches further than a message: retries, redirects, templates,
plugins and storage on disk. It logs nothing, as an Apprise URL holds credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.answers import listed
from pilotage.drivers.messages import Taken, headline
from pilotage.drivers.secrets import Secret

_GOOD = ("promoted", "recovery_confirmed", "phase_passed", "follow_up_done")
_BAD = ("failed", "rolled_back", "rollback_started", "direct_rollback", "recovery_doubtful", "least_bad_chosen")
_WARNING = ("held", "person_needed", "approval_requested", "step_failed", "start_overdue", "start_refused")

_MENTION = re.compile(r"(?<!\w)@(?=\w)|<(?=[@!#&])")
_SCHEME = re.compile(r"[a-z][a-z0-9+-]{0,30}", re.ASCII)

_taken = Taken()


class AppriseNotifier:
    class Options(DriverOptions):
        urls: list[Secret] = Field(
            min_length=1, max_length=20, description="Apprise URLs: they hold credentials and never stand in a plan"
        )
        timeout_s: float = Field(default=8.0, gt=0, le=60, description="seconds for each service")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options

    async def send(self, message: Message) -> None:
        """To every URL that has not taken this message yet; raises when one of them does not."""
        failed = [
            scheme
            for scheme in await asyncio.gather(
                *(asyncio.to_thread(self._send, url, message) for url in await self._urls())
            )
            if scheme
        ]
        if failed:
            rest = len(self._options.urls) - len(failed)
            others = f"; {rest} other{'s have' if rest != 1 else ' has'} it and will not get it again" if rest else ""
            raise TemporaryError(f"Apprise could not deliver by {listed(failed)}{others}")

    async def probe(self) -> str:
        """That every URL is one of a known service: nothing is sent, nobody is called."""
        urls = await self._urls()
        names = await asyncio.to_thread(lambda: [_name(url, self._options.timeout_s) for url in urls])
        return f"Apprise sends by {listed(names)} (not called)"

    async def close(self) -> None:
        """Apprise keeps nothing open."""

    async def _urls(self) -> list[str]:
        return [await url.reveal() for url in self._options.urls]

    def _send(self, url: str, message: Message) -> str:
        """The URL's scheme when it failed, else nothing."""
        receiver = hashlib.sha256(url.encode(errors="replace")).hexdigest()
        if _taken.has(message, receiver):
            return ""
        apprise, service = _service(url, self._options.timeout_s)
        courier = apprise.Apprise(service, asset=service.asset)
        sent = courier.notify(
            title=_quiet(headline(message)),
            body=_quiet(message.text.strip() or headline(message)),
            notify_type=_type(apprise, message.kind),
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
        )
        if not sent:
            return _scheme(url)
        _taken.add(message, receiver)
        return ""


def _service(url: str, timeout_s: float) -> tuple[Any, Any]:
    """Apprise itself, and the URL's service. Raises PermanentError, which names the URL's scheme at most."""
    import apprise

    for name in ("apprise", "urllib3"):  # urllib3 would log the paths of addresses, which are often passwords
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        allow_templates=False,
        secure_logging=True,
        service_timeout=timeout_s,
        async_mode=False,
        http_redirects=False,
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
    )
    try:
        service = apprise.Apprise.instantiate(url, asset=asset)
    except Exception:  # of a plugin, with the URL's parts in its words
        service = None
    if service is None:
        raise PermanentError(f"expected the Apprise URL of a known service, got one that begins with {_scheme(url)}")
    service.retry = 0
    return apprise, service


def _name(url: str, timeout_s: float) -> str:
    _, service = _service(url, timeout_s)
    return f"{service.service_name} ({_scheme(url)})"


def _type(apprise: Any, kind: str) -> Any:
    types = apprise.NotifyType
    if kind in _BAD:
        return types.FAILURE
    return types.WARNING if kind in _WARNING else types.SUCCESS if kind in _GOOD else types.INFO


def _scheme(url: str) -> str:
    scheme = url.partition("://")[0].lower()
    return f"{scheme}://" if "://" in url and _SCHEME.fullmatch(scheme) else "no scheme"


def _quiet(text: str) -> str:
    """Nobody is mentioned by text from outside: chats read ``@everyone`` and ``<@...>``, but not with a gap in it."""
    return _MENTION.sub(lambda found: f"{found[0]}\u200b", text)
