"""Messages as GitHub, GitLab and Alertmanager document them, with the fields that tools leave out left in."""

from __future__ import annotations

from typing import Any

SHA = "3484a3fb816e0859fd6e1cea078d76385ff50625"


def workflow_run(**changed: Any) -> dict[str, Any]:
    repository = {"id": 300029405, "name": "shop", "full_name": "acme/shop", "private": True, "fork": False}
    run = {
        "id": 289782451,
        "name": "build",
        "head_branch": "v2.0.1",
        "head_sha": SHA,
        "path": ".github/workflows/build.yml",
        "run_number": 7,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "workflow_id": 2823525,
        "html_url": "https://github.com/acme/shop/actions/runs/289782451",
        "pull_requests": [],
        "run_attempt": 1,
        "head_repository": repository,
        "repository": repository,
        "head_commit": {"id": SHA, "message": "fix the payment", "author": {"name": "Ann"}},
    }
    workflow = {"id": 2823525, "name": "build", "path": ".github/workflows/build.yml", "state": "active"}
    action = changed.pop("action", "completed")
    return {
        "action": action,
        "workflow_run": run | changed,
        "workflow": workflow,
        "repository": repository,
        "sender": {"login": "ann", "id": 1},
    }


def check_suite(**changed: Any) -> dict[str, Any]:
    suite = {
        "id": 118578147,
        "head_branch": "v2.0.1",
        "head_sha": SHA,
        "status": "completed",
        "conclusion": "success",
        "url": "https://api.github.com/repos/acme/shop/check-suites/118578147",
        "before": None,
        "after": SHA,
        "pull_requests": [],
        "app": {"id": 29310, "slug": "octocoders-linter", "name": "Octocoders linter"},
        "latest_check_runs_count": 1,
    }
    repository = {"name": "shop", "full_name": "acme/shop", "html_url": "https://github.com/acme/shop"}
    return {"action": "completed", "check_suite": suite | changed, "repository": repository}


def deployment_status(**changed: Any) -> dict[str, Any]:
    status = {
        "id": 1115122403,
        "state": "success",
        "environment": "staging",
        "target_url": "",
        "log_url": "https://ci.shop.example/1115122403",
        "deployment_url": "https://api.github.com/repos/acme/shop/deployments/326191728",
    }
    deployment = {
        "id": 326191728,
        "sha": SHA,
        "ref": "v2.0.1",
        "task": "deploy",
        "payload": {},
        "environment": "staging",
    }
    repository = {"name": "shop", "full_name": "acme/shop"}
    return {
        "action": "created",
        "deployment_status": status | changed,
        "deployment": deployment,
        "repository": repository,
    }


def pipeline(**changed: Any) -> dict[str, Any]:
    merge_request = changed.pop("merge_request", None)
    attributes = {
        "id": 31,
        "iid": 3,
        "name": "Release pipeline",
        "ref": "v2.0.1",
        "tag": True,
        "sha": "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
        "before_sha": "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
        "source": "push",
        "status": "success",
        "detailed_status": "passed",
        "stages": ["build", "test", "deploy"],
        "duration": 63,
        "variables": [],
        "url": "https://gitlab.shop.example/acme/shop/-/pipelines/31",
    }
    return {
        "object_kind": "pipeline",
        "object_attributes": attributes | changed,
        "merge_request": merge_request,
        "user": {"id": 1, "name": "Ann", "username": "ann"},
        "project": {
            "id": 1,
            "name": "The Shop",
            "web_url": "https://gitlab.shop.example/acme/shop",
            "path_with_namespace": "acme/shop",
        },
        "commit": {"id": "bcbb5ec396a2c0f828686f14fac9b80b780504f2", "message": "fix the payment"},
        "builds": [{"id": 380, "stage": "deploy", "name": "production", "status": "skipped"}],
    }


def alert(
    name: str = "ErrorsHigh",
    service: str | None = "shop",
    environment: str | None = "production",
    status: str = "firing",
    fingerprint: str = "",
) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "critical", "service": service, "environment": environment}
    return {
        "status": status,
        "labels": {key: value for key, value in labels.items() if value is not None},
        "annotations": {"summary": f"{name}: 5 % of the payments fail"},
        "startsAt": "2027-01-15T11:58:45.828Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.shop.example/graph?g0.expr=errors",
        "fingerprint": fingerprint or f"{name}{service}"[:16],
    }


def alertmanager(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ErrorsHigh"}',
        "truncatedAlerts": 0,
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "receiver": "pilotage",
        "groupLabels": {"alertname": "ErrorsHigh"},
        "commonLabels": {"alertname": "ErrorsHigh"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.shop.example",
        "alerts": list(alerts),
    }
