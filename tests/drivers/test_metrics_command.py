"""Counters from a command: what it prints, how it fails."""

import asyncio
import sys

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.command import CommandMetrics
from pilotage.testing import MetricsContract

PRINTS = """import pathlib
pathlib.Path("ran").open("a").write("x")
print('requests_total{version="v1"} 900')
print('requests_total{version="v2"} 100')
print('time_bucket{version="v2",le="+Inf"} 100')
"""


def build(folder, script, **options):
    (folder / "metrics.py").write_text(script)
    options = CommandMetrics.Options(command=[sys.executable, "metrics.py"], **options)
    return CommandMetrics(options, Context(folder, folder))


class TestCommand(MetricsContract):
    known = 'requests_total{version="v2"}'

    @pytest.fixture
    def driver(self, tmp_path):
        return build(tmp_path, PRINTS)

    async def test_it_runs_once_for_all_who_ask_at_the_same_time(self, driver, tmp_path):
        both = await asyncio.gather(driver.read([self.known, "time_bucket"]), driver.read(["requests_total"]))
        assert [[point.value for point in points] for points in both[0]] == [[100], [100]]
        assert len(both[1][0]) == 2
        assert (tmp_path / "ran").read_text() == "x"

    async def test_the_probe_counts_the_series(self, driver):
        assert "3 series" in await driver.probe()

    async def test_an_exit_code_comes_with_the_last_line_of_stderr(self, tmp_path):
        script = "import sys; print('requests_total 1'); sys.exit('first\\nno database\\n')"
        with pytest.raises(TemporaryError, match=r"exit code 1: no database$"):
            await build(tmp_path, script).read(["requests_total"])

    async def test_one_that_hangs_is_ended(self, tmp_path):
        with pytest.raises(TemporaryError, match=r"did not end within 0.3 s"):
            await build(tmp_path, "import time; time.sleep(60)", timeout_s=0.3).read(["requests_total"])

    async def test_too_much_output_is_told_as_series_would_be_missing(self, tmp_path):
        script = "print('requests_total 1'); print('\\n'.join(f'a{n} 1' for n in range(20000)))"
        with pytest.raises(PermanentError, match="64 KiB or more"):
            await build(tmp_path, script).read(["requests_total"])

    @pytest.mark.parametrize("said", ["", "17", '{"requests": 17}', "requests total: many"])
    async def test_the_probe_refuses_what_is_not_the_format(self, tmp_path, said):
        with pytest.raises(PermanentError, match="does not print Prometheus' text format"):
            await build(tmp_path, f"print({said!r})").probe()

    async def test_a_number_that_is_none_is_told(self, tmp_path):
        with pytest.raises(PermanentError, match="does not print"):
            await build(tmp_path, "print('requests_total many')").read(["requests_total"])

    async def test_a_selector_that_is_none_is_told(self, driver):
        with pytest.raises(PermanentError, match="bad selector"):
            await driver.read(["sum(x)"])

    @pytest.mark.parametrize("command", [[], ["./x", "{group}"]])
    def test_a_command_that_cannot_be_is_refused(self, command):
        with pytest.raises(ValidationError, match="command"):
            CommandMetrics.Options(command=command)

    async def test_one_that_is_not_there_is_told(self, tmp_path):
        driver = CommandMetrics(CommandMetrics.Options(command=["./nothing"]), Context(tmp_path, tmp_path))
        with pytest.raises(PermanentError, match="no such command"):
            await driver.probe()
