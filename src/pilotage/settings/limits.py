"""How much one caller may ask for."""

from __future__ import annotations

from pydantic import Field

from pilotage.settings.base import Section


class RateLimits(Section):
    requests_per_minute: int = Field(default=1200, ge=1, description="of one caller, or one address without a login")
    logins_per_minute: int = Field(
        default=20, ge=1, description="of one address: logins, and credentials that are wrong"
    )
