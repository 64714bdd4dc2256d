"""In a CI job: which pull request it belongs to, and the one comment that is kept there."""

from __future__ import annotations

from pilotage.ci.comment import comment, marker
from pilotage.ci.jobs import Forge, NoPullRequest, address, forge_of
from pilotage.ci.keeping import keep

__all__ = ["Forge", "NoPullRequest", "address", "comment", "forge_of", "keep", "marker"]
