"""A person says yes or no to each command, on a terminal; without one the answer is no. Needs the extra ``agent``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

from pydantic_ai.capabilities import HandleDeferredToolCalls
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext, ToolDenied

from pilotage.agent.running import can_be_shown, shown
from pilotage.agent.tools import Desk

NOBODY = "Nobody can be asked here: commands are not run. Go on without it."
NO = "The person said no. Go on without it."

Confirm = Callable[[str], bool]
"""Shows a command and asks; raises KeyboardInterrupt when the person leaves."""


@dataclass
class Asked:
    """`confirm` is None where there is no terminal. `clock` is the run's time limit: thinking does not count."""

    confirm: Confirm | None
    clock: asyncio.Timeout

    def capability(self) -> HandleDeferredToolCalls[Desk]:
        return HandleDeferredToolCalls(handler=self._answer)

    async def _answer(self, ctx: RunContext[Desk], requests: DeferredToolRequests) -> DeferredToolResults:
        answers: dict[str, bool | ToolDenied] = {}
        for call in requests.approvals:
            argv = call.args_as_dict().get("argv")
            if isinstance(argv, list) and can_be_shown(argv):
                answers[call.tool_call_id] = self._ask(ctx.deps, argv)
            else:
                answers[call.tool_call_id] = ToolDenied("expected a short list of texts as the command")
        return requests.build_results(approvals=answers)

    def _ask(self, desk: Desk, argv: list[str]) -> bool | ToolDenied:
        if self.confirm is None:
            desk.say(f"not run, as nobody can be asked here: {shown(argv)}")
            return ToolDenied(NOBODY)
        loop = asyncio.get_running_loop()
        before, asked_at = signal.getsignal(signal.SIGINT), loop.time()
        try:
            # asyncio's own handler would swallow the first Ctrl-C while the terminal is read.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            said = self.confirm(shown(argv))
        finally:
            signal.signal(signal.SIGINT, before)
            if (end := self.clock.when()) is not None:
                self.clock.reschedule(end + loop.time() - asked_at)
        return True if said else ToolDenied(NO)
