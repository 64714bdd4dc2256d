"""Tickets opened by a team's own command, which prints the ticket's address on its last line."""

from __future__ import annotations

import os
import re

from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Ticket
from pilotage.drivers.answers import one_line
from pilotage.drivers.arguments import check_placeholders, fill
from pilotage.drivers.process import check_command, expect_success, run_once
from pilotage.drivers.tracker import words

_KNOWN = ("title", "text", "who", "key")
_MOST = 30_000
"""Characters of a text: an argument has 128 KiB at most on Linux."""
_WHOLE = re.compile(r"(--?[\w-]+=)?\{\w+\}")


class CommandTracker:
    class Options(DriverOptions):
        command: list[str] = Field(
            description="an argument list; {title}, {text}, {who}, {key} stand alone or as --option={title}"
        )
        timeout_s: float = Field(
            default=60.0, gt=0, le=600, description="it is ended after that many seconds, and run again"
        )

        @field_validator("command")
        @classmethod
        def _is_a_command(cls, argv: list[str]) -> list[str]:
            for argument in check_placeholders(argv, _KNOWN):
                # Within other words, as those of `sh -c`, what a ticket says could be taken for more than data.
                if any(f"{{{name}}}" in argument for name in _KNOWN) and not _WHOLE.fullmatch(argument):
                    raise ValueError("placeholders as arguments of their own, or as --option={title}")
            return argv

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def open(self, ticket: Ticket) -> str:
        given = {
            "title": words.title(ticket),
            "text": words.text(ticket, _MOST),
            "who": one_line(ticket.who, 100),
            "key": ticket.key,
        }
        argv = fill(self._options.command, {name: _no_option(value) for name, value in given.items()})
        cwd, timeout_s = self._context.directory, self._options.timeout_s
        env = {**os.environ, "PILOTAGE_KEY": ticket.key}
        done = await run_once(argv, cwd=cwd, env=env, key=ticket.key, state=self._context.state, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        lines = done.stdout.strip().splitlines()
        if not lines:
            raise PermanentError(
                f"{argv[0]} ended well, but printed no address: expected the ticket's on its last line"
            )
        return one_line(lines[-1], 300)

    async def probe(self) -> str:
        check_command(self._options.command, self._context.directory, os.environ)
        return f"{self._options.command[0]} can be run in {self._context.directory}"

    async def close(self) -> None:
        pass


def _no_option(value: str) -> str:
    return f" {value}" if value.startswith("-") else value
