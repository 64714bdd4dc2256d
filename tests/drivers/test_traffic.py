import asyncio
import errno
import fcntl
import json
import os
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import ProviderStatus

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers import Context
from pilotage.drivers.traffic.envoy import EnvoyTraffic
from pilotage.drivers.traffic.flagd_file import FlagdFileTraffic
from pilotage.drivers.traffic.shell import ShellTraffic
from pilotage.testing import RestartsContract, SteersContract, TrafficContract, UnreachableContract, call
from tests import servers


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("envoy")
    with (
        servers.http_server(b"stable") as stable,
        servers.http_server(b"canary") as canary,
        servers.envoy(folder, stable.url, canary.url) as running,
    ):
        yield running


class TestEnvoy(TrafficContract, UnreachableContract, RestartsContract):
    @pytest.fixture
    async def driver(self, proxy, tmp_path):
        options = EnvoyTraffic.Options(runtime_dir=proxy.runtime_dir, key="payment.canary", admin=proxy.admin)
        driver = EnvoyTraffic(options, Context(tmp_path, tmp_path))
        yield driver
        await driver.close()

    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        admin = f"http://127.0.0.1:{servers.free_port()}"
        options = EnvoyTraffic.Options(runtime_dir=proxy.runtime_dir, key="payment.canary", admin=admin)
        return EnvoyTraffic(options, Context(tmp_path, tmp_path))

    @pytest.fixture
    def restart(self, proxy):
        async def anew():
            proxy.restart()  # in this thread: Envoy ends with the thread that has started it

        return anew

    @pytest.mark.parametrize(("weight", "least", "most"), [(0, 0, 0), (50, 140, 260), (100, 400, 400)])
    async def test_the_traffic_follows_the_weight(self, driver, proxy, weight, least, most):
        await driver.set_weight(weight, call("a"))
        async with httpx.AsyncClient(trust_env=False) as client:
            bodies = [(await client.get(proxy.url)).text for _ in range(400)]
        assert least <= bodies.count("canary") <= most

    async def test_other_keys_stay(self, driver, proxy):
        await driver.set_weight(30, call("a"))
        assert (proxy.runtime_dir / "other.key").read_text() == "7"

    async def test_old_trees_are_cleared_away(self, driver, proxy):
        for weight in range(6):
            await driver.set_weight(weight, call(str(weight)))
        assert len(list(proxy.runtime_dir.parent.glob(".pilotage-*"))) <= 2

    async def test_two_rollouts_that_share_the_folder_both_keep_their_weight(self, driver, proxy, tmp_path):
        options = EnvoyTraffic.Options(runtime_dir=proxy.runtime_dir, key="basket.canary", admin=proxy.admin)
        basket = EnvoyTraffic(options, Context(tmp_path, tmp_path))
        for weight in range(30):
            await asyncio.gather(driver.set_weight(weight, call("a")), basket.set_weight(100 - weight, call("b")))
            assert [await driver.read_weight(), await basket.read_weight()] == pytest.approx([weight, 100 - weight])

    async def test_another_link_in_the_same_folder_keeps_its_tree(self, driver, proxy, tmp_path):
        other = proxy.runtime_dir.with_name("other")
        other.symlink_to("runtime.d")
        options = EnvoyTraffic.Options(runtime_dir=other, key="payment.canary", admin=proxy.admin)
        of_another_envoy = EnvoyTraffic(options, Context(tmp_path, tmp_path))
        await driver.set_weight(30, call("a"))
        for weight in (40, 50):
            with pytest.raises(TemporaryError, match="did not take over"):
                await of_another_envoy.set_weight(weight, call(str(weight), timeout_s=0))
        assert await driver.set_weight(0, call("b")) == 0

    async def test_a_folder_that_is_no_link_is_refused_with_the_remedy(self, proxy, tmp_path):
        (tmp_path / "plain").mkdir()
        options = EnvoyTraffic.Options(runtime_dir="plain", key="payment.canary", admin=proxy.admin)
        with pytest.raises(PermanentError, match="ln -s"):
            await EnvoyTraffic(options, Context(tmp_path, tmp_path)).set_weight(1, call("a"))

    async def test_a_silent_admin_is_temporary_and_says_where_nothing_listens(self, unreachable):
        for asked in (unreachable.probe, unreachable.started_at):
            with pytest.raises(TemporaryError, match=r"Envoy's admin .*nothing listens at http://127\.0\.0\.1:\d+"):
                await asked()

    async def test_its_start_is_right_to_within_two_seconds(self, driver, restart):
        before = time.time()
        await restart()
        assert before - 2 <= await driver.started_at() <= time.time() + 2

    async def test_an_admin_that_is_none_is_said(self, proxy, tmp_path):
        with servers.http_server(b'{"uptime": "1 hour"}') as other:
            options = EnvoyTraffic.Options(runtime_dir=proxy.runtime_dir, key="payment.canary", admin=other.url)
            with pytest.raises(PermanentError, match=r"how long it runs.*server_info"):
                await EnvoyTraffic(options, Context(tmp_path, tmp_path)).started_at()
            other.body = b"<html>"
            with pytest.raises(
                PermanentError, match=r"as Envoy's admin does: its answer is not JSON\. Is `admin` right"
            ):
                await EnvoyTraffic(options, Context(tmp_path, tmp_path)).read_weight()


FLAGS = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "fix": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"},
        "other": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
    },
}


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def evaluated(file, contexts):
    """What a real OpenFeature client decides for each of these users."""
    api.set_provider(FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file)))
    client = api.get_client()
    servers.wait_until(lambda: client.get_provider_status() == ProviderStatus.READY, "the provider's first read")
    seen = [client.get_boolean_value("fix", False, context) for context in contexts]
    api.shutdown()
    return seen


def users(count, **attributes):
    return [EvaluationContext(f"user-{number}", attributes) for number in range(count)]


class TestFlagdFile(TrafficContract, SteersContract):
    cohort = Cohort("user", "group", ("beta", "staff"))

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "flags.json"
        path.write_text(json.dumps(FLAGS))
        return path

    @pytest.fixture
    def driver(self, file, tmp_path):
        return FlagdFileTraffic(FlagdFileTraffic.Options(file="flags.json", flag="fix"), Context(tmp_path, tmp_path))

    @pytest.mark.parametrize("weight", [0, 10, 50, 100])
    async def test_an_openfeature_client_sees_the_share(self, driver, file, weight):
        await driver.set_weight(weight, call("a"))
        seen = evaluated(file, users(3000))
        assert sum(seen) / 30 == pytest.approx(weight, abs=0 if weight in (0, 100) else 3)

    @pytest.mark.parametrize("weight", [0, 25, 100])
    async def test_an_openfeature_client_sees_the_cohort_whatever_the_share(self, driver, file, weight):
        await driver.set_weight(weight, replace(call("a"), cohort=self.cohort))
        assert all(evaluated(file, [*users(200, group="beta"), *users(200, group="staff")]))
        for others in (users(2000, group="bet"), users(2000)):
            seen = evaluated(file, others)
            assert sum(seen) / 20 == pytest.approx(weight, abs=0 if weight in (0, 100) else 4)

    async def test_an_openfeature_client_takes_values_from_outside_as_values(self, driver, file):
        strange = ('"$ref": "x"', "\\1", "{'var': 'group'}", "(a|.*)", "\n")
        await driver.set_weight(0, replace(call("a"), cohort=replace(self.cohort, values=strange)))
        assert evaluated(file, [EvaluationContext("u", {"group": value}) for value in strange]) == [True] * 5
        assert not any(evaluated(file, users(200, group="a")))

    async def test_a_cohort_leaves_nothing_behind_and_other_metadata_stay(self, driver, file):
        flags = json.loads(json.dumps(FLAGS))
        flags["flags"]["fix"]["metadata"] = {"owner": "shop"}
        file.write_text(json.dumps(flags))
        await driver.set_weight(0, replace(call("a"), cohort=self.cohort))
        await driver.set_weight(0, call("b"))
        assert json.loads(file.read_text())["flags"]["fix"] == {
            **flags["flags"]["fix"],
            "targeting": {"fractional": [["off", 10_000]]},
        }

    async def test_a_cohort_that_somebody_else_wrote_is_refused_although_it_looks_like_ours(self, driver, file):
        await driver.set_weight(10, replace(call("a"), cohort=self.cohort))
        flags = json.loads(file.read_text())
        del flags["flags"]["fix"]["metadata"]
        file.write_text(json.dumps(flags))
        with pytest.raises(PermanentError, match="targeting of its own"):
            await driver.set_weight(0, call("b"))
        assert json.loads(file.read_text()) == flags

    async def test_a_cohort_that_was_changed_since_is_refused(self, driver, file):
        await driver.set_weight(10, replace(call("a"), cohort=self.cohort))
        flags = json.loads(file.read_text())
        flags["flags"]["fix"]["targeting"]["if"][0] = {"==": [{"var": "group"}, "beta"]}
        file.write_text(json.dumps(flags))
        for asked in (driver.read_cohort, driver.read_weight):
            with pytest.raises(PermanentError, match="targeting of its own"):
                await asked()

    async def test_a_cohort_of_requests_is_refused(self, driver):
        with pytest.raises(PermanentError, match="knows cohorts by user, not by header"):
            await driver.set_weight(0, replace(call("a"), cohort=Cohort("header", "X-Canary", ("yes",))))

    async def test_the_rest_of_the_file_stays_and_its_time_rises(self, driver, file):
        times = [file.stat().st_mtime_ns]
        for weight in range(5):
            await driver.set_weight(weight, call(str(weight)))
            times.append(file.stat().st_mtime_ns)
        assert times == sorted(set(times))
        assert json.loads(file.read_text())["flags"]["other"] == FLAGS["flags"]["other"]

    async def test_two_flags_of_a_file_both_keep_their_weight(self, driver, file, tmp_path):
        flags = json.loads(json.dumps(FLAGS))
        flags["flags"]["basket"] = flags["flags"]["fix"]
        file.write_text(json.dumps(flags))
        basket = FlagdFileTraffic(FlagdFileTraffic.Options(file=file, flag="basket"), Context(tmp_path, tmp_path))
        for weight in range(100):
            await asyncio.gather(driver.set_weight(weight, call("a")), basket.set_weight(100 - weight, call("b")))
            assert [await driver.read_weight(), await basket.read_weight()] == pytest.approx([weight, 100 - weight])

    async def test_a_write_that_fails_leaves_the_file_and_nothing_else(self, driver, file, monkeypatch):
        await driver.set_weight(10, call("a"))
        there = {one.name: one.read_text() for one in file.parent.iterdir()}
        monkeypatch.setattr("os.replace", full)
        with pytest.raises(PermanentError, match=r"cannot write .*flags\.json: No space left on device"):
            await driver.set_weight(20, call("b"))
        assert {one.name: one.read_text() for one in file.parent.iterdir()} == there

    async def test_the_file_keeps_its_rights(self, driver, file):
        file.chmod(0o640)
        await driver.set_weight(10, call("a"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o640

    async def test_a_lock_that_another_process_keeps_is_told(self, driver, file, monkeypatch):
        monkeypatch.setattr("pilotage.drivers.files.WITHIN_S", 0.05)
        with (file.parent / ".flags.json.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(TemporaryError, match=r"somebody else has been writing .*flags\.json"):
                await driver.set_weight(10, call("a"))
        assert await driver.set_weight(10, call("b")) == 10

    def test_a_flag_whose_variants_are_one_is_refused(self):
        with pytest.raises(ValueError, match="not the same one"):
            FlagdFileTraffic.Options(file="flags.json", flag="fix", on="off")

    async def test_targeting_of_somebody_else_is_refused(self, driver, file):
        flags = json.loads(json.dumps(FLAGS))
        flags["flags"]["fix"]["targeting"] = {"if": [True, "on", "off"]}
        file.write_text(json.dumps(flags))
        with pytest.raises(PermanentError, match="targeting of its own"):
            await driver.set_weight(10, call("a"))


class TestShell(TrafficContract):
    @pytest.fixture
    def driver(self, tmp_path: Path):
        (tmp_path / "weight").write_text("0")
        write = "import sys; open('weight', 'w').write(sys.argv[1]); open('log', 'a').write('x')"
        options = ShellTraffic.Options(
            set=[sys.executable, "-c", write, "{weight}"],
            read=[sys.executable, "-c", "print(open('weight').read())"],
        )
        return ShellTraffic(options, Context(tmp_path, tmp_path / "state"))

    async def test_a_repeated_key_runs_the_command_once(self, driver, tmp_path):
        await driver.set_weight(25, call("a"))
        await driver.set_weight(25, call("a"))
        assert (tmp_path / "log").read_text() == "x"

    def test_unknown_placeholders_are_refused(self):
        with pytest.raises(ValueError, match=r"only the placeholders .*, not \{wieght\}"):
            ShellTraffic.Options(set=["x", "{wieght}"], read=["y"])
