"""Models by name: ours are short, every ``provider:name`` that Pydantic AI knows works. Needs the extra ``agent``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pilotage.core.errors import PilotageError
from pilotage.core.redact import redact

if TYPE_CHECKING:
    from pydantic_ai.models import Model

VARIABLE = "PILOTAGE_MODEL"
USUAL = "anthropic:sonnet"
DEFAULT = "default"
SHORT = {
    "anthropic:sonnet": "anthropic:claude-sonnet-5-5",
    "anthropic:opus": "anthropic:claude-opus-5-5",
    "anthropic:haiku": "anthropic:claude-haiku-5-5",
}
INSTALL = "pip install 'pilotage[agent]'"


class NoModel(PilotageError):
    """There is no such model here, and what to do about it."""


def full_name(name: str | None) -> str:
    """``default``, or none: what PILOTAGE_MODEL names, else the usual one."""
    if not name or name == DEFAULT:
        name = os.environ.get(VARIABLE) or USUAL
    return SHORT.get(name, name)


def model_of(name: str) -> Model:
    """Raises NoModel."""
    if not re.fullmatch(r"[a-z][a-z0-9/_-]*:[\w./:@+-]{1,200}", name):
        raise NoModel(f"--model: expected PROVIDER:NAME such as {USUAL}, got {redact(name)[:80]!r}")
    provider = name.partition(":")[0]
    try:
        import pydantic_ai
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
    except ImportError:
        raise NoModel(f"the built-in agent is not installed: {INSTALL}") from None
    pydantic_ai.BANNER_ENABLED = False
    try:
        return infer_model(name)
    except ImportError:
        raise NoModel(
            f"what speaks to {provider} is not installed: {INSTALL} brings anthropic, openai and google, "
            f"pip install 'pydantic-ai-slim[{provider}]' others"
        ) from None
    except UserError as error:
        raise NoModel(_what_to_do(provider, str(error))) from None
    except Exception as error:  # a provider's own way to say that its settings are missing
        raise NoModel(f"{provider} cannot be used: {redact(str(error))[:300]}") from None


def _what_to_do(provider: str, said: str) -> str:
    if variables := re.findall(r"`([A-Z][A-Z0-9_]+)`", said):
        return (
            f"{provider} needs {' or '.join(dict.fromkeys(variables))}, which is not set: "
            f"export {variables[0]}=..., or write the plan without --model"
        )
    if said.startswith("Unknown model"):
        meant = re.search(r"Did you mean '([^']+)'", said)
        hint = f"; did you mean {meant[1]}?" if meant else ""
        return f"no provider {provider!r} is known: expected PROVIDER:NAME such as {USUAL} or openai:gpt-5{hint}"
    return f"{provider} cannot be used: {redact(said)[:300]}"
