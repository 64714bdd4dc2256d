"""Other tools: whom Pilotage tells (webhooks), and who tells Pilotage (hooks)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pilotage.drivers.secrets import Secret
from pilotage.settings.base import Section


class Webhook(Section):
    """An address that is told every event of the rollouts, signed, in order, until it has taken it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="what it is called here")
    url: str | Secret = Field(description="where it is told; a reference where the address itself is secret")
    secret: Secret = Field(description="signs each message (Standard Webhooks)")
    kinds: tuple[str, ...] = Field(default=(), description="kinds of events; all when left out")
    services: tuple[str, ...] = Field(default=(), description="services; all when left out")


class Hook(Section):
    """What another tool may say, at /v1/hooks/NAME."""

    kind: Literal["built", "firing", "reports"] = Field(description="CI, an alert manager, or a ticket system")
    secret: Secret = Field(description="signs each message, or is its bearer token")
    item: str = Field(default="build", description="built: the checklist's item that is ticked")
    then: Literal["hold", "report", "rollback"] = Field(default="hold", description="firing: what an alert does")
    service: str = Field(default="*", description="the one service it may speak of, or *")
    environment: str = Field(default="*", description="the one environment, or *")
