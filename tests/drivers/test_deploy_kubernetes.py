"""The Kubernetes deployer, on a real API server and its controllers; a fake kubelet plays the nodes."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.deploy.kubernetes import KubernetesDeployer
from pilotage.testing import DeployerContract, FaultsContract, RehearsesContract, call
from tests.drivers.kubeconfigs import written
from tests.kubernetes.objects import deployment

IMAGE = "registry.test/payment:{version}"


def deployer(kubeconfig, namespace, folder=None, **options):
    given = {"deployment": "payment", "image": IMAGE, "kubeconfig": str(kubeconfig), "namespace": namespace}
    given |= {"ready_within_s": 30, "trouble_s": 0.5} | options
    given = {name: value for name, value in given.items() if value is not None}
    return KubernetesDeployer(KubernetesDeployer.Options.model_validate(given), Context(folder, folder, "payment"))


def place(namespace, name="payment", kind="deployments"):
    return f"/apis/apps/v1/namespaces/{namespace}/{kind}/{name}"


@pytest.fixture
async def running(cluster, namespace, kubelet):
    """Two pods of v1, ready."""
    made = deployment("payment", image="registry.test/payment:v1", replicas=2)
    await asyncio.to_thread(cluster.apply, made, namespace)
    await asyncio.to_thread(
        cluster.until, place(namespace), lambda found: found["status"].get("availableReplicas") == 2, 30
    )
    return cluster


@pytest.fixture
async def driver(running, namespace):
    one = deployer(running.kubeconfig, namespace)
    yield one
    await one.close()


def images(cluster, namespace):
    """Of every ReplicaSet that was ever made, the oldest first."""
    found = cluster.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets")["items"]
    found.sort(key=lambda one: int(one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
    return [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found]


class TestKubernetes(DeployerContract, RehearsesContract):
    @pytest.fixture
    def deployed(self, running, namespace):
        return lambda: [one.rpartition(":")[2] for one in images(running, namespace)][1:]


class OfACluster(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        return deployer(file, "shop", timeout_s=self.patience_s)


class TestKubernetesFaults(OfACluster):
    pass


class TestKubernetesDeployFaults(OfACluster):
    async def act(self, driver):
        return await driver.deploy("v2", call("a", 2))


async def test_it_says_what_runs_now(driver):
    said = await driver.deploy("v2", call("a"))
    assert "registry.test/payment:v2" in said
    assert "2 of 2 pods are ready" in said
    assert "all its pods are ready" in await driver.probe()


async def test_the_previous_version_comes_back_by_the_same_way(driver, running, namespace):
    await driver.deploy("v2", call("a"))
    await driver.deploy("v1", call("b"))
    assert running.get(place(namespace))["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v1")


async def test_the_change_says_who_made_it(driver, running, namespace):
    await driver.deploy("v2", call("a"))
    notes = running.get(place(namespace))["metadata"]["annotations"]
    assert notes["kubernetes.io/change-cause"] == "Pilotage: payment v2"


async def test_pods_that_run_for_a_while_between_their_crashes_end_it_too(driver, kubelet):
    """Longer than they are looked at, and never ready."""
    kubelet.behave("registry.test/payment:v2", "crash-loop")
    kubelet.ready_after_s, kubelet.backoff_s = 0.8, 0.1
    with pytest.raises(PermanentError, match=r"crashes again and again \(\d+ restarts\): exit code 1"):
        await asyncio.wait_for(driver.deploy("v2", call("a")), 20)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pull-fails", r"cannot be pulled: .*not found"),
        ("crash-loop", r"it crash(ed|es again and again \(\d+ restarts\)): exit code 1"),
        ("oom", "took more memory than its limit"),
    ],
)
async def test_pods_that_cannot_start_are_told_in_plain_words_and_soon(driver, kubelet, word, said):
    kubelet.behave("registry.test/payment:v2", word)
    with pytest.raises(PermanentError, match=said) as told:
        await driver.deploy("v2", call("a"))
    assert "left as it is" in str(told.value)
    assert "kubectl rollout undo deployments/payment" in str(told.value)


async def test_pods_that_never_get_ready_end_at_the_deadline_of_the_deployment(cluster, namespace, kubelet, running):
    await asyncio.to_thread(
        cluster.patch, place(namespace), {"spec": {"progressDeadlineSeconds": 3, "minReadySeconds": 0}}
    )
    kubelet.behave("registry.test/payment:v2", "never-ready")
    with pytest.raises(PermanentError, match=r"made no progress for 3 s.*readiness probe does not answer"):
        await deployer(cluster.kubeconfig, namespace).deploy("v2", call("a"))


async def test_pods_that_are_not_ready_in_time_end_at_the_plans_own_limit(cluster, namespace, kubelet, running):
    kubelet.behave("registry.test/payment:v2", "never-ready")
    with pytest.raises(PermanentError, match=r"not ready within 1\.5 s.*readiness probe does not answer"):
        await deployer(cluster.kubeconfig, namespace, ready_within_s=1.5).deploy("v2", call("a"))


def quota_of(cluster, namespace, pods):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    cluster.apply({**quota, "spec": {"hard": {"pods": str(pods)}}}, namespace)
    place = f"/api/v1/namespaces/{namespace}/resourcequotas/small"
    cluster.until(place, lambda one: "used" in one["status"], 20)


async def test_a_quota_that_is_used_up_is_told(cluster, namespace, running):
    await asyncio.to_thread(quota_of, cluster, namespace, 2)
    with pytest.raises(PermanentError, match="exceeded quota"):
        await deployer(cluster.kubeconfig, namespace).deploy("v2", call("a"))


async def test_a_canary_at_rest_is_scaled_up_with_its_version(cluster, namespace, kubelet):
    await asyncio.to_thread(
        cluster.apply, deployment("payment", image="registry.test/payment:v1", replicas=0), namespace
    )
    one = deployer(cluster.kubeconfig, namespace, replicas=3)
    assert "3 of 3 pods are ready" in await one.deploy("v2", call("a"))
    down = deployer(cluster.kubeconfig, namespace, replicas=0, image=None)
    assert "0 of 0" in await down.deploy("v2", call("b"))


async def test_what_somebody_else_changes_meanwhile_is_told_and_left_alone(cluster, namespace, kubelet, running):
    kubelet.behave("registry.test/payment:v2", "never-ready")
    waiting = asyncio.create_task(deployer(cluster.kubeconfig, namespace).deploy("v2", call("a")))
    await asyncio.to_thread(
        cluster.until,
        place(namespace),
        lambda one: one["spec"]["template"]["spec"]["containers"][0]["image"].endswith("v2"),
        20,
    )
    theirs = {"template": {"spec": {"containers": [{"name": "app", "image": "registry.test/payment:v9"}]}}}
    await asyncio.to_thread(cluster.patch, place(namespace), {"spec": theirs})
    with pytest.raises(PermanentError, match="changed by somebody else"):
        await waiting
    now = cluster.get(place(namespace))["spec"]["template"]["spec"]["containers"][0]["image"]
    assert now == "registry.test/payment:v9"


async def test_a_later_deploy_wins_over_one_that_was_ended_for_it(driver, kubelet, running, namespace):
    kubelet.behave("registry.test/payment:v2", "never-ready")
    for number, after_s in enumerate((0, 0.001, 0.005, 0.02, 0.1)):
        forward = asyncio.create_task(driver.deploy("v2", call(f"forward-{number}")))
        await asyncio.wait([forward], timeout=after_s)
        forward.cancel()
        await asyncio.wait([forward])
        assert "payment:v1" in await driver.deploy("v1", call(f"back-{number}"))
    assert running.get(place(namespace))["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v1")


async def test_a_statefulset_goes_pod_by_pod_by_its_partition(cluster, namespace, kubelet):
    made = deployment("payment", image="registry.test/payment:v1", replicas=3)
    made |= {"kind": "StatefulSet"}
    made["spec"] = {**made["spec"], "serviceName": "payment", "podManagementPolicy": "Parallel"}
    await asyncio.to_thread(cluster.apply, made, namespace)
    where = place(namespace, kind="statefulsets")
    await asyncio.to_thread(cluster.until, where, lambda one: one["status"].get("availableReplicas") == 3, 30)

    def pods():
        rows = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        return {one["metadata"]["name"]: one["spec"]["containers"][0]["image"].rpartition(":")[2] for one in rows}

    def one(partition):
        return deployer(cluster.kubeconfig, namespace, deployment=None, statefulset="payment", partition=partition)

    await one(2).deploy("v2", call("a"))
    assert pods() == {"payment-0": "v1", "payment-1": "v1", "payment-2": "v2"}
    await one(1).deploy("v2", call("b"))
    assert pods() == {"payment-0": "v1", "payment-1": "v2", "payment-2": "v2"}
    await one(1).deploy("v1", call("c"))
    assert pods() == {"payment-0": "v1", "payment-1": "v1", "payment-2": "v1"}


async def test_a_paused_deployment_is_told(cluster, namespace, running, driver):
    await asyncio.to_thread(cluster.patch, place(namespace), {"spec": {"paused": True}})
    for asked in (driver.probe(), driver.deploy("v2", call("a"))):
        with pytest.raises(PermanentError, match="is paused"):
            await asked


async def test_the_container_must_be_known(cluster, namespace, running):
    with pytest.raises(PermanentError, match="no container sidecar, but"):
        await deployer(cluster.kubeconfig, namespace, container="sidecar").probe()


async def test_a_missing_deployment_is_named_with_its_namespace(cluster, namespace):
    with pytest.raises(PermanentError, match=f"no Deployment payment in the namespace {namespace}"):
        await deployer(cluster.kubeconfig, namespace).probe()


LEAST = (
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
)


async def test_the_least_rights_suffice(restricted, namespace, running):
    kubeconfig = await asyncio.to_thread(restricted, *LEAST)
    one = deployer(kubeconfig, namespace)
    assert await one.probe()
    assert await one.rehearse("v2", call("a"))
    assert "payment:v2" in await one.deploy("v2", call("a"))
    await one.close()


@pytest.mark.parametrize(("left", "rule"), [(0, "deployments"), (1, "pods")])
async def test_a_right_that_is_missing_is_told_at_the_probe_with_the_rule_to_add(
    restricted, namespace, running, left, rule
):
    kubeconfig = await asyncio.to_thread(restricted, LEAST[1 - left])
    with pytest.raises(PermanentError, match=rf"give it a Role with the rule .*{rule}"):
        await deployer(kubeconfig, namespace).probe()


@pytest.mark.parametrize(
    "options",
    [
        {"image": "registry.test/payment:v2"},
        {"image": "x:{version}{previous}"},
        {"image": None},
        {"statefulset": "payment"},
        {"deployment": None},
        {"deployment": None, "daemonset": "agent", "replicas": 3},
        {"partition": 1},
        {"deployment": "Payment"},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        deployer("kubeconfig", "shop", **options)


async def test_what_kubernetes_said_of_an_earlier_change_does_not_end_this_one(cluster, namespace, kubelet, running):
    """Going back from a version that made no progress is the very case."""
    await asyncio.to_thread(cluster.patch, place(namespace), {"spec": {"progressDeadlineSeconds": 2}})
    kubelet.behave("registry.test/payment:v2", "never-ready")
    one = deployer(cluster.kubeconfig, namespace)
    with pytest.raises(PermanentError, match="made no progress for 2 s"):
        await one.deploy("v2", call("a"))
    assert "2 of 2 pods are ready" in await one.deploy("v1", call("b"))
    await one.close()


async def test_a_quota_that_is_full_until_the_old_pods_end_is_waited_for(cluster, namespace, running):
    """With the default of a minute: the controller tries again after ever longer waits."""
    await asyncio.to_thread(quota_of, cluster, namespace, 2)
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    await asyncio.to_thread(cluster.patch, place(namespace), {"spec": {"strategy": strategy}})
    one = deployer(cluster.kubeconfig, namespace, trouble_s=60, ready_within_s=90)
    assert "2 of 2 pods are ready" in await one.deploy("v2", call("a"))
    await one.close()


async def test_a_statefulset_that_cannot_go_back_by_itself_says_what_to_do_by_hand(cluster, namespace, kubelet):
    """In its usual order it waits for a pod that never starts, also when that pod's version is no longer wanted."""
    made = deployment("payment", image="registry.test/payment:v1", replicas=3)
    made |= {"kind": "StatefulSet"}
    made["spec"] = {**made["spec"], "serviceName": "payment"}
    await asyncio.to_thread(cluster.apply, made, namespace)
    where = place(namespace, kind="statefulsets")
    await asyncio.to_thread(cluster.until, where, lambda one: one["status"].get("availableReplicas") == 3, 30)
    kubelet.behave("registry.test/payment:v2", "pull-fails")
    one = deployer(cluster.kubeconfig, namespace, deployment=None, statefulset="payment")
    with pytest.raises(PermanentError, match="cannot be pulled"):
        await one.deploy("v2", call("a"))
    with pytest.raises(PermanentError, match=r"payment-2: the image .*: kubectl delete pod payment-2"):
        await one.deploy("v1", call("b"))
    await asyncio.to_thread(cluster.delete, f"/api/v1/namespaces/{namespace}/pods/payment-2")
    assert "3 of 3 pods are ready" in await one.deploy("v1", call("c"))
    await one.close()


async def test_a_pod_without_a_node_is_waited_for_as_clusters_grow(cluster, namespace, running, kubelet):
    """There is no scheduler here: the test says what one would say, and the kubelet lets the pod be."""
    await asyncio.to_thread(kubelet.stop)
    await asyncio.to_thread(cluster.patch, place(namespace), {"spec": {"replicas": 3}})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    found = await asyncio.to_thread(
        cluster.until, pods, lambda all: [one for one in all["items"] if "nodeName" not in one["spec"]]
    )
    name = next(one["metadata"]["name"] for one in found["items"] if "nodeName" not in one["spec"])
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
    await asyncio.to_thread(cluster.patch, f"{pods}/{name}/status", {"status": {"conditions": [said]}})
    one = deployer(cluster.kubeconfig, namespace, replicas=3, ready_within_s=2, image=None, trouble_s=0.1)
    with pytest.raises(PermanentError, match=r"not ready within 2 s.*no node can take it: 0/3 nodes"):
        await one.deploy("v1", call("a"))
    await one.close()


async def test_an_image_that_a_policy_gives_its_digest_is_the_same_image(cluster, namespace, running):
    digest = f"registry.test/payment:v1@sha256:{'0' * 64}"
    pinned = {"template": {"spec": {"containers": [{"name": "app", "image": digest}]}}}
    strategic = {"content-type": "application/strategic-merge-patch+json"}
    await asyncio.to_thread(
        lambda: cluster.api.patch(place(namespace), json={"spec": pinned}, headers=strategic).raise_for_status()
    )
    one = deployer(cluster.kubeconfig, namespace)
    assert "2 of 2 pods are ready" in await one.deploy("v1", call("a"))
    assert cluster.get(place(namespace))["spec"]["template"]["spec"]["containers"][0]["image"] == digest
    await one.close()


async def test_a_policy_that_makes_another_image_of_it_is_told(cluster, namespace, running):
    policy = f"other-registry-{namespace}"
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}, "resourceRules": rules}
    to = '"mirror.test/" + object.spec.template.spec.containers[0].image'
    patch = f'[JSONPatch{{op: "replace", path: "/spec/template/spec/containers/0/image", value: {to}}}]'
    spec = {
        **{"matchConstraints": where, "failurePolicy": "Fail", "reinvocationPolicy": "Never"},
        "matchConditions": [{"name": "not-yet", "expression": f"!({to.partition(' + ')[2]}.startsWith('mirror'))"}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    made = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": policy}}
    binding = {"policyName": policy}
    try:
        await asyncio.to_thread(cluster.apply, {**made, "kind": "MutatingAdmissionPolicy", "spec": spec})
        await asyncio.to_thread(cluster.apply, {**made, "kind": "MutatingAdmissionPolicyBinding", "spec": binding})
        await asyncio.to_thread(cluster.until_dry, place(namespace), lambda one: "mirror.test" in str(one["spec"]))
        with pytest.raises(PermanentError, match="admission policy that rewrites images"):
            await deployer(cluster.kubeconfig, namespace).deploy("v2", call("a"))
    finally:
        for kind in ("mutatingadmissionpolicybindings", "mutatingadmissionpolicies"):
            await asyncio.to_thread(cluster.delete, f"/apis/admissionregistration.k8s.io/v1/{kind}/{policy}")


def test_what_else_a_statefulset_says_of_its_updates_stays():
    rolling = {"partition": 1, "maxUnavailable": 2}
    found = {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}
    one = deployer("kubeconfig", "shop", deployment=None, statefulset="payment", partition=0, image=None, replicas=1)
    (change,) = one._patch(found, "v1", "it")
    assert change["value"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}}
