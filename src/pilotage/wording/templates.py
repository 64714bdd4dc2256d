"""Where a message's template is: in the team's folder, else among Pilotage's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from pilotage.core.announcing import OUTSIDERS
from pilotage.core.model import Audience, Plan
from pilotage.wording.language import LONGEST_TEMPLATE

ENDING = ".md.j2"


class Unreadable(Exception):
    """A template's file is there and cannot be used; says what was expected of it."""


def team_folder(plan: Plan) -> Path | None:
    return Path(plan.directory) / plan.templates if plan.templates else None


def team_files(plan: Plan, kind: str, audience: Audience) -> Iterator[Path]:
    """The team's templates for such a message, that of the audience first."""
    folder = team_folder(plan)
    if folder is None:
        return
    for file in (folder / audience / f"{kind}{ENDING}", folder / f"{kind}{ENDING}"):
        if file.is_symlink() or file.exists():
            yield file


def source(file: Path, folder: Path) -> str:
    """Raises Unreadable: it leads out of the folder, is no file, too long, or no text."""
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise Unreadable("a file within the folder of templates")
        if not file.is_file():
            raise Unreadable("a file")
        with file.open("rb") as opened:
            data = opened.read(LONGEST_TEMPLATE + 1)
        if len(data) > LONGEST_TEMPLATE:
            raise Unreadable(f"at most {LONGEST_TEMPLATE // 1024} KiB")
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("text in UTF-8") from None
    except OSError as error:
        raise Unreadable(f"a file that can be read ({error.strerror})") from None


@cache
def own_source(kind: str, audience: Audience) -> str:
    """Pilotage's own. Outsiders never get the words that are meant for those who work on the incident."""
    folder = files("pilotage") / "templates" / "announce"
    names = [f"{audience}/{kind}{ENDING}", f"outsiders{ENDING}" if audience in OUTSIDERS else f"{kind}{ENDING}"]
    return next(path for name in names if (path := folder / name).is_file()).read_text(encoding="utf-8")
