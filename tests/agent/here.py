"""The command line within the test's process: the libraries that speak to models take seconds to import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pilotage.cli.main import main

KEY = "test-key-77b2"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@contextmanager
def here(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`pilotage ARGUMENTS` in `folder`, with a key, and with `url` as the address of Anthropic's API."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ANTHROPIC_API_KEY", KEY)
        patch.setenv("ANTHROPIC_BASE_URL", url)
        for name in ("PILOTAGE_MODEL", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
            patch.delenv(name, raising=False)

        def run(*arguments: str) -> Done:
            capsys.readouterr()
            patch.setattr(sys, "argv", ["pilotage", *arguments])
            code = 0
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            said = capsys.readouterr()
            return Done(code, said.out, said.err)

        yield run
