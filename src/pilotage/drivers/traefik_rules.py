"""A cohort as the rule of a Traefik router, and back: only what was written here is read as a cohort."""

from __future__ import annotations

import json
import re

from pilotage.core.errors import PermanentError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers.cohorts import check_values, literally

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(rf"Header(?:Regexp)?\(({_STRING}), ({_STRING})\)")
_COOKIE = re.compile(r"\(\?:\^\|; \?\)(.+?)=(.*)\(\?:;\|\$\)")


def check(cohort: Cohort) -> None:
    """Raises PermanentError for a header or cookie that cannot be."""
    if not _NAME.fullmatch(cohort.name):
        raise PermanentError(f"expected a {cohort.kind}'s name and values, got {cohort.name!r} with {cohort.values}")
    check_values(cohort)


def rule_of(cohort: Cohort, base: str) -> str:
    """The requests of `base`, a rule of the team's, that are in the cohort."""
    if cohort.kind == "header":
        matches = [f"Header({_quoted(cohort.name)}, {_quoted(value)})" for value in cohort.values]
    else:
        patterns = [rf"(?:^|; ?){literally(cohort.name)}={literally(value)}(?:;|$)" for value in cohort.values]
        matches = [f'HeaderRegexp("Cookie", {_quoted(pattern)})' for pattern in patterns]
    return f"({base}) && ({' || '.join(matches)})"


def cohort_of(rule: str, base: str) -> Cohort | None:
    """The cohort that `rule_of` made this rule of; None for any other rule."""
    matched = rule.removeprefix(f"({base}) && (")
    try:
        pairs = [(json.loads(key), json.loads(value)) for key, value in _MATCHER.findall(matched)]
    except ValueError:
        return None
    kind: CohortKind = "header"
    if matched.startswith("HeaderRegexp("):
        kind, found = "cookie", [_COOKIE.fullmatch(value) for _, value in pairs]
        pairs = [(_plain(one[1]), _plain(one[2])) for one in found if one]
    cohort = Cohort(kind, pairs[0][0], tuple(value for _, value in pairs)) if pairs else None
    return cohort if cohort and rule_of(cohort, base) == rule else None


def _plain(pattern: str) -> str:
    return re.sub(r"\\(.)", r"\1", pattern)


def _quoted(text: str) -> str:
    """A Go string; a brace is written as its number, as Traefik fills in templates in its files."""
    return json.dumps(text, ensure_ascii=False).replace("{", r"\u007b")
