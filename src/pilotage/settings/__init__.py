"""What whoever runs Pilotage for a team says in one file: where it listens, who may do what, whom it tells.

`pilotage up --settings FILE`, or PILOTAGE_SETTINGS. Without a file: local mode, loopback only, no login.
"""

from __future__ import annotations

import json
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from pilotage.core.errors import PlanError, Problem
from pilotage.planfile.document import NotReadable, read
from pilotage.planfile.options import told
from pilotage.planfile.reader import Reader
from pilotage.settings.agents import Agents
from pilotage.settings.base import Section, is_loopback
from pilotage.settings.chat import Slack
from pilotage.settings.hooks import Hook, HookName, Webhook
from pilotage.settings.limits import RateLimits
from pilotage.settings.people import Approvals, Assignment, Login

__all__ = ["Settings", "find", "is_loopback", "load"]


class Tls(Section):
    certificate: Path = Field(description="the certificate's file, PEM, with its chain")
    key: Path = Field(description="its key's file, PEM")


class Settings(Section):
    """All of it. Every part may be left out; then it is as in local mode."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Pilotage settings")

    listen: str = Field(
        default="127.0.0.1:0",
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\[\]/]+):[0-9]{1,5}$",
        description="address and port, such as 0.0.0.0:8700",
    )
    url: str = Field(default="", description="how people reach it, such as https://pilotage.shop.example")
    tls: Tls | None = None
    hosts: tuple[str, ...] = Field(default=(), description="other names by which machines reach it, without ports")
    proxies: tuple[str, ...] = Field(default=(), description="addresses of proxies whose X-Forwarded headers count")
    login: Login | None = None
    roles: tuple[Assignment, ...] = ()
    approvals: Approvals = Approvals()
    folders: tuple[Path, ...] = Field(default=(), description="where plans that come over the network may have files")
    webhooks: tuple[Webhook, ...] = ()
    hooks: dict[HookName, Hook] = Field(default_factory=dict)
    slack: Slack | None = None
    agents: Agents = Agents()
    limits: RateLimits = RateLimits()

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def shared(self) -> bool:
        """Several people use it, and say who they are."""
        return self.login is not None

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError("addresses or networks, such as 10.0.0.7 or 10.0.0.0/28") from None
        return given

    @model_validator(mode="after")
    def _a_port_that_there_is(self) -> Self:
        if self.port > 65535:
            raise ValueError("listen: with a port up to 65535")
        return self

    @model_validator(mode="after")
    def _webhooks_have_names(self) -> Self:
        names = [one.name for one in self.webhooks]
        if twice := sorted({one for one in names if names.count(one) > 1}):
            raise ValueError(f"webhooks with a name of their own each, not {', '.join(twice)} twice")
        return self

    @model_validator(mode="after")
    def _nobody_strange_comes_in(self) -> Self:
        if not is_loopback(self.host) and self.login is None:
            raise ValueError(
                f"login: beside listen: {self.listen}, which others could reach; without one only 127.0.0.1 is allowed"
            )
        if self.proxies and self.login is None:
            raise ValueError(
                "login: beside proxies:, as whoever reaches the proxy would be whoever owns this coordinator"
            )
        if self.login is not None and not self.url:
            raise ValueError("url: beside login:, the address at which people reach it, https://...")
        return self

    @field_validator("url")
    @classmethod
    def _an_address_for_people(cls, given: str) -> str:
        if not given:
            return given
        try:
            parts = urlsplit(given)
            port = parts.port
        except ValueError:
            raise ValueError("an address, such as https://pilotage.shop.example") from None
        if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
            raise ValueError("an address, such as https://pilotage.shop.example")
        if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("an address without a path: Pilotage has the whole host to itself")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("https:// (sessions and tokens would go over the network in the clear)")
        return given.rstrip("/")


def load(path: Path) -> Settings:
    """The settings in that file. Raises PlanError with every mistake, its line and what was expected."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            (Problem("(settings)", "a file that can be read as text", type(error).__name__),), str(path)
        ) from None
    try:
        tree, problems = read(text)
    except NotReadable as error:
        raise PlanError((error.problem,), str(path)) from None
    if problems:
        raise PlanError(tuple(problems), str(path))
    try:
        return Settings.model_validate_json(json.dumps(tree.plain() or {}), strict=False)
    except ValidationError as error:
        reader = Reader()
        told(reader, tree, "", error, {name: one.description or "" for name, one in Settings.model_fields.items()})
        raise PlanError(tuple(reader.problems), str(path)) from None


def find(path: Path | None = None) -> Settings:
    """Of that file, else of the one that PILOTAGE_SETTINGS names, else those of local mode."""
    named = path or (Path(os.environ["PILOTAGE_SETTINGS"]) if os.environ.get("PILOTAGE_SETTINGS") else None)
    return load(named) if named else Settings()
