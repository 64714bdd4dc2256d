"""An overloaded provider is asked again, after growing waits. Needs the extra ``agent``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelAPIError, RetryModelRequest
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import RunContext

from pilotage.agent.limits import LONGEST_WAIT_S
from pilotage.agent.trouble import MAY_PASS
from pilotage.core.quantities import duration


@dataclass
class Patience(AbstractCapability[Any]):
    """`tries` is how often the last request was sent."""

    waits: tuple[float, ...]
    say: Callable[[str], None]
    tries: int = 1

    async def on_model_request_error(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, error: Exception
    ) -> ModelResponse:
        self.tries = request_context.attempt
        if not isinstance(error, MAY_PASS) or self.tries > len(self.waits):
            raise error
        wait = self.waits[self.tries - 1]
        if isinstance(error, ModelAPIError) and error.retry_after is not None:
            wait = error.retry_after
        wait = min(wait, LONGEST_WAIT_S)
        self.say(f"the model does not answer ({type(error).__name__}): once more in {duration(wait)}")
        await asyncio.sleep(wait)
        raise RetryModelRequest()
