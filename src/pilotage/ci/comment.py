"""The comment's text: made of what others wrote, so nothing in it may call people, link, or act.

GitLab carries out lines that begin with a slash (quick actions: `/merge`, `/approve`), as whoever holds the token.
Both notify whoever is named with an @, and link what looks like a reference.
"""

from __future__ import annotations

import hashlib
import re

from pilotage.core.markdown import JOINER, inline

LONGEST = 60_000
"""Signs. GitHub takes 65,536 of a comment."""
_ACTIVE = (
    re.compile(r"^[ \t]*(?=/\w)", re.MULTILINE),  # a quick action
    re.compile(r"(?<!\w)@(?=\w)"),  # a mention
    re.compile(r"(?<!&)[#!](?=\d)"),  # a reference
    re.compile(r"<(?=!--)"),  # a hidden comment, such as our own sign
)


def marker(command: str, plan: str) -> str:
    """What the comment is found by, invisible: one for each plan file and command."""
    return f"<!-- pilotage:{command}:{hashlib.sha256(plan.encode()).hexdigest()[:16]} -->"


def comment(sign: str, title: str, said: str, details: str = "") -> str:
    """Markdown. `title` and `said` are text, `details` is Markdown already, and folded away."""
    parts = [f"### {inline(title)}", *([_lines(said)] if said else [])]
    body = quiet("\n\n".join(parts))
    if details:
        room = LONGEST - len(body) - len(sign)
        body += f"\n\n<details><summary>The whole of it</summary>\n\n{_cut(quiet(details), room)}\n\n</details>"
    return f"{sign}\n{body}\n"


def quiet(text: str) -> str:
    """No quick action, mention, reference or hidden comment is left in it; it reads the same."""
    text = "".join(one for one in text if one.isprintable() or one == "\n")
    for sign in _ACTIVE:
        text = sign.sub(lambda found: found[0] + JOINER, text)
    return text


def _lines(said: str) -> str:
    """Each line stays a line."""
    return "  \n".join(inline(line) for line in said.splitlines() if line.strip())


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    kept = text[: room - 200].rpartition("\n")[0]
    fence = "\n```" if kept.count("```") % 2 else ""
    return f"{kept}{fence}\n\nThe rest does not fit into a comment: `pilotage report` has all of it."
