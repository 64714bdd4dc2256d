import asyncio
import http.client

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.haproxy import Runtime
from pilotage.drivers.traffic.haproxy import MOST_WEIGHT, HaproxyTraffic, weights
from pilotage.testing import RestartsContract, TrafficContract, UnreachableContract, call
from tests.proxies.haproxy import haproxy, running, upstream
from tests.servers import free_port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("haproxy")
    with (
        upstream("stable") as stable,
        upstream("canary") as canary,
        haproxy(folder, stable.url, canary.url) as started,
    ):
        yield started


def ask(proxy, count, **headers):
    """The bodies of so many requests, one after the other on one connection."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    bodies = []
    for _ in range(count):
        connection.request("GET", "/", headers=headers)
        bodies.append(connection.getresponse().read().decode())
    connection.close()
    return bodies


class TestHaproxy(TrafficContract, UnreachableContract, RestartsContract):
    @pytest.fixture
    async def driver(self, proxy, tmp_path):
        driver = proxy.driver(tmp_path)
        yield driver
        await driver.set_weight(0, call("end"))

    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        return proxy.driver(tmp_path, socket=f"127.0.0.1:{free_port()}")

    @pytest.fixture
    def restart(self, proxy):
        return lambda: asyncio.to_thread(proxy.restart)

    @pytest.mark.parametrize(("weight", "canary"), [(0, 0), (10, 60), (50, 300), (90, 540), (0.5, 3), (100, 600)])
    async def test_one_client_gets_the_share_exactly(self, driver, proxy, weight, canary):
        await driver.set_weight(weight, call("a"))
        await asyncio.to_thread(ask, proxy, 200)  # the cycle in which the weights came into force
        bodies = await asyncio.to_thread(ask, proxy, 600)
        assert bodies.count("canary") == canary
        assert bodies.count("stable") == 600 - canary

    async def test_a_small_share_is_there_soon_after_a_large_one(self, driver, proxy):
        await driver.set_weight(90, call("a"))
        await asyncio.to_thread(ask, proxy, 50)
        await driver.set_weight(0.5, call("b"))
        assert 1 <= (await asyncio.to_thread(ask, proxy, 600)).count("canary") <= 3

    async def test_the_weight_survives_a_restart(self, driver, proxy):
        await driver.set_weight(25, call("a"))
        await asyncio.to_thread(proxy.restart)
        assert await driver.read_weight() == 25
        assert (await asyncio.to_thread(ask, proxy, 400)).count("canary") == pytest.approx(100, abs=1)

    async def test_without_a_state_file_it_does_not(self, driver, proxy, tmp_path):
        await proxy.driver(tmp_path, state_file=None).set_weight(25, call("a"))
        proxy.state_file.unlink()
        await asyncio.to_thread(proxy.restart)
        assert await driver.read_weight() == 0

    async def test_the_socket_may_be_an_address(self, proxy, driver, tmp_path):
        await proxy.driver(tmp_path, socket=proxy.tcp).set_weight(25, call("a"))
        assert await driver.read_weight() == 25

    @pytest.mark.parametrize("weight", [0.1, 99.9])
    async def test_a_share_out_of_reach_is_refused(self, driver, weight):
        with pytest.raises(PermanentError, match=r"1 to 256: .* a share can be 0\.389 to 99\.61 %, not"):
            await driver.set_weight(weight, call("a"))

    async def test_a_state_file_that_cannot_be_written_is_told_at_probe(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match=r"cannot write in .*no-such-folder"):
            await proxy.driver(tmp_path, state_file="no-such-folder/state").probe()

    async def test_and_with_the_change_that_is_in_force(self, proxy, driver, tmp_path):
        lost = proxy.driver(tmp_path, state_file="no-such-folder/state")
        with pytest.raises(PermanentError, match="in force, but its state cannot be written"):
            await lost.set_weight(50, call("a"))
        assert await driver.read_weight() == 50


STABLE, CANARY = "server stable {stable}", "server canary {canary}"
BACKENDS = {
    "payment": ("balance roundrobin", f"{STABLE} check weight 1", f"{CANARY} check weight 0"),
    "pair": ("balance roundrobin", STABLE, "server stable2 {stable}", "server stable3 {stable}", CANARY),
    "stranger": ("balance roundrobin", STABLE, CANARY, "server old {stable}"),
    "dead": ("balance roundrobin", STABLE, "server canary 127.0.0.1:1 check"),
    "gone": ("balance roundrobin", "server stable 127.0.0.1:1 check", CANARY),
    "idle": ("balance roundrobin", f"{STABLE} weight 0", f"{CANARY} weight 0"),
    "maintained": ("balance roundrobin", STABLE, f"{CANARY} disabled"),
    "static": ("balance static-rr", STABLE, CANARY),
    "first": ("balance first", STABLE, CANARY),
    "least": ("balance leastconn", STABLE, CANARY),
    "source": ("balance source", STABLE, CANARY),
    "random": ("balance random", STABLE, CANARY),
    "cookie": ("cookie SRV insert", f"{STABLE} cookie s", f"{CANARY} cookie c"),
    "sticky": ("stick-table type ip size 1k", "stick on src", STABLE, CANARY),
    "spare": ("balance roundrobin", STABLE, f"{CANARY} backup"),
}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Backends that are as they should not be."""
    with upstream("stable") as stable, upstream("canary") as canary:
        addresses = {"stable": stable.address, "canary": canary.address}
        backends = {name: [line.format(**addresses) for line in lines] for name, lines in BACKENDS.items()}
        with running(tmp_path_factory.mktemp("many"), backends) as proxy:
            yield proxy


async def runtime(proxy, tmp_path, **options):
    options = HaproxyTraffic.Options(**proxy.options(canary="canary", stable="stable", **options))
    return Runtime(options, Context(tmp_path, tmp_path))


class TestProbe:
    @pytest.mark.parametrize(
        ("backend", "reason"),
        [
            ("stranger", "weights do not add up: old"),
            ("static", "balance static-rr"),
            ("first", "balance first"),
            ("least", "balance leastconn"),
            ("source", "balance source"),
            ("cookie", "binds users to servers"),
            ("sticky", "binds users to servers"),
            ("spare", "canary .* is a backup server"),
            ("idle", "no server .* has a weight and is in rotation"),
            ("paymnt", "no backend paymnt; did you mean payment"),
        ],
    )
    async def test_a_backend_whose_share_would_not_hold_is_refused(self, many, tmp_path, backend, reason):
        with pytest.raises(PermanentError, match=reason):
            await many.driver(tmp_path, backend=backend).probe()

    @pytest.mark.parametrize("backend", ["payment", "random"])
    async def test_others_are_not(self, many, tmp_path, backend):
        assert f"backend {backend} has" in await many.driver(tmp_path, backend=backend).probe()

    async def test_a_canary_that_fails_its_check_is_named(self, many, tmp_path):
        driver = many.driver(tmp_path, backend="dead")
        while (await (await runtime(many, tmp_path, backend="dead")).look()).server("canary").state != "DOWN":
            await asyncio.sleep(0.02)
        with pytest.raises(TemporaryError, match=r"no canary server .* canary is DOWN"):
            await driver.probe()
        with pytest.raises(TemporaryError, match=r"no canary server .* canary is DOWN"):
            await driver.set_weight(100, call("a"))
        assert await driver.set_weight(0, call("b")) == 0

    async def test_a_stable_side_that_fails_its_check_is_named_and_hinders_no_call(self, many, tmp_path):
        driver = many.driver(tmp_path, backend="gone")
        while (await (await runtime(many, tmp_path, backend="gone")).look()).server("stable").state != "DOWN":
            await asyncio.sleep(0.02)
        with pytest.raises(TemporaryError, match=r"no stable server .* stable is DOWN"):
            await driver.probe()
        for weight in (50, 0):
            assert await driver.set_weight(weight, call(str(weight))) == weight

    async def test_a_canary_in_maintenance_is_named(self, many, tmp_path):
        with pytest.raises(TemporaryError, match="canary is MAINT"):
            await many.driver(tmp_path, backend="maintained").probe()

    async def test_a_stable_side_that_drains_is_named(self, many, tmp_path):
        control = await runtime(many, tmp_path)
        await control.change("set server payment/stable state drain")
        try:
            with pytest.raises(TemporaryError, match=r"no stable server .* stable is DRAIN"):
                await many.driver(tmp_path).probe()
        finally:
            await control.change("set server payment/stable state ready")

    async def test_and_hinders_no_rollback(self, many, tmp_path):
        driver, control = many.driver(tmp_path), await runtime(many, tmp_path)
        await driver.set_weight(10, call("a"))
        await control.change("set server payment/stable state maint")
        try:
            assert await driver.set_weight(0, call("b")) == 0
        finally:
            await control.change("set server payment/stable state ready")

    async def test_a_server_that_is_not_there_is_named_with_the_one_meant(self, many, tmp_path):
        with pytest.raises(PermanentError, match="no server canry; did you mean canary"):
            await many.driver(tmp_path, canary="canry").probe()

    async def test_a_socket_of_a_lower_level_is_refused(self, many, tmp_path):
        with pytest.raises(PermanentError, match="needs `level admin`"):
            await many.driver(tmp_path, socket=str(many.operator)).probe()

    async def test_a_missing_socket_is_named_with_the_line_for_it(self, many, tmp_path):
        with pytest.raises(TemporaryError, match=r"no socket .*gone\.sock.*stats socket"):
            await many.driver(tmp_path, socket="gone.sock").probe()

    async def test_a_socket_that_may_not_be_opened_is_permanent(self, many, tmp_path, monkeypatch):
        async def refused(path):  # root may open every socket
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(asyncio, "open_unix_connection", refused)
        with pytest.raises(PermanentError, match="no permission to open"):
            await many.driver(tmp_path).probe()


class TestWeights:
    async def test_servers_out_of_rotation_do_not_count(self, many, tmp_path):
        driver = many.driver(tmp_path, backend="pair", stable=["stable", "stable2", "stable3"])
        control = await runtime(many, tmp_path, backend="pair")
        await control.change("set server pair/stable3 state maint")
        assert await driver.set_weight(10, call("a")) == pytest.approx(10, abs=0.01)
        bodies = await asyncio.to_thread(ask, many, 400, backend="pair")
        assert bodies.count("canary") == pytest.approx(40, abs=2)

    async def test_the_share_moves_one_way_only(self, many, tmp_path, monkeypatch):
        driver = many.driver(tmp_path)
        await driver.set_weight(0, call("start"))
        seen, change = [], Runtime.change

        async def watched(self, command):
            await change(self, command)
            seen.append(await driver.read_weight())

        monkeypatch.setattr(Runtime, "change", watched)
        for weight in (0.5, 10, 50, 90, 100):
            await driver.set_weight(weight, call(str(weight)))
            assert max(seen) <= weight
        seen.clear()
        for weight in (90, 50, 10, 0.5, 0):
            await driver.set_weight(weight, call(str(weight)))
            assert min(seen) >= weight

    async def test_a_stranger_that_appears_shows_in_the_weight_and_does_not_bar_the_way_back(self, many, tmp_path):
        driver = many.driver(tmp_path, backend="stranger")
        assert await driver.set_weight(50, call("a")) == pytest.approx(100 / 3)
        assert await driver.set_weight(0, call("b")) == 0

    async def test_an_algorithm_without_weights_is_told_also_when_setting(self, many, tmp_path):
        with pytest.raises(PermanentError, match=r"takes no weights .* `balance roundrobin`"):
            await many.driver(tmp_path, backend="static").set_weight(10, call("a"))

    async def test_a_weight_above_the_most_is_haproxys_own_refusal(self, many, tmp_path):
        with pytest.raises(PermanentError, match="between 0 and 256"):
            await (await runtime(many, tmp_path)).change("set weight payment/canary 257")

    @settings(max_examples=30)
    @given(st.floats(0.5, 99.5), st.integers(1, 4), st.integers(1, 4))
    def test_no_other_weights_are_nearer(self, percent, canary, stable):
        def off(one, other):
            return abs(one * canary / (one * canary + other * stable) * 100 - percent)

        try:
            chosen = weights(percent, canary, stable)
        except PermanentError:
            reached = (canary / (canary + MOST_WEIGHT * stable), 1 - stable / (stable + MOST_WEIGHT * canary))
            assert not reached[0] * 100 <= percent <= reached[1] * 100
            return
        numbers = range(1, MOST_WEIGHT + 1)
        nearest = min(off(one, other) for one in numbers for other in numbers[:: 1 if canary == stable else 3])
        assert off(*chosen) <= nearest + 0.001

    @pytest.mark.parametrize(
        ("percent", "pair"), [(0, (0, 1)), (0.5, (1, 199)), (10, (1, 9)), (50, (1, 1)), (100, (1, 0))]
    )
    def test_the_smallest_weights_are_taken(self, percent, pair):
        assert weights(percent, 1, 1) == pair


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"canary": []}, "one server at least"),
            ({"stable": []}, "one server at least"),
            ({"stable": ["a", "b", "a"]}, "a twice"),
            ({"canary": ["a", "b"], "stable": ["b", "c"]}, "not b in both"),
            ({"backend": "payment; shutdown frontend web"}, "backend"),
            ({"backend": "payment\n"}, "backend"),
            ({"canary": "a;b"}, "canary"),
            ({"canary": ["a\nset weight payment/b 0"]}, "canary"),
            ({"canary": "a/b"}, "canary"),
            ({"canary": "#1"}, "canary"),
            ({"canary": "-1"}, "canary"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, given, reason):
        options = {"socket": "/run/haproxy.sock", "backend": "payment", "canary": "new", "stable": ["old"], **given}
        with pytest.raises(ValidationError, match=reason):
            HaproxyTraffic.Options.model_validate(options)


class TestSocket:
    @pytest.fixture
    async def answering(self, tmp_path):
        """A socket that answers every command with the bytes given; None keeps silent."""
        started = []

        async def start(answer, timeout_s=10):
            async def serve(reader, writer):
                await reader.readline()
                if answer is not None:
                    writer.write(answer)
                    writer.close()

            started.append(await asyncio.start_unix_server(serve, tmp_path / "s.sock"))
            options = {"socket": "s.sock", "backend": "payment", "canary": "canary", "stable": "stable"}
            return HaproxyTraffic(HaproxyTraffic.Options(**options, timeout_s=timeout_s), Context(tmp_path, tmp_path))

        yield start
        for server in started:
            server.close()

    async def test_silence_is_temporary(self, answering):
        with pytest.raises(TemporaryError, match=r"did not answer within 0\.3 s"):
            await (await answering(None, timeout_s=0.3)).read_weight()

    @pytest.mark.parametrize(
        "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"# pxname,svname\npayment,BACKEND\n", b"\xff\x00"]
    )
    async def test_what_is_not_haproxy_is_told(self, answering, answer):
        with pytest.raises(PermanentError, match="is not HAProxy"):
            await (await answering(answer)).read_weight()

    async def test_an_endless_answer_is_not_kept(self, answering):
        with pytest.raises(PermanentError, match="more than 8 MiB"):
            await (await answering(b"x" * 9 * 2**20)).read_weight()

    async def test_a_command_it_does_not_know_is_told(self, many, tmp_path):
        with pytest.raises(PermanentError, match="does not know `frobnicate`"):
            await (await runtime(many, tmp_path)).ask("frobnicate")
