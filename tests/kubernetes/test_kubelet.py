"""The fake kubelet reports what a real one reports; the words expected here are those of a real cluster."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kubernetes.access import Access, Object
from tests.kubernetes.behaviour import Behaviour, of, read
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.objects import deployment, service


class World:
    """A namespace whose pods run."""

    def __init__(self, cluster: Access, namespace: str, kubelet: Kubelet) -> None:
        self.cluster, self.namespace, self.kubelet = cluster, namespace, kubelet
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def run(self, image: str, replicas: int = 1, **spec: Any) -> str:
        """The path of the Deployment."""
        wanted = deployment("payment", image, replicas, **spec)
        self.cluster.apply(wanted, self.namespace)
        return self.cluster.place(wanted, self.namespace)

    def pod(self, holds: Callable[[Object], Any] = lambda pod: True) -> Object:
        """The first pod of which it holds, when there is one."""
        found = self.cluster.until(self.pods, lambda all_: [one for one in all_["items"] if _kept(holds, one)])
        return next(one for one in found["items"] if _kept(holds, one))

    def ready_pod(self) -> str:
        return str(self.pod(lambda pod: container(pod)["ready"])["metadata"]["name"])

    def log(self, pod: str, **query: str) -> list[str]:
        answer = self.cluster.api.get(f"{self.pods}/{pod}/log", params=query)
        assert answer.status_code == 200, answer.text
        return str(answer.text).splitlines()


def _kept(holds: Callable[[Object], Any], pod: Object) -> bool:
    return bool(pod["status"].get("containerStatuses")) and bool(holds(pod))


def container(pod: Object) -> Object:
    return dict(pod["status"]["containerStatuses"][0])


def condition(one: Object, kind: str) -> Object:
    return next(each for each in one["status"]["conditions"] if each["type"] == kind)


@pytest.fixture
def world(cluster: Access, namespace: str, kubelet: Kubelet) -> World:
    return World(cluster, namespace, kubelet)


def test_an_image_that_cannot_be_pulled_waits_with_its_name(world: World) -> None:
    place = world.run("registry.test/payment:pull-fails", progressDeadlineSeconds=1)
    refused = world.pod(lambda pod: container(pod)["state"].get("waiting", {}).get("reason") == "ErrImagePull")
    assert "registry.test/payment:pull-fails" in container(refused)["state"]["waiting"]["message"]
    assert refused["status"]["phase"] == "Pending"
    assert not container(refused)["ready"]
    waiting = world.pod(lambda pod: container(pod)["state"]["waiting"]["reason"] == "ImagePullBackOff")
    assert container(waiting)["state"]["waiting"]["message"].startswith("Back-off pulling image")
    late = world.cluster.until(place, lambda one: condition(one, "Progressing")["status"] == "False")
    assert condition(late, "Progressing")["reason"] == "ProgressDeadlineExceeded"


def test_a_container_that_crashes_is_restarted_and_backs_off(world: World) -> None:
    world.kubelet.backoff_s = 0.2
    world.run("payment:2.1-crash-loop")
    pod = world.pod(lambda pod: container(pod)["restartCount"] >= 2 and "waiting" in container(pod)["state"])
    assert container(pod)["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    assert pod["status"]["phase"] == "Running"
    assert condition(pod, "Ready")["message"] == "containers with unready status: [app]"


def test_a_container_killed_for_memory_says_so(world: World) -> None:
    world.run("payment:oom")
    pod = world.pod(lambda pod: container(pod)["lastState"])
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_container_that_serves_first_and_crashes_then_is_no_longer_available(world: World) -> None:
    place = world.run("payment:crash-later-0.5")
    world.cluster.until(place, lambda one: one["status"].get("availableReplicas") == 1)
    world.cluster.until(place, lambda one: one["status"].get("unavailableReplicas") == 1)
    assert container(world.pod(lambda pod: container(pod)["lastState"]))["lastState"]["terminated"]["exitCode"] == 1


def test_a_pod_that_never_answers_its_probe_runs_unready_and_an_event_says_why(world: World) -> None:
    place = world.run("payment:never-ready")
    pod = world.pod(lambda pod: "running" in container(pod)["state"])
    assert condition(pod, "Ready")["status"] == "False"
    events = f"/api/v1/namespaces/{world.namespace}/events"
    seen = world.cluster.until(events, lambda all_: [one for one in all_["items"] if one["reason"] == "Unhealthy"])
    assert any(one["message"].startswith("Readiness probe failed") for one in seen["items"])
    assert "availableReplicas" not in world.cluster.get(place)["status"]


def test_a_slow_one_is_ready_in_its_time(world: World) -> None:
    began = time.monotonic()
    world.run("payment:slow-1.5")
    world.ready_pod()
    assert 1.5 <= time.monotonic() - began < 15


def test_a_test_says_how_an_image_behaves_and_when_a_container_crashes(world: World) -> None:
    world.kubelet.behave("payment:3.0", "never-ready")
    world.run("payment:3.0")
    name = world.pod(lambda pod: "running" in container(pod)["state"])["metadata"]["name"]
    world.kubelet.ready(name, True)
    world.ready_pod()
    world.kubelet.crash(name, 137, "OOMKilled")
    again = world.pod(lambda pod: container(pod)["restartCount"] == 1 and container(pod)["ready"])
    assert again["metadata"]["name"] == name
    assert container(again)["lastState"]["terminated"]["reason"] == "OOMKilled"
    world.kubelet.ready(name, False)
    world.pod(lambda pod: not container(pod)["ready"])
    world.kubelet.crash(name)
    time.sleep(4 * world.kubelet.ready_after_s)
    assert not container(world.pod(lambda pod: container(pod)["restartCount"] == 2))["ready"]


def test_a_new_version_takes_the_place_of_the_old_one(world: World) -> None:
    place = world.run("payment:1.0", replicas=3)
    world.cluster.until(place, lambda one: one["status"].get("availableReplicas") == 3)
    world.run("payment:2.0", replicas=3)
    world.cluster.until(
        world.pods, lambda all_: [one["spec"]["containers"][0]["image"] for one in all_["items"]] == ["payment:2.0"] * 3
    )
    world.run("payment:2.0", replicas=0)
    world.cluster.until(world.pods, lambda all_: all_["items"] == [])


def test_a_namespace_goes_with_everything_in_it(world: World) -> None:
    world.run("payment:1.0", replicas=2)
    world.cluster.apply(service("payment", {"app": "payment"}), world.namespace)
    world.ready_pod()
    world.kubelet.stop()
    place = f"/api/v1/namespaces/{world.namespace}"
    world.cluster.delete(place)
    deadline = time.monotonic() + 40
    while world.cluster.api.get(place).status_code != 404:
        assert time.monotonic() < deadline, world.cluster.get(place)
        time.sleep(0.1)
    assert world.cluster.api.get(f"/api/v1/nodes/{world.kubelet.node}").status_code == 404
    world.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}})


def test_a_job_ends(world: World) -> None:
    pods = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "smoke:completes"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"}, "spec": {"template": pods}}
    world.cluster.apply(job, world.namespace)
    world.cluster.until(world.cluster.place(job, world.namespace), lambda one: one["status"].get("succeeded") == 1)
    failing = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "smoke:crash-loop"}]}
    job["metadata"] = {"name": "failing"}
    job["spec"] = {"template": {"spec": failing}, "backoffLimit": 0}
    world.cluster.apply(job, world.namespace)
    world.cluster.until(world.cluster.place(job, world.namespace), lambda one: one["status"].get("failed") == 1)


def test_logs_are_read_with_the_options_of_the_api(world: World) -> None:
    world.kubelet.prints("payment:1.0", "starting", "listening")
    world.run("payment:1.0")
    name = world.ready_pod()
    assert world.log(name) == ["starting", "listening"]
    time.sleep(1.1)  # since when is told in whole seconds
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    world.kubelet.write(name, "a wörd", "another")
    assert world.log(name, tailLines="1") == ["another"]
    assert world.log(name, sinceTime=since) == ["a wörd", "another"]
    assert world.log(name, sinceSeconds="1") == ["a wörd", "another"]
    assert world.log(name, tailLines="3", sinceTime=since) == ["a wörd", "another"]
    assert world.log(name, limitBytes="12") == ["starting", "lis"]
    stamped = world.log(name, timestamps="true")
    assert [line.split(" ", 1)[1] for line in stamped] == ["starting", "listening", "a wörd", "another"]
    assert since[:13] == stamped[-1][:13]
    assert stamped[-1].split(" ")[0].endswith("Z")


def test_the_log_of_the_crashed_one_is_the_previous_one(world: World) -> None:
    world.kubelet.prints("payment:1.0", "starting")
    world.run("payment:1.0")
    name = world.ready_pod()
    none_yet = world.cluster.api.get(f"{world.pods}/{name}/log", params={"previous": "true"})
    assert none_yet.status_code == 400
    assert "previous terminated container" in none_yet.text
    world.kubelet.write(name, "out of luck")
    world.kubelet.crash(name)
    world.pod(lambda pod: container(pod)["restartCount"] == 1)
    assert world.log(name, previous="true") == ["starting", "out of luck"]
    assert world.log(name) == ["starting"]


def test_a_container_that_has_not_started_has_no_log(world: World) -> None:
    world.run("payment:pull-fails")
    name = world.pod(lambda pod: container(pod)["state"]["waiting"]["reason"] == "ImagePullBackOff")["metadata"]["name"]
    answer = world.cluster.api.get(f"{world.pods}/{name}/log")
    assert answer.status_code == 400
    assert "is waiting to start: " in answer.text


def test_a_pod_with_the_name_of_another_begins_a_new_log(world: World) -> None:
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "payment-0"}}
    spec = {"containers": [{"name": "app", "image": "payment:1.0"}, {"name": "proxy", "image": "proxy:never-ready"}]}
    world.kubelet.prints("payment:1.0", "starting")
    for _ in range(2):
        world.cluster.apply({**bare, "spec": spec}, world.namespace)
        pod = world.pod(lambda pod: container(pod)["ready"])
        assert condition(pod, "Ready")["message"] == "containers with unready status: [proxy]"
        assert world.log("payment-0", container="app") == ["starting"]
        world.kubelet.write("payment-0", "more")
        world.kubelet.crash("payment-0", container="proxy")
        world.pod(lambda pod: [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0, 1])
        world.cluster.delete(f"{world.pods}/payment-0")
        world.cluster.until(world.pods, lambda all_: all_["items"] == [])


def test_a_followed_log_ends_with_its_container(world: World) -> None:
    world.run("payment:1.0")
    name = world.ready_pod()
    world.kubelet.write(name, "before")
    seen: list[str] = []
    first = threading.Event()

    def follow() -> None:
        with world.cluster.api.stream("GET", f"{world.pods}/{name}/log", params={"follow": "true"}) as answer:
            for line in answer.iter_lines():
                seen.append(line)
                first.set()

    following = threading.Thread(target=follow)
    following.start()
    assert first.wait(10)
    world.kubelet.write(name, "while it is followed")
    world.cluster.delete(f"{world.pods}/{name}")
    following.join(20)
    assert not following.is_alive()
    assert seen == ["before", "while it is followed"]


def test_kubectl_reads_the_log(world: World) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed here")
    world.kubelet.prints("payment:1.0", "starting")
    world.run("payment:1.0")
    name = world.ready_pod()
    world.kubelet.write(name, "listening")
    argv = [kubectl, "--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace]
    done = subprocess.run([*argv, "logs", name, "--tail=5"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "starting\nlistening\n", done.stderr
    done = subprocess.run([*argv, "get", "pods"], capture_output=True, text=True, timeout=60)
    assert "1/1     Running   0" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("image", "word", "after_s"),
    [
        ("payment:2.1", "runs", 0),
        ("registry.test:5000/payment", "runs", 0),
        ("registry.test:5000/slow/payment:2.1-oom", "oom", 0),
        ("payment:slow", "slow", 5),
        ("payment:2.1-slow-0.5", "slow", 0.5),
        ("payment:crash-later-3", "crash-later", 3),
        ("payment:slower", "runs", 0),
    ],
)
def test_an_images_tag_says_how_it_behaves(image: str, word: str, after_s: float) -> None:
    assert of(image, {}, {}) == Behaviour(word, after_s)


def test_what_the_test_said_goes_before_the_annotation_and_that_before_the_tag() -> None:
    said = {"pilotage.test/behaviour": "never-ready"}
    assert of("payment:oom", said, {}).word == "never-ready"
    assert of("payment:oom", said, {"payment:oom": "slow-2"}) == Behaviour("slow", 2)
    assert read("nonsense") is None
    with pytest.raises(AssertionError, match="no behaviour; known are runs"):
        of("payment:1", {"pilotage.test/behaviour": "nonsense"}, {})
