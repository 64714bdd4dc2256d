"""One comment for a plan: written once, and edited from then on."""

from __future__ import annotations

from pilotage.ci.jobs import Forge


def keep(forge: Forge, sign: str, text: str) -> bool:
    """Whether there was one already. Raises what the forge answers with."""
    found = forge.mine(sign)
    forge.write(text, found)
    return found is not None
