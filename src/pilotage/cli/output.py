"""What a command prints: words for a person, or JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def as_json(command: F) -> F:
    """The option --json, which `say` is told as `json_out`."""
    return click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")(command)


def say(json_out: bool, data: Any, text: str, err: bool = False) -> None:
    click.echo(json.dumps(data, indent=2) if json_out else text, err=err)
