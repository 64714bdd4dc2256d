"""Who moves the traffic of a Rollout: its own router directly where Pilotage drives it, else the Rollout itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core.planning.drivers import missing
from pilotage.importing.manifests import Manifest
from pilotage.importing.spots import NAME, Spot

DIRECT_NOTE = (
    "Pilotage sets this route itself. While the Rollout exists its controller sets it, too: before a rollout the",
    "Rollout has to make way for two Deployments behind its canary and its stable Service.",
)
THROUGH_NOTE = ("Pilotage moves the Rollout's own weight, and Argo's controller sets its router by it.",)
ROUTERS = ("istio", "nginx", "alb", "smi", "traefik", "apisix", "ambassador", "appMesh", "plugins")
GATEWAY = "argoproj-labs/gatewayAPI"
AN_IMAGE = "the image, such as registry/payment:{version}"
STEERING = ("gateway-api", "istio")
"""Drivers that know cohorts by header and copies."""


@dataclass(frozen=True)
class Moved:
    """`direct`: without the Rollout's controller. `names`: what canary and stable are called in the route."""

    rows: list[dict[str, Any]]
    above: tuple[str, ...]
    direct: bool


def traffic(rollout: Spot, canary: Spot, name: str, namespace: str) -> Moved:
    routing = canary.mapping("trafficRouting")
    services = canary.name("canaryService"), canary.name("stableService")
    through = {"name": "rollout", "driver": "argo-rollouts", "rollout": name, "namespace": namespace}
    if routing is None:
        above = (*THROUGH_NOTE, "Without trafficRouting a share is a share of the pods: as fine as there are replicas.")
        return Moved([through], above, False)
    routers = [one for one in routing.keys if one in ROUTERS]
    rows: list[dict[str, Any]] = []
    if routers == ["istio"]:
        rows = _istio(routing, services, namespace)
    elif routers == ["plugins"]:
        rows = _gateway(routing, services, namespace)
    if not rows:
        said = ", ".join(routers) or "no router"
        return Moved([through], (*THROUGH_NOTE, f"from spec.strategy.canary.trafficRouting: {said}"), False)
    other = ", ".join(f"{key}: {value}" for key, value in through.items())
    return Moved(rows, (*DIRECT_NOTE, f"Or let Argo do it: {{{other}}}"), True)


def _istio(routing: Spot, services: tuple[str | None, str | None], namespace: str) -> list[dict[str, Any]]:
    istio = routing.mapping("istio")
    subsets = istio.mapping("destinationRule") if istio is not None else None
    if subsets is not None:
        services = subsets.text("canarySubsetName"), subsets.text("stableSubsetName")
    if istio is None or not all(services):
        return []
    single = istio.mapping("virtualService")
    found = [single] if single is not None else istio.rows("virtualServices")
    if any("tcpRoutes" in one or "tlsRoutes" in one for one in found):
        return []
    rows: list[dict[str, Any]] = []
    for one in found:
        service = one.text("name", pattern=r"[a-z0-9](?:[a-z0-9./-]{0,251}[a-z0-9])?", expected="a name in Kubernetes")
        if service is None:
            return []
        called, _, space = service.partition(".")
        row: dict[str, Any] = {"name": f"istio-{called}"[:63] if len(found) > 1 else "istio", "driver": "istio"}
        row |= {"virtual_service": called, "namespace": space or namespace}
        routes = [route.text() for route in one.rows("routes")]
        if len(routes) > 1:
            spot = one.at("routes") or one
            spot.note("nearest", "several routes of one VirtualService: the driver argo-rollouts is proposed")
            return []
        if routes and routes[0]:
            row["route"] = routes[0]
        rows.append({**row, "canary": services[0], "stable": services[1]})
    return rows


def _gateway(routing: Spot, services: tuple[str | None, str | None], namespace: str) -> list[dict[str, Any]]:
    plugins = routing.mapping("plugins")
    if plugins is None or plugins.keys != (GATEWAY,) or None in services:
        return []
    plugin = plugins.mapping(GATEWAY)
    if plugin is None:
        return []
    plugin.note("nearest", "the driver gateway-api sets the HTTPRoute; Argo's plugin is not needed then")
    space = plugin.name("namespace") or namespace
    routes = [(plugin.name("httpRoute"), plugin.at("httpRoute"))] if "httpRoute" in plugin else []
    routes += [(one.name("name"), one) for one in plugin.rows("httpRoutes")]
    others = [one for one in plugin.keys if one not in ("httpRoute", "httpRoutes", "namespace")]
    for key in others:
        spot = plugin.at(key) or plugin
        spot.note("none", "only HTTPRoutes are set by the driver gateway-api", look=key.endswith(("Route", "Routes")))
    names = [name for name, _ in routes if name is not None]
    return [
        {
            "name": "route" if len(names) == 1 else f"route-{name}"[:63],
            "driver": "gateway-api",
            "route": name,
            "namespace": space,
            "canary": services[0],
            "stable": services[1],
        }
        for name in dict.fromkeys(names)
    ]


Deployed = tuple[list[dict[str, Any]], tuple[str, ...], str]
"""Rows, the comments above them, and the image as the files have it."""


def deploy(rollout: Spot, name: str, namespace: str, others: Sequence[Manifest], direct: str) -> Deployed:
    """`direct`: what is to be said of the Deployment where Argo's controller is not in between."""
    reference = rollout.mapping("spec", "workloadRef")
    behind = reference.name("name") if reference is not None else None
    deadline = rollout.whole("spec", "progressDeadlineSeconds", least=1)
    template = rollout.mapping("spec", "template")
    if behind is not None:
        found = next((one for one in others if one.kind == "Deployment" and one.name == behind), None)
        template = found.spot.mapping("spec", "template") if found is not None else None
    container, image = of_template(template)
    repository = image_without_tag(image)
    if direct or behind is not None:
        row: dict[str, Any] = {
            "name": "canary",
            "driver": "kubernetes",
            "deployment": missing(direct) if direct else behind,
            "container": container or missing("the container that gets the new image"),
            "image": f"{repository}:{{version}}" if repository else missing(AN_IMAGE),
            "namespace": namespace,
        }
        row |= ready_within(deadline)
        said = "" if direct else ": the one that spec.workloadRef names"
        return [row], (f"How the new version gets there: a Deployment gets the image{said}.",), image
    what = f"{container}={repository}:{{version}}" if repository else missing("container=image:{version}")
    command = ["kubectl", "argo", "rollouts", "set", "image", name, what, "--namespace", namespace]
    above = ("How the new version gets there: Argo's kubectl plugin changes the Rollout's image.",)
    return [{"name": "image", "driver": "shell", "command": command}], above, image


def ready_within(deadline: int | None) -> dict[str, Any]:
    """`progressDeadlineSeconds` for the driver kubernetes, which waits half a day at most."""
    return {"ready_within_s": min(deadline, 43_200)} if deadline else {}


def of_template(template: Spot | None) -> tuple[str, str]:
    """The name and the image of the only container; empty where there are several, or none."""
    containers = template.rows("spec", "containers") if template is not None and "spec" in template else []
    if len(containers) != 1:
        return "", ""
    one = containers[0]
    name = one.text("name", pattern=NAME, expected="a container's name") or ""
    image = one.text("image", pattern=r"[A-Za-z0-9][\w./:@-]{0,400}", expected="an image, such as registry/payment:1.2")
    return name, image or ""


def image_without_tag(image: str) -> str:
    bare = image.partition("@")[0]
    place, colon, tag = bare.rpartition(":")
    return place if colon and "/" not in tag else bare
