"""A cloud's access token: from a secret, from a command, or from the metadata server of the machine that Pilotage runs
on. It is kept while it lasts, in memory only, and never shown."""

from __future__ import annotations

import asyncio
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import DriverOptions
from pilotage.drivers.answers import one_line, usable
from pilotage.drivers.arguments import only
from pilotage.drivers.process import run
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

_EARLIER_S = 60.0
"""So long before its end a token is no longer used."""
_UNTOLD_S = 300.0
"""So long one is kept whose end is not told: what prints it may have had it for most of its hour."""
_FETCH_S = 30.0


class WithToken(DriverOptions):
    """Options of a driver that asks a cloud."""

    token: Secret | None = Field(default=None, description="an access token, kept fresh by something of yours")
    token_command: Annotated[list[str], only()] | None = Field(
        default=None, description="an argument list that prints an access token, run in the plan's folder"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.token is not None and self.token_command is not None:
            raise ValueError("token, or token_command, or neither: then the metadata server of this machine is asked")
        return self


@dataclass(frozen=True)
class MetadataServer:
    """Where a machine of a cloud gets its token. `cloud` is what people call it."""

    cloud: str
    url: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    passing: tuple[int, ...] = ()
    """Statuses that pass by themselves though they look final."""


class Bearer(ABC):
    """One source of tokens. `told` names it, for errors; `get` raises a DriverError when there is none to be had."""

    told: str

    def __init__(self) -> None:
        self._value, self._until, self._kept = "", 0.0, False
        self._one_at_a_time = asyncio.Lock()

    async def get(self) -> str:
        async with self._one_at_a_time:
            self._kept = time.time() < self._until
            if not self._kept:
                self._value, lasts_s = await self._fetch()
                self._until = time.time() + lasts_s - _EARLIER_S
            return self._value

    def forget(self) -> bool:
        """The service refused it: the next call gets a new one. Whether that can help: this one was not new."""
        self._until = 0.0
        return self._kept

    @abstractmethod
    async def _fetch(self) -> tuple[str, float]:
        """A token, and for how many seconds it is good."""


class _OfSecret(Bearer):
    def __init__(self, secret: Secret) -> None:
        super().__init__()
        self._secret = secret
        self.told = f"the token in {secret.told}"

    async def _fetch(self) -> tuple[str, float]:
        return await usable(self._secret), 0.0  # read each time: something keeps it fresh


class _OfCommand(Bearer):
    def __init__(self, argv: list[str], folder: Path, who: str) -> None:
        super().__init__()
        self._argv, self._folder, self._who = argv, folder, who
        self.told = f"the token that {argv[0]} prints"

    async def _fetch(self) -> tuple[str, float]:
        argv, who = self._argv, self._who
        done = await run(argv, cwd=self._folder, env=os.environ, timeout_s=_FETCH_S)
        if not done.ok:  # what it printed may be a token: only what it complained of is shown
            how = f"did not end within {_FETCH_S:g} s" if done.timed_out else f"ended with exit code {done.returncode}"
            words = one_line(done.stderr, 300) or "(no complaint)"
            raise TemporaryError(f"no access token for {who}: {argv[0]} {how}: {words}. Is it logged in here?")
        return _printed(done.stdout, f"no access token for {who}: {argv[0]}")


class _OfMachine(Bearer):
    def __init__(self, server: MetadataServer, who: str) -> None:
        super().__init__()
        self._server, self._who = server, who
        self.told = f"the token of this machine's identity in {server.cloud}"
        self._service = Service(f"{server.cloud}'s metadata server", server.url, None, 5.0, headers=server.headers)

    async def _fetch(self) -> tuple[str, float]:
        hint = f"Outside of {self._server.cloud} give `token` or `token_command`"
        try:
            answer = await self._service.call("GET", self._server.path, params=self._server.params)
            if answer.status in self._server.passing:
                raise TemporaryError(
                    f"it is being updated, or has no identity for this machine ({answer.status})", answer.after_s
                )
            if answer.status in (400, 404):
                raise PermanentError(f"it has no identity for this machine ({answer.status})")
            self._service.refuse(answer, "an access token")
        except (PermanentError, TemporaryError) as error:
            text = f"no access token for {self._who} from {self._service.name}: {error}. {hint}"
            if isinstance(error, TemporaryError):
                raise TemporaryError(text, error.after_s) from None
            raise PermanentError(text) from None
        return _answered(answer.body, f"no access token for {self._who}: {self._service.name}")


def bearer(options: WithToken, server: MetadataServer, folder: Path, who: str) -> Bearer:
    """The source that `options` name; `who` is what wants the token."""
    if options.token is not None:
        return _OfSecret(options.token)
    if options.token_command is not None:
        return _OfCommand(options.token_command, folder, who)
    return _OfMachine(server, who)


def _printed(text: str, whose: str) -> tuple[str, float]:
    """A line with nothing but the token, or JSON as ``az account get-access-token`` prints it."""
    if not text.lstrip().startswith("{"):
        return _checked(text.strip(), whose), _UNTOLD_S
    try:
        found = json.loads(text)
    except ValueError:
        raise PermanentError(f"{whose} printed what is no token: expected one line, or JSON") from None
    named = {
        "access_token": found.get("access_token") or found.get("accessToken"),
        "expires_on": found.get("expires_on"),
    }
    return _answered(named, whose)


def _answered(body: Any, whose: str) -> tuple[str, float]:
    """As OAuth says: `access_token`, with `expires_in` (seconds) or `expires_on` (an instant), numbers or text."""
    value = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise PermanentError(f"{whose} gave no access_token")
    lasts = _number(body.get("expires_in"))
    ends = _number(body.get("expires_on"))
    if lasts is None:
        lasts = _UNTOLD_S if ends is None else ends - time.time()
    return _checked(value, whose), lasts


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _checked(value: str, whose: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise PermanentError(f"{whose} gave what is no token: expected one line of printable ASCII without blanks")
    return value
