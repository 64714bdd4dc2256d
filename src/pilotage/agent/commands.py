"""Commands in what a model fills in: a plan runs them later, so they have to be the team's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pilotage.agent.jail import Jail
from pilotage.drivers.secrets.reference import is_reference

_ELSEWHERE = ("ssh", "servers")
"""Drivers whose commands run on other machines, where the repository is not."""
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "powershell", "pwsh", "cmd", "osascript", "eval")
_STARTERS = ("env", "exec", "sudo", "su", "doas", "xargs", "nohup", "timeout", "ssh", "scp")
_FETCHERS = ("curl", "wget", "nc", "ncat", "socat")
_LANGUAGES = ("python", "python3", "perl", "ruby", "node", "php", "lua")
_ANYTHING = frozenset((*_SHELLS, *_STARTERS, *_FETCHERS, *_LANGUAGES))
"""Programs that do whatever their arguments say."""


_DATA = frozenset({"urls", "paths", "canary", "stable", "control", "servers", "values", "names", "regions"})
"""Lists that are no commands; any other list of texts is taken for one."""


_HERE = ("traffic", "deploy", "rolling", "blue_green", "logs")
"""Sections whose paths are files that something is done with."""


@dataclass(frozen=True)
class Commands:
    """`jail` is the repository, `folder` the plan's: its paths start there."""

    jail: Jail | None
    folder: Path

    def wrong(self, place: str, value: Any, quoted: str) -> str:
        """What is wrong with the commands, files and secrets in `value`, or nothing.

        Here only files of the repository are run; on servers only a program that the quoted line names.
        """
        if isinstance(value, Mapping):
            elsewhere = value.get("driver") in _ELSEWHERE
            said = (self._option(key, one, elsewhere, quoted) for key, one in _options(value))
            return next((one for one in said if one), "")
        if place.endswith("command[0]"):
            return self._program(str(value), True, quoted)
        return self._option(place, value, True, quoted) if place.startswith(_HERE) else ""

    def _option(self, key: str, value: Any, elsewhere: bool, quoted: str) -> str:
        if isinstance(value, Mapping):
            named = str(value.get("env", ""))
            fine = bool(named) and named in quoted
            return "" if fine else f"{key}: expected no secret but {{env: NAME}} with a name that the quoted line holds"
        if isinstance(value, list):
            if value and key not in _DATA:
                return self._program(str(value[0]), elsewhere, quoted)
            return next((said for one in value if (said := self._option(key, one, elsewhere, quoted))), "")
        is_path = isinstance(value, str) and "://" not in value and ("/" in value or value.startswith("~"))
        if is_path and value not in quoted and not self._here(value):
            return f"{key}: expected a path of the repository, or one that the quoted line names, got {value[:60]!r}"
        return ""

    def _program(self, program: str, elsewhere: bool, quoted: str) -> str:
        name = PurePosixPath(program).name.lower()
        if name in _ANYTHING:
            return f"expected a script of the repository, not {name}, which does whatever it is told"
        if elsewhere:
            return "" if program in quoted else f"what you quote does not name the program {program[:60]!r}"
        if not self._here(program):
            return f"expected a script of the repository as the command, such as ./deploy.sh, got {program[:60]!r}"
        return ""

    def _here(self, path: str) -> bool:
        return self.jail is not None and self.jail.holds(path, self.folder)


def _options(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each with its name; what is inside of mappings, too."""
    for key, one in value.items():
        if isinstance(one, Mapping) and not is_reference(one):
            yield from _options(one)
        else:
            yield key, one
