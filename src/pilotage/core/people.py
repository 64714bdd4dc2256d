"""Who asks, and what they may do: roles per service and environment, and what a credential may at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pilotage.core.errors import Forbidden


class Role(StrEnum):
    """Each may what those before it may, too."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Right(StrEnum):
    """Something that is done, as the refusal names it."""

    VIEW = "look at {it}"
    GO_BACK = "hold {it} or roll it back"
    GO_ON = "let {it} go on"
    REPORT = "report trouble with {it}"
    VOUCH = "vouch for what was done for {it}"
    SPEAK = "announce anything of {it}"
    OPERATE = "operate {it}"
    APPROVE = "approve {it}"
    PROMOTE = "promote {it} before its time"
    OVERRIDE = "pass over what is open of {it}"
    ADMINISTER = "administer Pilotage"


LEAST: dict[Right, Role] = {
    Right.VIEW: Role.VIEWER,
    Right.GO_BACK: Role.OPERATOR,
    Right.GO_ON: Role.OPERATOR,
    Right.REPORT: Role.VIEWER,
    Right.VOUCH: Role.OPERATOR,
    Right.SPEAK: Role.OPERATOR,
    Right.OPERATE: Role.OPERATOR,
    Right.APPROVE: Role.APPROVER,
    Right.PROMOTE: Role.APPROVER,
    Right.OVERRIDE: Role.APPROVER,
    Right.ADMINISTER: Role.ADMIN,
}
"""The role that a right needs at least."""


class Scope(StrEnum):
    """What a token may at most, whatever the role of whom it belongs to."""

    READ = "plan:read"
    WRITE = "rollout:write"
    ROLLBACK = "rollback"
    APPROVE = "approve"
    ADMIN = "admin"


SCOPE_OF: dict[Right, Scope] = {
    Right.VIEW: Scope.READ,
    Right.GO_BACK: Scope.ROLLBACK,
    Right.GO_ON: Scope.WRITE,
    Right.REPORT: Scope.WRITE,
    Right.VOUCH: Scope.WRITE,
    Right.SPEAK: Scope.WRITE,
    Right.OPERATE: Scope.WRITE,
    Right.APPROVE: Scope.APPROVE,
    Right.PROMOTE: Scope.APPROVE,
    Right.OVERRIDE: Scope.APPROVE,
    Right.ADMINISTER: Scope.ADMIN,
}

NEVER_BY_AGENTS = frozenset(
    {Right.APPROVE, Right.PROMOTE, Right.GO_ON, Right.VOUCH, Right.SPEAK, Right.OVERRIDE, Right.ADMINISTER}
)
"""An agent may always hold or go back. It never approves, shortens, overrides, ends a hold, vouches for what a person
has done, or speaks to people through the channels, whatever its role."""

ANY = "*"
Place = tuple[str, str]
"""A service and an environment; ``*`` is every one."""


@dataclass(frozen=True)
class Grant:
    """A role for a service in an environment; ``*`` means every one."""

    role: Role
    service: str = ANY
    environment: str = ANY

    @property
    def place(self) -> Place:
        return self.service, self.environment

    def covers(self, service: str, environment: str) -> bool:
        return self.service in (ANY, service) and self.environment in (ANY, environment)


Kind = Literal["local", "person", "token", "agent", "hook"]
"""`local`: whoever may read the state folder, without a login. `token`: a machine of the team's. `hook`: a tool."""


@dataclass(frozen=True)
class Caller:
    """Who asks. `name` is what the record will say; `scopes` None: all that the grants give."""

    name: str
    kind: Kind
    grants: tuple[Grant, ...]
    scopes: frozenset[Scope] | None = None
    credential: str = ""
    """The token's or the session's id, for the audit log; never the secret."""
    groups: frozenset[str] = frozenset()
    """A person's, as the login provider says them."""

    def role(self, service: str, environment: str) -> Role | None:
        """The highest one that is given there."""
        roles = [one.role for one in self.grants if one.covers(service, environment)]
        return max(roles, key=lambda one: one.rank, default=None)

    def may(self, right: Right, service: str = ANY, environment: str = ANY) -> bool:
        """``*`` asks for a grant that covers every service or environment."""
        if self.kind == "agent" and right in NEVER_BY_AGENTS:
            return False
        if self.scopes is not None and SCOPE_OF[right] not in self.scopes:
            return False
        role = self.role(service, environment)
        return role is not None and role.rank >= LEAST[right].rank

    def may_somewhere(self, right: Right) -> bool:
        return any(self.may(right, one.service, one.environment) for one in self.grants)

    def scopes_at_most(self) -> frozenset[Scope]:
        """What a token of this caller's own may have."""
        return frozenset(SCOPE_OF[right] for right in Right if self.may_somewhere(right))

    def places(self, right: Right) -> tuple[Place, ...]:
        """The services and environments (``*``: every one) where they may; lists are read for these only."""
        return tuple(one.place for one in self.grants if self.may(right, *one.place))

    def check(self, right: Right, service: str = ANY, environment: str = ANY) -> None:
        """Raises Forbidden saying which role or scope is needed, and which one is there."""
        if self.may(right, service, environment):
            return
        named = [one for one in (service, environment) if one != ANY]
        what = right.value.format(it=" in ".join(named) or "it")
        role = self.role(service, environment)
        if self.kind == "agent" and right in NEVER_BY_AGENTS:
            raise Forbidden(f"{self.name} is an agent: it may hold and roll back, and never {what}. Ask a person.")
        if role is None or role.rank < LEAST[right].rank:
            raise Forbidden(
                f"{self.name} may not {what}: that needs the role {LEAST[right]}, and has {role or 'none'}. "
                "An admin gives roles in the settings file, under roles:."
            )
        raise Forbidden(
            f"this token of {self.name} may not {what}: it lacks the scope {SCOPE_OF[right]}. "
            "`pilotage token create` makes one that has it"
            + (", unless agents: in the settings says only_back." if self.kind == "agent" else ".")
        )


def narrowed(grants: Iterable[Grant], wanted: Grant) -> bool:
    """Whether somebody with `grants` has at least `wanted`, everywhere where it applies."""
    return any(
        one.role.rank >= wanted.role.rank
        and one.service in (ANY, wanted.service)
        and one.environment in (ANY, wanted.environment)
        for one in grants
    )
