"""What a run of the agent may cost at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`requests` to the model, `looks` (calls of tools), `tokens` in all; `seconds` without the time a person thinks.

    `waits`: seconds before each new try when the provider is overloaded. `answers`: how often wrong fillings go back.
    """

    requests: int = 30
    looks: int = 80
    tokens: int = 1_000_000
    seconds: float = 600.0
    request_s: float = 120.0
    waits: tuple[float, ...] = (1.0, 3.0, 9.0, 20.0)
    answers: int = 4

    @property
    def enough(self) -> int:
        """So many looks, and the tools ask for the answer: better an early one than none."""
        return self.looks * 3 // 4


LONGEST_WAIT_S = 30.0
"""Longer than this a provider cannot make us wait."""
