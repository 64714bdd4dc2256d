"""Counters that a team's own command prints, in Prometheus' text format; a selector is as on a scraped page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.answers import one_line
from pilotage.drivers.arguments import only
from pilotage.drivers.metrics.exposition import count_series, parse_selector, select
from pilotage.drivers.metrics.sharing import Sharing
from pilotage.drivers.process import OUTPUT_LIMIT, run


class CommandMetrics:
    class Options(DriverOptions):
        command: Annotated[list[str], only()] = Field(
            description="an argument list; it prints both groups' series and ends with 0"
        )
        timeout_s: float = Field(default=4.0, gt=0, le=60, description="it is ended after that many seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._directory = context.directory
        self._printed: Sharing[str] = Sharing()

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """The command runs once for all selectors."""
        try:
            parsed = [parse_selector(one) for one in selectors]
        except ValueError as error:
            raise PermanentError(f"bad selector: {error}") from None
        if not parsed:
            return []
        text = await self._printed.get((), self._run)
        try:
            return select(text, parsed)
        except ValueError as error:
            raise self._strange(f"({one_line(str(error), 200)})") from None

    async def probe(self) -> str:
        text = await self._printed.get((), self._run)
        series = count_series(text)
        if not series:
            raise self._strange('(no line such as requests_total{version="v2"} 17)')
        return f"{self._options.command[0]} prints {series} series, {len(text) / 1024:.1f} KiB"

    async def close(self) -> None:
        """Nothing runs between two reads."""

    async def _run(self) -> str:
        argv, timeout_s = self._options.command, self._options.timeout_s
        done = await run(argv, cwd=self._directory, env=os.environ, timeout_s=timeout_s)
        if not done.ok:
            last = one_line((done.stderr.strip() or "(it said nothing on stderr)").splitlines()[-1], 300)
            how = f"did not end within {timeout_s:g} s" if done.timed_out else f"ended with exit code {done.returncode}"
            raise TemporaryError(f"{argv[0]} (in {self._directory}) {how}: {last}")
        # Only the end of a longer output is kept: series would be missing.
        if len(done.stdout.encode()) >= OUTPUT_LIMIT:
            raise PermanentError(
                f"{argv[0]} prints {OUTPUT_LIMIT // 1024} KiB or more: let it print only the series that the plan reads"
            )
        return done.stdout

    def _strange(self, why: str) -> PermanentError:
        return PermanentError(
            f"{self._options.command[0]} does not print Prometheus' text format {why}. Run it by hand in "
            f"{self._directory}"
        )
