"""Who somebody is, by what their provider says of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import Forbidden
from pilotage.settings.people import Oidc

LONGEST = 128
MOST_GROUPS = 1000


@dataclass(frozen=True)
class Identity:
    name: str
    groups: tuple[str, ...]


def identity(claims: Mapping[str, Any], rules: Oidc) -> Identity:
    """Raises Forbidden, in words for the person, when they have no name that counts."""
    name = claims.get(rules.name)
    if not isinstance(name, str) or not name.strip():
        raise Forbidden(
            f"your login provider did not say your {rules.name}. Ask whoever looks after it to let Pilotage see the "
            f"claim {rules.name}, or name another one in the settings, under login.oidc.name"
        )
    name = unicodedata.normalize("NFC", name.strip())
    if rules.name == "email":
        if str(claims.get("email_verified")).lower() == "false":
            raise Forbidden(
                "your e-mail address is not verified at your login provider, so anybody could have written it there"
            )
        name = name.lower()
    if len(name) > LONGEST or not name.isprintable() or name == "*" or name.casefold().startswith("group:"):
        raise Forbidden(f"what your login provider says is your {rules.name} cannot be a name here")
    return Identity(name, _groups(claims.get(rules.groups)))


def _groups(told: Any) -> tuple[str, ...]:
    given = told if isinstance(told, list) else [told]
    return tuple(sorted({one for one in given if isinstance(one, str) and one})[:MOST_GROUPS])
