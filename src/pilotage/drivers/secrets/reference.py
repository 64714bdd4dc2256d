"""A reference to a secret: what it may look like, what can be said of it without asking anybody, and its value."""

from __future__ import annotations

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.secrets.kept import kept

FORMS = "{env: NAME}, {file: PATH}, {vault: MOUNT/PATH#KEY} or {aws-secret: NAME#KEY}"
VAULT = r"(?!\.{1,2}/)[^\s/#?%]+(//?(?!\.{1,2}[/#])[^\s/#?%]+)+#[^\r\n#]{1,200}"
"""The engine's mount, the secret's path, and its key. ``//`` ends a mount that has slashes itself."""
AWS = r"[A-Za-z0-9/_+=.@!:-]{1,2048}(#[^\r\n#]{1,200})?"
"""A secret's name or ARN, and a key where its text is JSON."""

_KINDS = {
    "env": re.compile(r"[\s\S]+"),
    "file": re.compile(r"[\s\S]+"),
    "vault": re.compile(VAULT),
    "aws-secret": re.compile(AWS),
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_HIDDEN = "(hidden)"
_FILE_S = 5.0
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="secrets")
"""Of its own: what keeps the others' threads busy must not keep the traffic from going back."""


def is_reference(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, given),) = value.items()
    return kind in _KINDS and isinstance(given, str) and bool(_KINDS[kind].fullmatch(given))


class Secret(BaseModel):
    """One of ``{env: NAME}``, ``{file: PATH}``, ``{vault: MOUNT/PATH#KEY}`` and ``{aws-secret: NAME#KEY}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    env: str | None = None
    file: str | None = None
    vault: str | None = None
    aws_secret: str | None = Field(default=None, alias="aws-secret")

    @model_validator(mode="before")
    @classmethod
    def _only_references(cls, value: Any) -> Any:
        if value is _HIDDEN:
            raise ValueError(f"a reference, {FORMS}, as secrets are never written into a plan")
        return value

    @model_validator(mode="before")
    @classmethod
    def _hide_anything_else(cls, value: Any) -> Any:
        # Runs first: pydantic shows the refused input in its errors, so the input must be gone before the refusal.
        return value if isinstance(value, cls) or is_reference(value) else _HIDDEN

    @property
    def told(self) -> str:
        """What errors call it: the variable, the file, or where it is kept. Never the value."""
        if self.vault is not None:
            return f"Vault's {self.vault}"
        if self.aws_secret is not None:
            return f"AWS' secret {self.aws_secret.rpartition(':secret:')[2]}"  # an ARN would be taken for a secret
        return str(self.env or self.file)

    @property
    def afar(self) -> str:
        """What it is called among those that have to be asked for; empty for one that is here."""
        if self.vault is not None:
            return f"vault {self.vault}"
        return f"aws-secret {self.aws_secret}" if self.aws_secret is not None else ""

    def missing(self) -> str | None:
        """Why it cannot be read, as far as that is known without asking anybody, or None.

        What looks like a secret instead of its name or path is not shown.
        """
        if self.vault is not None:
            from pilotage.drivers.secrets import vault

            return vault.missing()
        if self.aws_secret is not None:
            from pilotage.drivers.secrets import aws

            return aws.missing()
        if self.env is not None:
            is_name = _VARIABLE.fullmatch(self.env) and redact(self.env) == self.env
            shown = self.env if is_name else "named there"
            return None if os.environ.get(self.env) else f"the environment variable {shown} is not set"
        path = Path(self.file or "")
        shown = str(path)[:200] if path.is_absolute() else "named there"
        return None if path.is_file() and os.access(path, os.R_OK) else f"the file {shown} cannot be read"

    async def reveal(self) -> str:
        """The value, as it is now or was up to a minute ago. Raises DriverErrors, which name the reference only."""
        if self.env is not None:
            return self.read_here()
        if self.file is not None:
            try:
                async with asyncio.timeout(_FILE_S):
                    return await asyncio.get_running_loop().run_in_executor(_THREADS, self.read_here)
            except TimeoutError:
                raise TemporaryError(f"the file {self.file} with a secret was not read within {_FILE_S:g} s") from None
        if reason := self.missing():
            raise PermanentError(f"a secret cannot be read: {reason} (where the coordinator runs)")
        # Both know drivers' ways to call a service, which know secrets.
        if self.vault is not None:
            from pilotage.drivers.secrets import vault

            return await kept.get(self.afar, vault.surroundings(), vault.reading(self.vault))
        from pilotage.drivers.secrets import aws

        return await kept.get(self.afar, aws.surroundings(), aws.reading(self.aws_secret or ""))

    def read_here(self) -> str:
        """The value of a variable or a file, which nobody has to be asked for."""
        if reason := self.missing():
            raise PermanentError(f"a secret is missing: {reason} (where the coordinator runs)")
        if self.env is not None:
            return os.environ[self.env]
        try:
            return Path(self.file or "").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise PermanentError(f"a secret is missing: the file {self.file} cannot be read as text") from None
