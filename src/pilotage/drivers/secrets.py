"""Secrets are written as references and read at the moment of use; a value is never kept, printed or logged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from pilotage.core.errors import PermanentError
from pilotage.core.redact import HIDDEN, redact

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_HIDDEN = "(hidden)"
LEAST_SECRET = 4
"""Shorter values would hide half of any sentence."""


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and set(value) <= {"env", "file"}
        and all(isinstance(one, str) and one for one in value.values())
    )


class Secret(BaseModel):
    """``{env: NAME}`` or ``{file: /absolute/path}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    env: str | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_references(cls, value: Any) -> Any:
        if value is _HIDDEN:
            raise ValueError("a reference, {env: NAME} or {file: PATH}, as secrets are never written into a plan")
        return value

    @model_validator(mode="before")
    @classmethod
    def _hide_anything_else(cls, value: Any) -> Any:
        # Runs first: pydantic shows the refused input in its errors, so the input must be gone before the refusal.
        return value if isinstance(value, cls) or _is_reference(value) else _HIDDEN

    def missing(self) -> str | None:
        """Why it cannot be read now, or None. What looks like a secret instead of its name or path is not shown."""
        if self.env is not None:
            is_name = _VARIABLE.fullmatch(self.env) and redact(self.env) == self.env
            shown = self.env if is_name else "named there"
            return None if os.environ.get(self.env) else f"the environment variable {shown} is not set"
        path = Path(self.file or "")
        shown = str(path)[:200] if path.is_absolute() else "named there"
        return None if path.is_file() and os.access(path, os.R_OK) else f"the file {shown} cannot be read"

    def reveal(self) -> str:
        """The value. Raises PermanentError naming the reference only."""
        if reason := self.missing():
            raise PermanentError(f"a secret is missing: {reason} (where the coordinator runs)")
        if self.env is not None:
            return os.environ[self.env]
        try:
            return Path(self.file or "").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise PermanentError(f"a secret is missing: the file {self.file} cannot be read as text") from None


def hide(text: str, options: Iterable[Any]) -> str:
    """`text` without the values that drivers' `options` refer to, and without what looks like a secret.

    In JSON a value may be written otherwise, with its quotes and backslashes escaped: it is hidden there, too.
    """
    values = {one for each in options for one in _values(each)}
    escaped = {json.dumps(one, ensure_ascii=ascii)[1:-1] for one in values for ascii in (True, False)}
    for secret in sorted(values | escaped, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)  # the longest first: one may be the beginning of another
    return redact(text)


def _values(options: Any) -> Iterator[str]:
    """The values behind the references, as far as they can be read here."""
    if isinstance(options, Mapping):
        with suppress(Exception):
            value = Secret.model_validate(dict(options)).reveal()
            yield from (one for one in (value, *value.split()) if len(one) >= LEAST_SECRET)
        options = list(options.values())
    if isinstance(options, list | tuple):
        for one in options:
            yield from _values(one)
