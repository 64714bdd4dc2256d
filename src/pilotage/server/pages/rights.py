"""Why a reader may not do something, in a sentence for the page; empty when they may."""

from __future__ import annotations

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden
from pilotage.core.people import ANY, Right


def why_not(acting: Acting, right: Right, service: str = ANY, environment: str = ANY) -> str:
    try:
        acting.caller.check(right, service, environment)
    except Forbidden as error:
        return str(error)
    return ""
