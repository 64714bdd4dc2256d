"""`pilotage metrics try`: what comes is shown for both groups; what does not is named, with what is there instead."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pilotage import planfile, sounding
from pilotage.drivers.metrics.scrape import ScrapeMetrics
from pilotage.testing.faults import faulty
from tests import servers
from tests.cli.test_commands import pilotage
from tests.planfile.test_signals import PLAN

HEAD = PLAN.split("metrics:")[0]
GUARDS = """\
  guards:
    - {preset: process, source: it, select: 'track="$group"', only: [process cpu, process memory]}
    - {name: queue, source: it, value: 'queue_length{track="$group"}', per: total}
    - {name: sent per request, source: it, value: 'sent_bytes_total{track="$group"}', kind: counter, per: request}
  tickets: {source: it, total: tickets_total}
"""
METRICS = """\
metrics:
  sources: {it: SOURCE}
  groups: {canary: NEW, control: old}
  requests: {preset: http-server, source: it, select: 'job="t"', label: track}
  bug: {name: null pointer, source: it, total: 'tries_total{track="$group"}', bad: 'npe_total{track="$group"}'}
"""


def page(seconds: float) -> bytes:
    """`new` gets 100 requests a second, `old` 300; of all so far 2 in 100 and 1 in 100 fail."""
    lines = ["tickets_total 17"]
    for track, rate, share, pods in (("new", 100, 0.02, "a"), ("old", 300, 0.01, "bc")):
        for pod in pods:
            labels, count = f'job="t",track="{track}",pod="{pod}"', 1000 + rate * seconds / len(pods)
            lines += [
                f'http_requests_total{{{labels},code="200"}} {count * (1 - share)}',
                f'http_requests_total{{{labels},code="500"}} {count * share}',
                f'http_request_duration_seconds_bucket{{{labels},le="0.1"}} {count / 2}',
                f'http_request_duration_seconds_bucket{{{labels},le="0.5"}} {count}',
                f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} {count}',
                f"process_cpu_seconds_total{{{labels}}} {100 + 0.5 * seconds}",
                f"process_resident_memory_bytes{{{labels}}} {512 * 2**20}",
                f"queue_length{{{labels}}} 3",
                f"sent_bytes_total{{{labels}}} {1000 * count}",
                f"tries_total{{{labels}}} {count}",
            ]
        lines.append(f'npe_total{{track="{track}",pod="{pods[0]}"}} 5')
    return "\n".join([*lines, ""]).encode()


@contextmanager
def moving() -> Iterator[servers.Page]:
    """A page whose counters rise with the time."""
    ended, begun = threading.Event(), time.monotonic()
    with servers.http_server(page(0)) as served:

        def rise() -> None:
            while not ended.wait(0.02):
                served.body = page(time.monotonic() - begun)

        thread = threading.Thread(target=rise, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            ended.set()
            thread.join()


def tried(folder: Path, source: str, *more: str, text: str = METRICS + GUARDS, new: str = "new") -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    (folder / "plan.yaml").write_text(HEAD + text.replace("SOURCE", source).replace("NEW", new))
    done = pilotage(folder, "metrics", "try", "plan.yaml", "--apart", "1.5", *more)
    return done.returncode, done.stdout + done.stderr


def scraped(url: str) -> str:
    return f'{{driver: scrape, urls: ["{url}"]}}'


@pytest.fixture(scope="module")
def live() -> Iterator[servers.Page]:
    with moving() as served:
        yield served


@pytest.fixture(scope="module", params=["scrape", "prometheus"])
def source(request: Any, live: servers.Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "scrape":
        yield scraped(live.url)
        return
    with servers.prometheus(tmp_path_factory.mktemp("prometheus"), live.url) as url:
        query = f"{url}/api/v1/query?query=irate(process_cpu_seconds_total[2m])"
        servers.wait_until(lambda: "old" in servers.httpx.get(query, trust_env=False).text, "two scrapes")
        yield f'{{driver: prometheus, url: "{url}"}}'


def test_everything_comes_for_both_groups(source: str, tmp_path: Path) -> None:
    code, said = tried(tmp_path / "it", source, "--json")
    data = json.loads(said)
    rows = {(row["metric"], row.get("group", "")): row["values"] for row in data["metrics"]}
    assert (code, data["ok"], data["faults"]) == (0, True, {})
    assert rows["errors", "canary"]["bad"] == pytest.approx(rows["errors", "canary"]["total"] * 0.02, rel=0.05)
    assert rows["errors", "control"]["bad"] == pytest.approx(rows["errors", "control"]["total"] * 0.01, rel=0.05)
    assert rows["errors", "canary"]["per_s"] == pytest.approx(100, rel=0.35)
    assert rows["errors", "control"]["per_s"] == pytest.approx(300, rel=0.35)
    assert rows["latency", "canary"]["p50_s"] == pytest.approx(0.1)
    assert 0.4 < rows["latency", "control"]["p95_s"] < rows["latency", "control"]["p99_s"] <= 0.5
    assert rows["null pointer", "canary"]["bad"] == 5
    assert rows["process cpu", "control"]["value"] == pytest.approx(0.5, rel=0.35)
    assert rows["process memory", "canary"]["value"] == 512 * 2**20
    assert rows["queue", "control"] == {
        "value": 6,
        "unit": "",
        "per": "total",
        "instances": 2,
        "each": {"b": 3, "c": 3},
    }
    assert rows["sent per request", "canary"]["value"] == pytest.approx(1000, rel=0.5)
    assert rows["tickets", ""]["total"] == 17


def test_a_person_reads_it(live: servers.Page, tmp_path: Path) -> None:
    code, said = tried(tmp_path / "it", scraped(live.url))
    assert code == 0, said
    assert "payment in production: canary new, control old; read twice, 1.5 s apart." in said
    assert "source it: 1 metrics page(s)" in said
    assert re.search(r"errors \(from it\):\n  canary   \d,?\d\d\d in all, ", said)
    assert "bad (2.00%)" in said
    assert "per second" in said
    assert "p50 100 ms, p95 460 ms, p99 492 ms" in said
    assert re.search(r"0\.\d+ cores, the mean \(2 instances: b 0", said)
    assert "512 MiB, the mean (1 instances: a 512 MiB)" in said
    assert said.endswith("Everything comes.\n")


def test_a_group_without_series_is_told_with_what_the_label_has(source: str, tmp_path: Path) -> None:
    code, said = tried(tmp_path / "it", source, new="payment-v2")
    assert code == 1
    shown = 'no series for group canary "payment-v2" (http_requests_total{job="t",track="payment-v2"})'
    assert f"MISSING: {shown}; its label track has: new, old" in said
    assert "Missing: 7 of 15." in said


def test_readings_are_so_far_apart_that_every_source_has_new_numbers(
    live: servers.Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two equal readings a histogram that begins at 0 would look empty."""
    text = METRICS.replace("SOURCE", scraped(live.url))
    (tmp_path / "plan.yaml").write_text(HEAD + text.replace("NEW", "new"))
    plan = planfile.load_file(tmp_path / "plan.yaml")
    monkeypatch.setattr(sounding, "APART_S", 0.01)
    monkeypatch.setattr(ScrapeMetrics, "every_s", property(lambda _: 0.5), raising=False)
    monkeypatch.setattr(ScrapeMetrics, "behind_s", property(lambda _: 0.0), raising=False)
    found = asyncio.run(sounding.sound(plan, tmp_path, None, 10.0))
    assert found.apart_s == pytest.approx(0.55)
    assert asyncio.run(sounding.sound(plan, tmp_path, 0.1, 10.0)).apart_s == 0.1


def test_what_has_no_series_at_all_is_told(live: servers.Page, tmp_path: Path) -> None:
    text = METRICS.replace("npe_total", "mpe_total").replace("tries_total", "trys_total")
    text = text.replace("label: track}", "label: track, histogram: took_seconds}")
    code, said = tried(tmp_path / "it", scraped(live.url), text=text)
    assert code == 1
    assert "there are no series called trys_total at all" in said
    assert "there are no series called took_seconds_bucket at all" in said
    text = METRICS.replace("npe_total", "mpe_total")
    code, said = tried(tmp_path / "it", scraped(live.url), text=text)
    assert code == 1
    assert "it has no series called mpe_total; a misspelt error counter would always pass" in said
    text = METRICS.replace('npe_total{track="$group"}', 'npe_total{track="$group",pod="z"}')
    code, said = tried(tmp_path / "it", scraped(live.url), text=text)
    assert code == 0, said


def test_matchers_that_fit_nothing_are_told_apart_from_the_label(live: servers.Page, tmp_path: Path) -> None:
    code, said = tried(tmp_path / "it", scraped(live.url), text=METRICS.replace('job="t"', 'job="u"'))
    assert code == 1
    assert 'its label track (without job="u") has: new, old' in said


def test_the_buckets_of_a_histogram_are_no_count(live: servers.Page, tmp_path: Path) -> None:
    text = METRICS.replace("tries_total", "http_request_duration_seconds_bucket")
    code, said = tried(tmp_path / "it", scraped(live.url), text=text)
    assert code == 1
    assert "gives all the buckets of a histogram, and no count" in said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the token in KEY (401)"),
        (403, "refuses access"),
        (429, "limits how often"),
        (500, "answered 500"),
    ],
)
def test_a_source_that_refuses_is_told_and_its_secret_is_not(status: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "key").write_text("planted-secret")
    with faulty() as server:
        server.status, server.body = status, b'{"error": "planted-secret is not known"}'
        source = f'{{driver: prometheus, url: "{server.url}", token: {{file: {tmp_path}/it/key}}}}'
        code, shown = tried(tmp_path / "it", source)
    assert code == 1
    assert "source it: FAILED: Prometheus" in shown
    assert said.replace("KEY", f"{tmp_path}/it/key") in shown
    assert "the source it failed" in shown
    assert "planted" not in shown


def test_a_secret_that_is_missing_and_a_server_that_is_away_are_told(tmp_path: Path) -> None:
    source = '{driver: prometheus, url: "http://127.0.0.1:9", token: {env: NO_SUCH_VARIABLE}}'
    assert "NO_SUCH_VARIABLE is not set" in tried(tmp_path / "it", source)[1]
    code, said = tried(tmp_path / "it", '{driver: prometheus, url: "http://127.0.0.1:9"}')
    assert code == 1
    assert "connection refused" in said


def test_a_clock_that_is_another_is_told(tmp_path: Path) -> None:
    at = time.time() - 90
    with faulty() as server:
        server.body = json.dumps(
            {"status": "success", "data": {"resultType": "scalar", "result": [at, str(at)]}}
        ).encode()
        said = tried(tmp_path / "it", f'{{driver: prometheus, url: "{server.url}"}}')[1]
    assert "its clock is 9" in said
    assert "s behind ours" in said


def test_a_rule_that_is_evaluated_rarely_is_told(live: servers.Page, tmp_path: Path) -> None:
    text = """\
tick: 1s
metrics:
  sources: {it: SOURCE}
  groups: {canary: NEW, control: old}
  errors:
    source: it
    total: 'track:requests:sum{track="$group"}'
    bad: 'http_requests_total{track="$group",code=~"5.."}'
"""
    rule = {"record": "track:requests:sum", "expr": "sum by (track) (http_requests_total)"}
    rules = [{"name": "seldom", "interval": "8s", "rules": [rule]}]
    with servers.prometheus(tmp_path / "prometheus", live.url, rules=rules) as url:
        driver = f'{{driver: prometheus, url: "{url}"}}'
        deadline = time.monotonic() + 40
        while "its newest sample is" not in (said := tried(tmp_path / "it", driver, text=text)[1]):
            assert time.monotonic() < deadline, said
    assert 'note: track:requests:sum{track="new"}: its newest sample is' in said
    assert "Ticks of 1 s see nothing new in between" in said
    assert "http_requests_total" not in said


def test_what_a_preset_leaves_out_is_said(tmp_path: Path) -> None:
    body = (
        b'haproxy_server_http_responses_total{proxy="app",server="new",code="2xx"} 5\n'
        b'haproxy_server_http_responses_total{proxy="app",server="new",code="5xx"} 1\n'
        b'haproxy_server_http_responses_total{proxy="app",server="old",code="2xx"} 9\n'
        b'haproxy_server_http_responses_total{proxy="app",server="old",code="5xx"} 0\n'
    )
    text = METRICS.split("  requests")[0] + "  requests: {preset: haproxy, source: it, select: 'proxy=\"app\"'}\n"
    with servers.http_server(body) as served:
        code, said = tried(tmp_path / "it", scraped(served.url), text=text)
    assert code == 0, said
    assert "6 in all, 1 bad (16.67%), 0 per second" in said
    assert "note: latency: HAProxy's exporter has averages of times only, no histogram (left out by the preset)" in said


def test_a_plan_that_is_wrong_ends_with_2(tmp_path: Path) -> None:
    code, said = tried(tmp_path / "it", "{driver: scrape}")
    assert code == 2
    assert "metrics.sources.it.urls" in said
