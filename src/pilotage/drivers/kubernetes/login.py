"""As whom the API server is asked: a token, one in a file that is renewed there, or one that a command gives."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import process
from pilotage.drivers.answers import one_line
from pilotage.drivers.kubernetes.config import Access

_EXEC = "client.authentication.k8s.io"
_EARLIER_S = 10.0
"""A token that ends so soon is not used any more."""
_kept: dict[str, tuple[str, float]] = {}
"""What commands gave, and until when it holds: some of them take seconds, and a rollback cannot wait."""


class Login:
    """Of one user. `within_s` is how long a command may take."""

    def __init__(self, access: Access, within_s: float) -> None:
        self._who = access.who
        self._user = access.user
        self._within_s = within_s
        self._asking = asyncio.Lock()
        self._spec = {"cluster": access.cluster, "server": access.server}
        # A command's token is another one for another cluster, profile or account.
        self._key = json.dumps([access.server, self._user.get("exec")], default=str, sort_keys=True)

    async def header(self) -> str | None:
        """The Authorization header; None where a certificate, or nothing, says who asks."""
        user = self._user
        if path := user.get("tokenFile"):  # renewed there within the hour in a pod: read each time
            return f"Bearer {_fit(await asyncio.to_thread(_read, str(path), self._who), self._who)}"
        if token := user.get("token"):
            return f"Bearer {_fit(str(token), self._who)}"
        if user.get("exec"):
            return f"Bearer {await self._from_command()}"
        if user.get("username") and user.get("password"):
            pair = f"{user['username']}:{user['password']}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        if user.get("auth-provider"):
            raise PermanentError(
                f"{self._who}: the kubeconfig's user has an `auth-provider`, which Kubernetes gave up in 1.26: write "
                "the kubeconfig anew with your cloud's command, so that it has an `exec`"
            )
        return None

    async def prepare(self) -> None:
        """A command that gives the token may take its own time, not the request's."""
        if self._user.get("exec"):
            await self.header()

    async def renewed(self, refused: str | None) -> str | None:
        """After a 401: the header with what has been renewed meanwhile, None when it is the same as before."""
        if self._user.get("exec") and _kept.get(self._key, ("", 0.0))[0] == (refused or "").removeprefix("Bearer "):
            _kept.pop(self._key, None)
        now = await self.header()
        return now if now != refused else None

    async def _from_command(self) -> str:
        async with self._asking:
            token, until = _kept.get(self._key, ("", 0.0))
            if not token or time.time() > until - _EARLIER_S:
                token, until = await self._ask(self._user["exec"])
                _kept[self._key] = token, until
            return token

    async def _ask(self, given: Any) -> tuple[str, float]:
        command, args = str(given.get("command") or ""), given.get("args") or []
        version = str(given.get("apiVersion") or "")
        if not command or not isinstance(args, list) or version not in (f"{_EXEC}/v1", f"{_EXEC}/v1beta1"):
            raise PermanentError(
                f"{self._who}: the kubeconfig's `exec` needs a command and the apiVersion {_EXEC}/v1 or v1beta1: write "
                "the kubeconfig anew with your cloud's command"
            )
        argv = [command, *(str(one) for one in args)]
        try:
            env = self._environment(given, version)
            done = await process.run(argv, cwd=Path.cwd(), env=env, timeout_s=self._within_s)
        except PermanentError as error:
            hint = one_line(str(given.get("installHint") or ""), 300)
            raise PermanentError(f"{self._who}: {error}. The kubeconfig's `exec` names it. {hint}".strip()) from None
        if done.timed_out:
            raise TemporaryError(f"{self._who}: {command} gave no token within {self._within_s:g} s")
        if not done.ok:
            said = one_line(done.stderr, 300) or "it said nothing"
            raise PermanentError(
                f"{self._who}: {command} gave no token (exit code {done.returncode}): {said}. Log in with it again, as "
                "the user who runs the coordinator"
            )
        return self._token(command, done.stdout)

    def _environment(self, given: Mapping[str, Any], version: str) -> dict[str, str]:
        more = given.get("env") if isinstance(given.get("env"), list) else []
        named = {str(one["name"]): str(one["value"]) for one in more or [] if isinstance(one, dict) and len(one) == 2}
        spec: dict[str, Any] = {"interactive": False}
        if given.get("provideClusterInfo"):
            known = self._spec["cluster"]
            spec["cluster"] = {"server": self._spec["server"]}
            if isinstance(known, Mapping) and known.get("certificate-authority-data"):
                spec["cluster"]["certificate-authority-data"] = known["certificate-authority-data"]
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
        return {**os.environ, **named, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    def _token(self, command: str, output: str) -> tuple[str, float]:
        try:
            status = json.loads(output)["status"]
            token, ends = status.get("token"), status.get("expirationTimestamp")
            until = datetime.fromisoformat(ends).timestamp() if ends else float("inf")
        except (ValueError, TypeError, KeyError, AttributeError):
            token = None
        if not token:
            raise PermanentError(
                f"{self._who}: {command} printed no ExecCredential with a token (client certificates from a command "
                "are not known here)"
            )
        return _fit(str(token), self._who), until


def _read(path: str, who: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PermanentError(f"{who}: the file {path} with the token cannot be read") from None


def _fit(token: str, who: str) -> str:
    """Raises PermanentError without the value: the library's own error would show it."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise PermanentError(f"{who}: the token of the kubeconfig's user cannot be sent: expected printable ASCII")
    return token
