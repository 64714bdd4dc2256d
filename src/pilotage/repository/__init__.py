"""A look at a team's repository: which drivers fit, each with what speaks for it. Nothing in it is ever run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pilotage.core.proposals import Proposal, Repository
from pilotage.repository.balancers import balancers
from pilotage.repository.builds import builds
from pilotage.repository.deploying import deploying
from pilotage.repository.files import Files, walk
from pilotage.repository.flags import flags
from pilotage.repository.git import Git, ask
from pilotage.repository.platforms import platforms
from pilotage.repository.scene import Scene, words
from pilotage.repository.tasks import tasks
from pilotage.repository.traffic import traffic
from pilotage.repository.watching import watching

_DETECTORS: tuple[Callable[[Scene], Iterator[Proposal]], ...] = (
    deploying,
    tasks,
    traffic,
    balancers,
    flags,
    watching,
    platforms,
    builds,
)
FAILED = "the look failed"
_MOST = 200
_TOO_WIDE = (Path("/"), Path(os.path.realpath(os.path.expanduser("~"))))
"""Of a repository of all of somebody's files only the plan's folder is looked at."""


def look(directory: Path, hint: str = "") -> Repository:
    """What the repository around `directory` suggests for a plan that will lie in `directory`.

    Paths in options start at `directory`, those of traces at the repository's top. `hint` is the brief's text: what it
    names scores higher. Never raises for what a repository contains; what could not be read is in the notes.
    """
    directory = Path(os.path.realpath(directory))
    git = ask(directory) if directory.is_dir() else Git(directory)
    if git.root in _TOO_WIDE and directory != git.root:
        git = replace(git, root=directory)
    files = Files(git.root)
    found: list[Proposal] = []
    if not directory.is_dir():
        files.note(f"{directory} is not a folder")
    elif git.bare:
        files.note("a bare repository has no files to look at")
    else:
        files = walk(git.root, directory)
        here = directory.relative_to(git.root).as_posix()
        scene = Scene(files, git, "" if here == "." else here, words(hint))
        for detector in _DETECTORS:
            try:
                found += detector(scene)
            except Exception as error:  # a plan is drafted all the same
                files.note(f"{FAILED} for {detector.__name__} ({type(error).__name__}): please report it")
    found.sort(key=lambda one: -one.confidence)
    if len(found) > _MOST:
        files.note(f"only the surest {_MOST} of {len(found)} findings are kept")
    return Repository(
        root=str(git.root),
        is_git=git.is_git,
        branch=git.branch,
        commit=git.commit,
        main=git.main,
        github=git.github,
        tags=git.tags,
        tag_here=git.tag_here,
        proposals=tuple(found[:_MOST]),
        notes=(*git.notes, *files.notes),
    )
