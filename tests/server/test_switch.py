"""When there are traces: as OpenTelemetry's own variables say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pilotage.tracing.switch import is_wanted

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "pilotage"}, False),
        (HERE, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        (HERE | {"OTEL_SDK_DISABLED": "true"}, False),
        (HERE | {"OTEL_SDK_DISABLED": "false"}, True),
        (HERE | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (HERE | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_an_endpoint_switches_them_on_unless_something_says_no(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*HERE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_wanted() is wanted


@pytest.mark.parametrize("module", ["pilotage.cli.main", "pilotage.direct.back", "pilotage.drivers.http"])
def test_whoever_is_in_a_hurry_imports_nothing_of_it(module: str) -> None:
    code = (
        f"import sys, {module}; sys.exit(', '.join({{'opentelemetry', 'prometheus_client'}} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
