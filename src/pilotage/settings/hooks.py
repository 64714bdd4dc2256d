"""Other tools: whom Pilotage tells (webhooks), and who tells Pilotage (hooks)."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pilotage.core.events import Event
from pilotage.drivers.address import check_address, check_encrypted
from pilotage.drivers.secrets import Secret
from pilotage.settings.base import Section

KINDS = tuple(sorted(one.kind for one in get_args(Event)))


def _address(url: str) -> str:
    check_encrypted(check_address(url), True)
    return url


def _kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"a kind of event: {', '.join(KINDS)}")
    return name


HookName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Webhook(Section):
    """An address that is told every event of the rollouts, signed, in order, until it has taken it."""

    name: HookName = Field(description="what it is called here")
    url: Annotated[str, AfterValidator(_address)] | Secret = Field(
        description="where it is told, https:// (http:// on this machine only); a reference where the address is secret"
    )
    secret: Secret = Field(description="signs each message (Standard Webhooks): whsec_, and 24 to 64 bytes as base64")
    kinds: tuple[Annotated[str, AfterValidator(_kind)], ...] = Field(
        default=(), description="kinds of events; all when left out"
    )
    services: tuple[str, ...] = Field(default=(), description="services; all when left out")


class Hook(Section):
    """What another tool may say, at /v1/hooks/NAME."""

    kind: Literal["built", "firing", "reports"] = Field(description="CI, an alert manager, or a ticket system")
    secret: Secret = Field(description="signs each message, or is its token or password; 16 characters at least")
    item: str = Field(default="build", min_length=1, description="built: the checklist's item that is ticked")
    only: tuple[str, ...] = Field(
        default=(),
        description="built: workflows, apps, pipelines or environments that count; all when left out",
    )
    then: Literal["hold", "report", "rollback"] = Field(default="hold", description="firing: what an alert does")
    service: str = Field(default="*", min_length=1, description="the one service it may speak of, or *")
    environment: str = Field(default="*", min_length=1, description="the one environment, or *")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = self.model_fields_set
        if self.kind != "built" and given & {"item", "only"}:
            raise ValueError(f"item and only beside kind: built, not beside kind: {self.kind}")
        if self.kind != "firing" and "then" in given:
            raise ValueError(f"then beside kind: firing, not beside kind: {self.kind}")
        return self
