"""The tools of `pilotage mcp`, by what has to be switched on for them."""

from __future__ import annotations

from enum import StrEnum

SERVER = "pilotage"
"""What the MCP server is called in every configuration."""
READING = ("create_plan", "check_plan", "rollout_status", "explain_verdict", "history")
GOING_BACK = ("hold", "rollback")
ROLLING_OUT = ("request_approval", "start_rollout", "report_user_trouble")


class Allow(StrEnum):
    """What the server is started for; each has what those before it have, too."""

    READ = "read"
    ROLLBACK = "rollback"
    ROLLOUT = "rollout"

    @property
    def tools(self) -> tuple[str, ...]:
        return {
            Allow.READ: READING,
            Allow.ROLLBACK: (*READING, *GOING_BACK),
            Allow.ROLLOUT: (*READING, *ROLLING_OUT, *GOING_BACK),
        }[self]

    @property
    def command(self) -> list[str]:
        """What starts the server, as arguments."""
        return ["pilotage", "mcp", *([] if self is Allow.READ else ["--allow", self.value])]
