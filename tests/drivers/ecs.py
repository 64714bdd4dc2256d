"""Amazon ECS, served from what its API reference documents (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/):
one service, whose tasks run, stop or come late as the test says. moto keeps task definitions and services, but starts
no tasks and no deployments."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.aws import ACCOUNT, REGION
from tests.drivers.served import Given, Request, Served

BASE = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
PREFIX = "AmazonEC2ContainerServiceV20141113."
DEFINITION = {
    "family": "pay",
    "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/pulls",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "app",
            "image": "registry.example.org/pay:v1",
            "cpu": 0,
            "essential": True,
            "environment": [{"name": "MODE", "value": "production"}],
            "portMappings": [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}],
        }
    ],
    "volumes": [],
    "placementConstraints": [],
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
}
TAKEN = {
    *DEFINITION,
    "taskRoleArn",
    "tags",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
}


@dataclass
class Ecs(Served):
    """`looks_until_steady`: so many DescribeServices a deployment takes. `stops`: what becomes of each task instead."""

    definitions: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    looks_until_steady: int = 1
    stops: dict[str, Any] | None = None
    breaker: str = ""
    """`on`: gives up after three failed tasks; `back`: and goes back to the last good one."""
    controller: str = "ECS"
    updates: int = 0

    def __post_init__(self) -> None:
        self.register(copy.deepcopy(DEFINITION))
        self._begin(self.definitions[-1]["taskDefinitionArn"])
        self.deployments[0] |= {"rolloutState": "COMPLETED", "runningCount": 2, "pendingCount": 0}
        self.updates = 0

    def register(self, given: dict[str, Any]) -> dict[str, Any]:
        assert set(given) <= TAKEN, set(given) - TAKEN
        tags = given.pop("tags", [])
        revision = len(self.definitions) + 1
        own = {"revision": revision, "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"], "registeredBy": "us"}
        arn = f"{BASE}:task-definition/pay:{revision}"
        self.definitions.append({**given, **own, "taskDefinitionArn": arn, "_tags": tags})
        return self.definitions[-1]

    def images(self) -> list[str]:
        """Of the deployments begun since, in order."""
        return [self.image(one["taskDefinition"]) for one in self.begun[1:]]

    def image(self, arn: str) -> str:
        return str(self.definition(arn)["containerDefinitions"][0]["image"])

    def definition(self, arn: str) -> dict[str, Any]:
        return next(one for one in self.definitions if one["taskDefinitionArn"] == arn)

    @property
    def begun(self) -> list[dict[str, Any]]:
        return self._begun

    def answer(self, request: Request) -> Given:
        assert (request.method, request.path) == ("POST", "/")
        assert request.headers["content-type"] == "application/x-amz-json-1.1"
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        action = request.headers["x-amz-target"].removeprefix(PREFIX)
        status, answer = getattr(self, f"_{action}")(request.body)
        return status, {"Content-Type": "application/x-amz-json-1.1"}, answer

    def asked(self, action: str) -> int:
        return sum(one.headers["x-amz-target"] == PREFIX + action for one in self.requests)

    # ------------------------------------------------------------------ the actions

    def _DescribeServices(self, body: Any) -> tuple[int, Any]:
        if body["cluster"] != "shop":
            return 400, {"__type": "ClusterNotFoundException", "message": "Cluster not found."}
        if body["services"] != ["pay"]:
            return 200, {"services": [], "failures": [{"arn": "x", "reason": "MISSING"}]}
        self._go_on()
        main = self.deployments[0]
        service = {
            "serviceName": "pay",
            "status": "ACTIVE",
            "desiredCount": 2,
            "runningCount": sum(one["runningCount"] for one in self.deployments),
            "pendingCount": main["pendingCount"],
            "taskDefinition": main["taskDefinition"],
            "deploymentController": {"type": self.controller},
            "deployments": self.deployments,
            "events": [{"id": "1", "message": "(service pay) was unable to place a task."}],
        }
        return 200, {"services": [service], "failures": []}

    def _DescribeTaskDefinition(self, body: Any) -> tuple[int, Any]:
        assert body["include"] == ["TAGS"]
        found = self.definition(body["taskDefinition"])
        shown = {name: value for name, value in found.items() if name != "_tags"}
        return 200, {"taskDefinition": shown, "tags": found["_tags"]}

    def _ListTaskDefinitions(self, body: Any) -> tuple[int, Any]:
        assert set(body) == {"familyPrefix", "status", "sort", "maxResults"}
        arns = [one["taskDefinitionArn"] for one in reversed(self.definitions)]
        return 200, {"taskDefinitionArns": arns[: body["maxResults"]]}

    def _RegisterTaskDefinition(self, body: Any) -> tuple[int, Any]:
        made = self.register(body)
        return 200, {"taskDefinition": {name: value for name, value in made.items() if name != "_tags"}}

    def _UpdateService(self, body: Any) -> tuple[int, Any]:
        assert set(body) <= {"cluster", "service", "taskDefinition", "forceNewDeployment"}
        self.updates += 1
        self._begin(body["taskDefinition"])
        return 200, {"service": {"serviceName": "pay"}}

    def _ListTasks(self, body: Any) -> tuple[int, Any]:
        assert body == {"cluster": "shop", "serviceName": "pay", "desiredStatus": "STOPPED"}
        return 200, {"taskArns": [one["taskArn"] for one in self.tasks]}

    def _DescribeTasks(self, body: Any) -> tuple[int, Any]:
        return 200, {"tasks": [one for one in self.tasks if one["taskArn"] in body["tasks"]], "failures": []}

    # ------------------------------------------------------------------ what it does by itself

    _begun: list[dict[str, Any]] = field(default_factory=list)

    def _begin(self, arn: str) -> None:
        for one in self.deployments:
            one["status"] = "ACTIVE"
        made = {
            "id": f"ecs-svc/{len(self._begun)}",
            "status": "PRIMARY",
            "taskDefinition": arn,
            "desiredCount": 2,
            "runningCount": 0,
            "pendingCount": 2,
            "failedTasks": 0,
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "in progress.",
        }
        self.deployments.insert(0, made)
        self._begun.append(made)

    def _go_on(self) -> None:
        main = self.deployments[0]
        if main["rolloutState"] != "IN_PROGRESS":
            return
        if self.stops is not None and self.image(main["taskDefinition"]) != "registry.example.org/pay:v1":
            main["failedTasks"] += 1
            task = {"taskArn": f"{BASE}:task/shop/{len(self.tasks)}", "taskDefinitionArn": main["taskDefinition"]}
            self.tasks.append({**task, "startedBy": main["id"], "lastStatus": "STOPPED", **self.stops})
            if self.breaker and main["failedTasks"] >= 3:
                main["rolloutState"] = "FAILED"
                main["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
                if self.breaker == "back":
                    self._begin(self._begun[0]["taskDefinition"])
            return
        main["looks"] = main.get("looks", 0) + 1
        if main["looks"] >= self.looks_until_steady:
            main |= {"rolloutState": "COMPLETED", "runningCount": 2, "pendingCount": 0}
            self.deployments = [main]
