"""The charts as open pages have them: whole at times, else grown by what is new: a tick costs its own points."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from pilotage.telling import Telling

AFRESH = 240
"""So many ticks after the lines were taken whole they are taken whole again: what a page keeps is bounded."""
_APART_S = 0.001
"""Instants are told to the millisecond."""


@dataclass
class Growing:
    """`charts` is as Telling.series tells it, its columns as lists."""

    charts: dict[str, Any] = field(default_factory=dict)
    whole_at: float = -1.0
    """The newest point when the lines were last taken whole: whoever has less begins anew."""
    _grown: int = 0

    @property
    def newest(self) -> float:
        return max((line["at"][-1] for _, line in self._lines() if line["at"]), default=-1.0)

    async def renew(self, telling: Telling, rollout: str) -> None:
        """Takes in what was sampled since the last time."""
        if self.charts and self._grown < AFRESH:
            news = await telling.series(rollout, self.newest + _APART_S)
            if len(news["spans"]) == len(self.charts["spans"]):
                self._grow(news)
                return
        self.charts = await telling.series(rollout)
        for _, line in self._lines():
            line["at"], line["columns"] = list(line["at"]), {name: list(one) for name, one in line["columns"].items()}
        self.whole_at, self._grown = self.newest, 0

    def _grow(self, news: dict[str, Any]) -> None:
        self._grown += 1
        for kind in ("values", "evidence"):
            known = {line["name"]: line for line in self.charts[kind]}
            for line in news[kind]:
                if line["name"] not in known:
                    columns = {name: list(one) for name, one in line["columns"].items()}
                    self.charts[kind].append({**line, "at": list(line["at"]), "columns": columns})
                    continue
                mine = known[line["name"]]
                mine["at"] += line["at"]
                for name, column in line["columns"].items():
                    mine["columns"][name] += column
        self.charts |= {name: news[name] for name in ("spans", "turn_at", "turn")}

    def since(self, newest: float | None) -> dict[str, Any]:
        """For a page whose newest point is that one (None: it has none). `whole`: it replaces what the page has."""
        whole = newest is None or newest < self.whole_at
        lines = {name: _later(line, None if whole else newest) for name, line in self._lines()}
        return {
            "whole": whole,
            "spans": self.charts["spans"],
            "lines": {name: line for name, line in lines.items() if line["at"]},
        }

    def _lines(self) -> list[tuple[str, dict[str, Any]]]:
        """By the names that the page calls them by."""
        kinds = (("v", "values"), ("e", "evidence"))
        return [(f"{short}:{line['name']}", line) for short, kind in kinds for line in self.charts.get(kind, ())]


def _later(line: dict[str, Any], after: float | None) -> dict[str, Any]:
    first = 0 if after is None else bisect_right(line["at"], after)
    columns = {name: column[first:] for name, column in line["columns"].items()}
    return {"label": line["label"], "unit": line["unit"], "at": line["at"][first:], **columns}
