from __future__ import annotations

from pilotage.core.errors import PilotageError


class ProviderError(PilotageError):
    """The provider did not answer as it has to; the text is for the log, and holds nothing of what it sent."""
