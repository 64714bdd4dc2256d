"""One message through one driver, and what is said when that fails."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import cast

from pydantic import ValidationError

from pilotage.core.errors import PermanentError, PilotageError
from pilotage.core.model import DriverRef
from pilotage.core.redact import redact
from pilotage.drivers import Context, Message, Notifier, registry
from pilotage.drivers.secrets import hide
from pilotage.telemetry import driver_call
from pilotage.tracing import Value

CLOSE_WITHIN_S = 2.0
_BEHIND_THE_HOST = re.compile(r"(\w+://[^/\s?#]+)[/?#][^\s\"'<>)]*")


async def deliver(ref: DriverRef, context: Context, message: Message, within_s: float) -> str | None:
    """What the driver returns, or whatever it raises. That it cannot be closed is no reason to send again."""
    notifier = cast(Notifier, registry.build("notify", ref, context))
    try:
        about: dict[str, Value] = {"rollout": message.rollout, "message": message.kind, "attempt": message.attempt}
        with driver_call(ref.driver, "send", root=True, **about):
            return await asyncio.wait_for(notifier.send(message), within_s)
    finally:
        with suppress(Exception):
            await asyncio.wait_for(notifier.close(), CLOSE_WITHIN_S)


def complaint(error: Exception, ref: DriverRef, within_s: float) -> str:
    """A line for `doctor` and the log, without secrets: neither the plan's own, nor what looks like one, nor a path."""
    if isinstance(error, TimeoutError):
        return f"{ref.driver} did not answer within {within_s:g} s"
    if isinstance(error, KeyError):
        return f"there is no notify driver {ref.driver} where the coordinator runs: is its package installed there?"
    if isinstance(error, ValidationError):
        names = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
        return f"the options of {ref.driver} are refused where the coordinator runs: {redact(', '.join(names))}"
    said = _BEHIND_THE_HOST.sub(r"\1", hide(" ".join(str(error).split()), [ref.options]))
    if not isinstance(error, PilotageError) or not said:
        said = f"{type(error).__name__}: {said}".rstrip(": ")
    return f"refused, somebody has to put it right: {said}" if isinstance(error, PermanentError) else said
