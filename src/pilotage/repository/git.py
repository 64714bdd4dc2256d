"""What git knows, by three short questions (four before the first commit). Nothing it is configured to run is run."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pilotage.core import git
from pilotage.core.redact import redact

_TIMEOUT_S = 5.0
_MOST_REFS = 20_000
_KINDS = ("refs/heads", "refs/tags", "refs/remotes/origin")
_MOST_TAGS = 100
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = "%(refname)%09%(objectname)%09%(*objectname)%09%(HEAD)%09%(symref)"
_MAINS = ("main", "master", "trunk")


@dataclass(frozen=True)
class Git:
    """`root` is the work tree's top, or the folder itself for a bare repository or none."""

    root: Path
    is_git: bool = False
    bare: bool = False
    branch: str = ""
    commit: str = ""
    main: str = ""
    github: str = ""
    elsewhere: bool = False
    """There is an origin, and it is not on GitHub."""
    tags: tuple[str, ...] = ()
    tag_here: str = ""
    notes: tuple[str, ...] = ()


def ask(directory: Path) -> Git:
    """Never raises: what git cannot say is empty, and a note says why."""
    program = _program()
    if program is None:
        found = next((one for one in (directory, *directory.parents) if (one / ".git").exists()), None)
        return Git(directory, notes=("git is not installed: branch, commit and tags are unknown",) if found else ())
    where = _run(
        program, directory, "rev-parse", "--is-inside-git-dir", "--is-shallow-repository", "--show-cdup", "HEAD"
    )
    inside, shallow, *rest = [*where.out.split("\n"), ""]
    if inside not in ("true", "false"):
        return Git(directory, notes=_why(where))
    bare = inside == "true"
    up = rest[0].count("../")
    root = directory if bare or up == 0 or rest[0] != "../" * up else directory.parents[up - 1]
    notes = ["a shallow clone: older commits and tags are not here"] if shallow == "true" else []
    head = next((line for line in rest if _HASH.fullmatch(line)), "")
    refs = _run(program, directory, "for-each-ref", f"--count={_MOST_REFS}", f"--format={_REF}", *_KINDS)
    if not refs.ok:
        notes.append(f"git could not list branches and tags: {refs.said}")
    if refs.out.count("\n") >= _MOST_REFS:
        notes.append(f"only {_MOST_REFS} branches and tags were looked at")
    branch, main, tags, here = _refs(refs.out, head)
    if not branch and not head:
        branch, notes = _unborn(program, directory), [*notes, "no commit yet"]
    elif not branch:
        notes.append("the head is detached: no branch is checked out")
    url = _run(program, directory, "config", "--get", "remote.origin.url").out.strip()
    github = git.github_of(url)
    return Git(root, True, bare, branch, head, main, github, bool(url) and not github, tags, here, tuple(notes))


@dataclass(frozen=True)
class _Answer:
    ok: bool
    out: str = ""
    said: str = ""


def _program() -> str | None:
    """git from an absolute folder of PATH: never one that lies in the repository looked at."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        place = os.path.join(folder, "git")
        if os.path.isabs(folder) and os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    return None


def _run(program: str, directory: Path, *question: str) -> _Answer:
    try:
        done = subprocess.run(
            git.arguments(str(directory), question, program),
            env=git.environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return _Answer(False, said=f"git did not answer within {_TIMEOUT_S:g} s")
    except (OSError, ValueError) as error:
        return _Answer(False, said=f"git cannot be run ({type(error).__name__})")
    out = done.stdout.decode("utf-8", "replace")
    said = redact(done.stderr[-4000:].decode("utf-8", "replace").strip().split("\n")[0])[:200]
    return _Answer(done.returncode == 0, out, said)


def _why(answer: _Answer) -> tuple[str, ...]:
    return () if "not a git repository" in answer.said or not answer.said else (f"git says: {answer.said}",)


def _refs(text: str, head: str) -> tuple[str, str, tuple[str, ...], str]:
    """Branch, main branch, version tags from the newest on, the tag here."""
    branch, default, names = "", "", set()
    versions: dict[str, bool] = {}
    for line in text.split("\n"):
        name, commit, peeled, mark, target = (line.split("\t") + [""] * 5)[:5]
        if name.startswith("refs/heads/"):
            names.add(name.removeprefix("refs/heads/"))
            branch = name.removeprefix("refs/heads/") if mark == "*" else branch
        elif name.startswith("refs/remotes/origin/"):
            names.add(name.removeprefix("refs/remotes/origin/"))
            if name == "refs/remotes/origin/HEAD":
                default = target.removeprefix("refs/remotes/origin/")
        elif version := git.version_of(name.removeprefix("refs/tags/")):
            here = bool(head) and head in (commit, peeled)
            versions[version] = versions.get(version, False) or here
    main = default if default in names else next((one for one in _MAINS if one in names), "")
    tags = sorted(versions, key=git.age, reverse=True)
    return branch, main, tuple(tags[:_MOST_TAGS]), next((one for one in tags if versions[one]), "")


def _unborn(program: str, directory: Path) -> str:
    """The branch that the first commit will be on."""
    answer = _run(program, directory, "symbolic-ref", "--quiet", "--short", "HEAD")
    return answer.out.strip() if answer.ok else ""
