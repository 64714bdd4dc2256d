"""How git is asked about a repository that nobody vouches for.

A repository's own configuration can name programs: file system monitors, hooks, pagers, transports of a promisor remote
from which missing objects are fetched. Questions are asked so that none of them runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

PROGRAMS_OFF = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false")
NO_TRANSPORT = "none"
_REACHING = ("GIT_SSH", "GIT_SSL", "GIT_ASKPASS", "GIT_CONFIG", "GIT_HTTP", "GIT_PROXY")
_TRANSPORTS = "file:git:http:https:ssh"
_GITHUB = re.compile(
    r"(?:https?://(?:[^/@\s]*@)?(?:www\.)?github\.com(?::\d+)?/|ssh://(?:[^/@\s]*@)?(?:ssh\.)?github\.com(?::\d+)?/"
    r"|git://github\.com/|(?:[^/@:\s]+@)?github\.com:/?)"
    r"([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/([A-Za-z0-9._-]{1,100}?)(?:\.git)?/?",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.]|[/.]$|\.lock$")
_VERSION = re.compile(r"(?:release[-/])?v?(\d{1,9}(?:\.\d{1,9}){1,3})((?:[-+.]?[A-Za-z][\w.+-]*|[-+][\w.+-]+)?)")


def arguments(directory: str, question: Sequence[str], git: str = "git") -> list[str]:
    """The whole argument list of ``git <question>`` within a folder."""
    off = [part for setting in PROGRAMS_OFF for part in ("-c", setting)]
    return [git, "--no-pager", "--literal-pathspecs", *off, "-C", directory, *question]


def environment(present: Mapping[str, str], transports: bool = False) -> dict[str, str]:
    """`present` without what redirects git, and with what keeps it quiet.

    No transport is allowed unless asked for: then a missing object is missing, and no remote's program starts. A
    fetch keeps how this machine reaches remotes.
    """
    wanted = _REACHING if transports else ()
    kept = {name: value for name, value in present.items() if not name.startswith("GIT_") or name.startswith(wanted)}
    kept |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if transports:
        return kept | {"GIT_ALLOW_PROTOCOL": _TRANSPORTS}
    return kept | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": NO_TRANSPORT}


def is_name(text: str) -> bool:
    """Whether `text` may name a branch, a tag or a commit, and nothing cleverer: no option, range or search."""
    return 0 < len(text) <= 250 and _NO_NAME.search(text) is None


def github_of(url: str) -> str:
    """``owner/name`` of a remote's address on github.com, or nothing. Credentials in the address are dropped."""
    found = _GITHUB.fullmatch(url.strip())
    return f"{found[1]}/{found[2]}" if found and found[2] not in (".", "..") else ""


def version_of(tag: str) -> str:
    """The version a tag names: ``v2.4.1`` and ``release-2.4.1`` name 2.4.1; nothing for other tags."""
    found = _VERSION.fullmatch(tag) if len(tag) <= 100 else None
    return found[1] + found[2] if found else ""


def age(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """To sort versions by, the oldest first. Like semantic versioning: 2.4.0-rc.2 comes before 2.4.0."""
    found = re.match(r"[\d.]*\d", version)
    numbers = found[0] if found else ""
    rest = version[len(numbers) :]
    parts = re.findall(r"\d{1,9}|[A-Za-z]+", rest)
    keys = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part.lower()) for part in parts)
    before = bool(rest) and not rest.startswith("+")
    padded = [int(part) for part in numbers.split(".") if part]
    return (*padded, *(0,) * (4 - len(padded))), not before, keys
