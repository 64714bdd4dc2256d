"""Cohorts of requests, by a header or a cookie: what one can be, and how a proxy's configuration says it."""

from __future__ import annotations

import re
from collections.abc import Collection

from pilotage.core.errors import PermanentError
from pilotage.core.model import COHORT_KINDS, Cohort


def check_kind(cohort: Cohort | None, kinds: Collection[str], who: str) -> None:
    """Raises PermanentError for a kind that `who` does not know."""
    if cohort is not None and cohort.kind not in kinds:
        known = " and ".join(kind for kind in COHORT_KINDS if kind in kinds)
        raise PermanentError(f"{who} knows cohorts by {known}, not by {cohort.kind}")


def check_values(cohort: Cohort) -> None:
    """Raises PermanentError unless there are values, all of which a request's header or cookie can have."""
    if not cohort.values:
        raise PermanentError(f"a cohort by the {cohort.kind} {cohort.name} needs one value at least")
    for value in cohort.values:
        if not value or not value.isprintable() or (cohort.kind == "cookie" and ";" in value):
            raise PermanentError(f"no {cohort.kind} can have the value {value!r}")


def literally(text: str) -> str:
    """The regular expression, Perl's as well as Go's, that matches `text` alone."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
