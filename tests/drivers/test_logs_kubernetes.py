"""Pods' logs, from a real API server; a fake kubelet plays the nodes and keeps the logs."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.logs.kubernetes import KubernetesLogs
from pilotage.testing import FaultsContract, LogsContract
from tests.drivers.kubeconfigs import written

LABELS = {"app": "payment", "track": "canary"}


def logs(kubeconfig, folder, namespace="shop", **options):
    given = {"kubeconfig": str(kubeconfig), "namespace": namespace, "selector": LABELS} | options
    return KubernetesLogs(KubernetesLogs.Options.model_validate(given), Context(folder, folder))


@pytest.fixture
async def started(cluster, namespace, kubelet, tmp_path):
    made = []

    def start(places=None, kubeconfig=None, **options):
        driver = logs(kubeconfig or cluster.kubeconfig, tmp_path, namespace, **options)
        driver.continue_at(places or {})
        made.append(driver)
        return driver

    yield start
    for driver in made:
        await driver.close()


@pytest.fixture
def pods(cluster, namespace, kubelet):
    return Pods(cluster, namespace, kubelet)


class Pods:
    """Pods without a controller; what is written is noted."""

    def __init__(self, cluster, namespace, kubelet):
        self.cluster, self.namespace, self.kubelet = cluster, namespace, kubelet

    def place(self, name):
        return f"/api/v1/namespaces/{self.namespace}/pods/{name}"

    async def make(self, name, image="payment:2.1", labels=LABELS, containers=("app",), wait="containerID", **meta):
        rows = [{"name": one, "image": image} for one in containers]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels, **meta}}
        await asyncio.to_thread(self.cluster.apply, {**pod, "spec": {"containers": rows}}, self.namespace)
        if wait:
            await self.until(name, lambda status: wait in status)

    async def until(self, name, ready):
        """Of the first container's status."""

        def found(pod):
            rows = pod.get("status", {}).get("containerStatuses")
            return bool(rows) and ready(rows[0])

        await asyncio.to_thread(self.cluster.until, self.place(name), found)

    async def write(self, name, *lines, container=None):
        await asyncio.to_thread(lambda: self.kubelet.write(name, *lines, container=container))

    async def crash(self, name, restarts=1, **how):
        await asyncio.to_thread(lambda: self.kubelet.crash(name, **how))
        await self.until(name, lambda status: status["restartCount"] >= restarts and "running" in status["state"])

    async def delete(self, name):
        await asyncio.to_thread(self.cluster.delete, self.place(name))
        await asyncio.to_thread(self.gone, name)

    def gone(self, name):
        listing = f"/api/v1/namespaces/{self.namespace}/pods"
        end = time.monotonic() + 20
        while any(one["metadata"]["name"] == name for one in self.cluster.get(listing)["items"]):
            assert time.monotonic() < end
            time.sleep(0.05)


def text(pieces):
    return b"".join(piece.data for piece in pieces)


def places(pieces):
    return {piece.stream: piece.offset + len(piece.data) for piece in pieces}


class TestKubernetesLogs(LogsContract):
    strange = "Ünlesbar \u2028\t\n".encode()

    @pytest.fixture
    async def driver(self, started, pods):
        await pods.make("payment-a")
        return started()

    @pytest.fixture
    def write(self, kubelet, driver):
        return lambda data: kubelet.write("payment-a", *data.decode().split("\n")[:-1])


class TestKubernetesLogsFaults(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        return logs(written(self.path / "kubeconfig", url, token=self.secret), self.path, timeout_s=self.patience_s)


class TestKubernetesLogsReadFaults(TestKubernetesLogsFaults):
    async def act(self, driver):
        await driver.read()


async def test_what_was_there_at_the_first_look_is_the_past(started, pods):
    await pods.make("payment-a")
    await pods.write("payment-a", "old 1", "old 2")
    driver = started()
    assert text(await driver.read()) == b""
    await pods.write("payment-a", "new")
    assert text(await driver.read()) == b"new\n"
    assert text(await driver.read()) == b""


async def test_a_pod_born_later_is_read_from_its_beginning(started, pods, kubelet):
    kubelet.prints("payment:2.1", "starting", "listening")
    driver = started()
    assert await driver.read() == []
    await pods.make("payment-a")
    heard = await driver.read()
    assert text(heard) == b"starting\nlistening\n"
    assert {piece.name for piece in heard} == {"payment-a/app"}


async def test_the_last_words_of_a_crash_and_the_first_of_the_next_run_come_in_order(started, pods, kubelet):
    kubelet.prints("payment:2.1", "starting")
    await pods.make("payment-a")
    driver = started()
    await driver.read()
    await pods.write("payment-a", "one")
    heard = await driver.read()
    await pods.write("payment-a", "FATAL two")
    await pods.crash("payment-a")
    await pods.write("payment-a", "three")
    heard += await driver.read()
    assert text(heard) == b"one\nFATAL two\nstarting\nthree\n"
    assert len({piece.stream for piece in heard}) == 1
    assert text(await driver.read()) == b""
    assert driver.troubles() == []


async def test_a_crash_loop_is_said_once_and_each_of_its_runs_is_read_once(started, pods, kubelet):
    kubelet.backoff_s, kubelet.ready_after_s = 1.0, 0.2
    kubelet.prints("payment:2.1-crash-loop", "starting", "FATAL no database")
    driver = started()
    await driver.read()
    await pods.make("payment-a", image="payment:2.1-crash-loop")
    heard, troubles = [], []
    end = time.monotonic() + 8
    while time.monotonic() < end:
        heard += await driver.read()
        troubles += driver.troubles()
        await asyncio.sleep(0.05)
    run = b"starting\nFATAL no database\n"
    assert len(text(heard)) >= 4 * len(run)
    assert (run * 20).startswith(text(heard))
    assert len([one for one in troubles if "crashes again and again" in one]) == 1


async def test_restarts_that_nobody_saw_are_said(started, pods):
    await pods.make("payment-a")
    driver = started()
    await driver.read()
    await pods.write("payment-a", "lost")
    await pods.crash("payment-a", 1)
    await pods.write("payment-a", "second run")
    await pods.crash("payment-a", 2)
    await pods.write("payment-a", "third run")
    assert text(await driver.read()) == b"second run\nthird run\n"
    said = driver.troubles()
    (restarted,) = [one for one in said if "restarted again before its log was read" in one]
    # The look may come while it is down: then that is told besides.
    assert [one for one in said if one is not restarted and "it crash" not in one] == []


async def test_a_pod_that_is_gone_ends_its_stream(started, pods):
    await pods.make("payment-a")
    driver = started()
    await driver.read()
    await pods.write("payment-a", "one")
    (piece,) = [piece for piece in await driver.read() if piece.data]
    await pods.delete("payment-a")
    (last,) = await driver.read()
    assert (last.stream, last.offset, last.ended) == (piece.stream, 4, True)
    (said,) = driver.troubles()
    assert "payment-a/app was removed between two looks" in said


async def test_a_pod_of_the_same_name_is_another_one(started, pods):
    await pods.make("payment-0")
    driver = started()
    await driver.read()
    await pods.delete("payment-0")
    await pods.make("payment-0")
    await pods.write("payment-0", "one")
    heard = await driver.read()
    assert text(heard) == b"one\n"
    assert len({piece.stream for piece in heard}) == 2


async def test_only_pods_with_all_the_labels_are_read(started, pods):
    driver = started()
    await driver.read()
    await pods.make("payment-a")
    await pods.make("payment-b", labels={"app": "payment", "track": "stable"})
    await pods.write("payment-a", "ours")
    await pods.write("payment-b", "theirs")
    assert text(await driver.read()) == b"ours\n"


async def test_several_pods_are_streams_of_their_own(started, pods):
    driver = started()
    await driver.read()
    for name in "abcdef":
        await pods.make(f"payment-{name}")
        await pods.write(f"payment-{name}", f"of {name}")
    heard = {piece.name: piece.data for piece in await driver.read() if piece.data}
    assert heard == {f"payment-{name}/app": f"of {name}\n".encode() for name in "abcdef"}


async def test_more_pods_than_wanted_are_said(started, pods):
    for name in "abc":
        await pods.make(f"payment-{name}")
    driver = started(most=2)
    await driver.read()
    for name in "abc":
        await pods.write(f"payment-{name}", "x")
    assert text(await driver.read()) == b"x\nx\n"
    (said,) = driver.troubles()
    assert "3 pods have the labels app=payment, track=canary: 2 are followed" in said
    await driver.read()
    assert driver.troubles() == []


class TestContainers:
    async def test_of_several_one_must_be_named(self, started, pods):
        await pods.make("payment-a", containers=("app", "proxy"))
        with pytest.raises(PermanentError, match="payment-a has the containers app, proxy: say whose log"):
            await started().read()
        driver = started(container="proxy")
        await driver.read()
        await pods.write("payment-a", "not this", container="app")
        await pods.write("payment-a", "this", container="proxy")
        assert text(await driver.read()) == b"this\n"

    async def test_a_pods_own_default_is_taken(self, started, pods):
        notes = {"kubectl.kubernetes.io/default-container": "app"}
        await pods.make("payment-a", containers=("proxy", "app"), annotations=notes)
        driver = started()
        await driver.read()
        await pods.write("payment-a", "this", container="app")
        assert text(await driver.read()) == b"this\n"

    async def test_a_name_that_no_pod_has_is_told(self, started, pods):
        await pods.make("payment-a")
        driver = started(container="ap")
        with pytest.raises(PermanentError, match="no pod has a container ap, they have app"):
            await driver.probe()
        assert await driver.read() == []
        (said,) = driver.troubles()
        assert "payment-a has no container ap, but app" in said


class TestNoErrors:
    async def test_an_image_that_cannot_be_pulled_is_said_once(self, started, pods):
        driver = started()
        await driver.read()
        await pods.make("payment-a", image="payment:2.1-pull-fails", wait=None)
        await pods.until("payment-a", lambda status: "waiting" in status["state"] and "Err" in str(status["state"]))
        for _ in range(3):
            assert text(await driver.read()) == b""
            await asyncio.sleep(0.3)
        assert len([one for one in driver.troubles() if "cannot be pulled" in one]) == 1

    async def test_a_pod_without_a_node_waits(self, cluster, namespace, tmp_path):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "payment-a", "labels": LABELS}}
        pod |= {"spec": {"containers": [{"name": "app", "image": "payment:2.1"}]}}
        await asyncio.to_thread(cluster.apply, pod, namespace)
        driver = logs(cluster.kubeconfig, tmp_path, namespace)
        assert text(await driver.read()) == b""
        assert "1 pod(s)" in await driver.probe()
        await driver.close()

    async def test_a_log_that_the_kubelet_rotated_goes_on_and_is_said(self, started, pods, kubelet, monkeypatch):
        monkeypatch.setattr("pilotage.drivers.logs.container._SURE_S", 0.0)
        await pods.make("payment-a")
        driver = started()
        await driver.read()
        await pods.write("payment-a", "one", "two")
        assert text(await driver.read()) == b"one\ntwo\n"
        kubelet.logs.runs["payment-a", "app"][-1].lines.clear()
        await pods.write("payment-a", "three")
        assert text(await driver.read()) == b"three\n"
        (said,) = driver.troubles()
        assert "its log was rotated" in said
        assert text(await driver.read()) == b""


class TestRestarts:
    async def test_it_goes_on_at_the_place_that_was_stored(self, started, pods):
        await pods.make("payment-a")
        first = started()
        await first.read()
        await pods.write("payment-a", "one", "two")
        stored = places(await first.read())
        await pods.write("payment-a", "three")
        await first.read()  # read, and not stored
        await pods.write("payment-a", "four")
        second = started(stored)
        heard = [piece for piece in await second.read() if piece.data]
        assert text(heard) == b"three\nfour\n"
        assert heard[0].offset == 8

    async def test_a_crash_meanwhile_loses_nothing(self, started, pods):
        await pods.make("payment-a")
        first = started()
        await first.read()
        await pods.write("payment-a", "one", "two")
        (stream,) = places(await first.read())
        await pods.write("payment-a", "three")
        await pods.crash("payment-a")
        await pods.write("payment-a", "four")
        second = started({stream: 6})
        assert text(await second.read()) == b"o\nthree\nfour\n"

    async def test_pods_that_came_and_went_meanwhile(self, started, pods):
        await pods.make("payment-a")
        first = started()
        stored = places(await first.read())
        await first.close()
        await pods.make("payment-b")
        await pods.write("payment-b", "while nobody looked")
        await pods.delete("payment-a")
        heard = await started(stored).read()
        assert text(heard) == b"while nobody looked\n"
        assert [piece.stream for piece in heard if piece.ended] == list(stored)

    async def test_without_its_notes_it_goes_on_from_now_and_says_so(self, started, pods, tmp_path):
        await pods.make("payment-a")
        first = started()
        await first.read()
        await pods.write("payment-a", "one")
        stored = places(await first.read())
        await first.close()
        for file in (tmp_path / "logs").iterdir():
            file.unlink()
        second = started(stored)
        assert text(await second.read()) == b""
        assert "nobody knows any more how far its log was read" in second.troubles()[0]
        await pods.write("payment-a", "two")
        (piece,) = await second.read()
        assert (piece.data, piece.offset) == (b"two\n", 4)


class TestPast:
    async def test_it_ends_where_following_begins(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", *(f"old {number}" for number in range(40)))
        driver = started()
        past = [piece async for piece in driver.past(3600, 1_000_000)]
        assert text(past) == b"".join(b"old %d\n" % number for number in range(40))
        assert past[-1].ended
        await pods.write("payment-a", "new")
        assert text(await driver.read()) == b"new\n"

    async def test_the_run_before_belongs_to_it(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", "FATAL once")
        await pods.crash("payment-a")
        await pods.write("payment-a", "again")
        driver = started()
        assert text([piece async for piece in driver.past(3600, 1_000_000)]) == b"FATAL once\nagain\n"
        assert text(await driver.read()) == b""

    async def test_a_restart_since_following_began_adds_nothing_to_it(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", "old")
        driver = started()
        await driver.read()
        await pods.write("payment-a", "new")
        await pods.crash("payment-a")
        await pods.write("payment-a", "newer")
        assert text([piece async for piece in driver.past(3600, 1000)]) == b"old\n"
        assert text(await driver.read()) == b"new\nnewer\n"

    async def test_of_a_long_one_the_newest_bytes_are_kept(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", *(f"old {number:03d}" for number in range(100)))
        past = [piece async for piece in started().past(3600, 20)]
        assert text(past) == b"097\nold 098\nold 099\n"
        assert past[0].offset == 800 - 20

    async def test_what_is_older_is_left_out(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", "old")
        await asyncio.sleep(3)
        await pods.write("payment-a", "newer")
        assert text([piece async for piece in started().past(1, 1_000_000)]) == b"newer\n"

    async def test_one_that_takes_too_long_is_said(self, started, pods):
        await pods.make("payment-a")
        await pods.write("payment-a", "old")
        driver = started(past_timeout_s=1e-9)
        assert text([piece async for piece in driver.past(3600, 1_000_000)]) == b""
        assert "within 1e-09 s" in driver.troubles()[0]


LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
GET_LOGS = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}


class TestRights:
    async def test_listing_pods_and_getting_logs_is_enough(self, started, pods, restricted):
        await pods.make("payment-a")
        driver = started(kubeconfig=restricted(LIST, GET_LOGS))
        assert "1 pod(s) with the labels app=payment, track=canary, container app" in await driver.probe()
        await driver.read()
        await pods.write("payment-a", "one")
        await pods.crash("payment-a")
        assert text(await driver.read()) == b"one\n"
        await pods.write("payment-a", "two")
        assert (
            text([piece async for piece in started(kubeconfig=restricted(LIST, GET_LOGS)).past(60, 1000)])
            == b"one\ntwo\n"
        )

    async def test_a_missing_right_is_told_with_its_rule(self, started, pods, restricted):
        await pods.make("payment-a")
        driver = started(kubeconfig=restricted(LIST))
        with pytest.raises(PermanentError, match=r"resources: \[pods/log\], verbs: \[get\]"):
            await driver.probe()
        with pytest.raises(PermanentError, match=r"resources: \[pods/log\], verbs: \[get\]"):
            await driver.read()
        with pytest.raises(PermanentError, match=r"resources: \[pods\], verbs: \[list\]"):
            await started(kubeconfig=restricted(GET_LOGS)).read()


async def test_without_a_pod_the_probe_says_so(started):
    with pytest.raises(TemporaryError, match="no pod has the labels app=payment, track=canary"):
        await started().probe()


def test_labels_are_needed():
    with pytest.raises(ValidationError, match="selector"):
        KubernetesLogs.Options.model_validate({"selector": {}})
