"""How a script takes the version, as its text says: a position, an option, an environment variable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pilotage.repository.files import Line, first
from pilotage.repository.scene import PLACEHOLDER

_NAME = r"(?:(?:app|image|docker|release|deploy|new|target|git)_?)?(?:version|tag|release|revision|ref|sha|build)"
_IS_VERSION = re.compile(_NAME, re.IGNORECASE)
_POSITION = re.compile(r"""(\w+)=["']?\$\{?([1-9])(:?[-=])?""")
_CASE = re.compile(r"(?:^|[\s|(\"'])--?[\w-]+[\"']?\s*\)")
_BARE = re.compile(r"\$\{?(?:[1-9](?![0-9])|[@*])")
_OPTION = re.compile(
    rf"""^\s*["']?(?:-\w["']?\s*\|\s*["']?)?(--{_NAME.replace("_?", "[-_]?")})["']?"""
    r"""(?:=\*)?(?:\s*\|\s*["']?-\w["']?)?\s*\)""",
    re.IGNORECASE,
)
_TAKES_NEXT = re.compile(r"\$\{?2|shift|#\*=|OPTARG")
_ENVIRONMENT = re.compile(
    r"""(?:\$\{?|environ(?:\.get)?[\[(]\s*["']|getenv\(\s*["']|ENV\[["']|ENV\.fetch\(["']|process\.env\.)"""
    r"""((?-i:(?:(?:APP|IMAGE|DOCKER|RELEASE|DEPLOY|NEW|TARGET|GIT|SERVICE|BUILD)_)?(?:VERSION|TAG|RELEASE|REVISION)))\b"""
)
_COMPUTED = r"^\s*(?:export\s+|readonly\s+|local\s+)?{name}=(?![\"']?\$\{{?{name}\b)"
_DECLARED = re.compile(
    rf"""(?:add_argument|option|argument|Argument|Option)\(\s*["'](--)?({_NAME})["']""", re.IGNORECASE
)
_FIRST_ARGUMENT = re.compile(
    r"sys\.argv\[1\]|\bARGV\[0\]|\bARGV\.first\b|\bARGV\.shift\b|process\.argv\[2\]|\$argv\[1\]"
)
_FUNCTION = re.compile(r"\s*(?:function\s+)?([\w-]+)\s*\(\)\s*\{(.*\})?")
_COMMENT = re.compile(r"\s*(?:#|//)")


@dataclass(frozen=True)
class Takes:
    """`arguments` come after the command, `variable` before it; `sure` is 0 to 1; `seen` is the line that says so."""

    arguments: tuple[str, ...] = ()
    variable: str = ""
    sure: float = 1.0
    seen: Line | None = None

    def command(self, *argv: str) -> list[str]:
        prefix = ["env", f"{self.variable}={{version}}"] if self.variable else []
        return [*prefix, *argv, *self.arguments]


def of_script(lines: list[Line], name: str) -> Takes:
    """How the script called `name` wants to be given the version."""
    code = [line for line in _outside(lines) if not _COMMENT.match(line.text)]
    positions = _positions(code)
    named = next((place for place, (word, _, _) in positions.items() if _IS_VERSION.fullmatch(word)), 0)
    if named:
        needed = [place for place, (_, optional, _) in positions.items() if not optional]
        arguments = [
            "{version}" if place == named else _missing(positions[place][0] if place in positions else "", place, name)
            for place in range(1, max([named, *needed]) + 1)
        ]
        return Takes(tuple(arguments), sure=1.0 if len(arguments) == 1 else 0.7, seen=positions[named][2])
    if found := first(code, _DECLARED, lambda one: "action=" not in one.string):
        option = (f"--{found[1][2]}", "{version}") if found[1][1] else ("{version}",)
        return Takes(option, sure=0.9, seen=found[0])
    if found := _option(code):
        return Takes((found[1][1], "{version}"), sure=0.8, seen=found[0])
    if found := first(code, _ENVIRONMENT, lambda one: not _is_computed(code, one[1])):
        return Takes(variable=found[1][1], sure=0.8, seen=found[0])
    if found := first(code, _FIRST_ARGUMENT):
        return Takes(("{version}",), sure=0.8, seen=found[0])
    if not positions and (found := first(code, _BARE, lambda one: "awk" not in one.string)):
        return Takes(("{version}",), sure=0.8, seen=found[0])
    return unknown(name)


def unknown(name: str) -> Takes:
    return Takes((f"{PLACEHOLDER}: how {name} takes the version, as {{version}}",), sure=0.4)


def _option(code: list[Line]) -> tuple[Line, re.Match[str]] | None:
    """A case whose branch takes the next argument: ``--version)`` alone often prints the script's own."""
    for place, line in enumerate(code):
        if found := _OPTION.match(line.text):
            branch = [line.text[found.end() :], *(one.text for one in code[place + 1 : place + 2])]
            if any(_TAKES_NEXT.search(text) for text in branch):
                return line, found
    return None


def is_version(name: str) -> bool:
    return _IS_VERSION.fullmatch(name) is not None


def _outside(lines: list[Line]) -> list[Line]:
    """Without the bodies of a shell's functions, whose $1 is another; ``main "$@"`` hands the script's own on."""
    kept, inside = [], False
    for line in lines:
        if inside:
            inside = not line.text.startswith("}")
        elif (found := _FUNCTION.match(line.text)) and found[1] not in ("main", "deploy", "run"):
            inside = not found[2]
        else:
            kept.append(line)
    return kept


def _positions(code: list[Line]) -> dict[int, tuple[str, bool, Line]]:
    """By position: the variable that gets it, whether it may be left out, the line."""
    positions: dict[int, tuple[str, bool, Line]] = {}
    before = ""
    for line in code:
        if not _CASE.search(line.text) and not _CASE.search(before):
            for found in _POSITION.finditer(line.text):
                positions.setdefault(int(found[2]), (found[1], bool(found[3]), line))
        before = line.text
    return positions


def _missing(variable: str, place: int, name: str) -> str:
    return f"{PLACEHOLDER}: argument {place} of {name}" + (f", its {variable}" if variable else "")


def _is_computed(code: list[Line], variable: str) -> bool:
    return first(code, re.compile(_COMPUTED.format(name=variable))) is not None
