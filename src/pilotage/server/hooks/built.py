"""What CI says: a version was built, or could not be.

GitHub: https://docs.github.com/webhooks/webhook-events-and-payloads (workflow_run, check_suite, deployment_status).
GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/#pipeline-events.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import Problem
from pilotage.core.people import ANY
from pilotage.server.hooks.reading import NothingToDo, NotUnderstood, at, link, name, words

GREEN, RED = ("success",), ("failure", "failed", "error", "timed_out", "startup_failure")
"""The others (cancelled, skipped, neutral, running ...) say neither."""
FORK = "it ran for a fork, whose branches may be called anything"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Build:
    """`names` are what the version may be called: a tag, a branch, a commit. `what` was built, for people."""

    service: str
    names: tuple[str, ...]
    ok: bool
    what: str
    link: str

    def is_of(self, version: str) -> bool:
        bare = version.removeprefix("v")
        commit = len(version) < 64 and _COMMIT.fullmatch(version)
        return any(one.removeprefix("v") == bare or (commit and _is_commit(one, version)) for one in self.names)

    @property
    def note(self) -> str:
        return f"{self.what} {'succeeded' if self.ok else 'failed'}" + (f": {self.link}" if self.link else "")


def build(body: dict[str, Any], only: Collection[str], service: str) -> Build:
    """Raises NothingToDo, or NotUnderstood with what is missing.

    `only`: names that count; empty: all. `service`: the one that the hook is for, whatever the repository is called; *
    for none in particular.
    """
    if isinstance(run := body.get("workflow_run"), dict):
        called = name(run, "name") or name(body, "workflow", "name")
        _wanted(called, only)
        _finished(body)
        if name(run, "head_repository", "full_name") != name(body, "repository", "full_name"):
            raise NothingToDo(FORK)
        names, ok = _names(run, "head_branch", "head_sha"), _outcome(name(run, "conclusion"))
        return Build(_service(body, service), names, ok, f"workflow {called}", link(run, "html_url"))
    if isinstance(suite := body.get("check_suite"), dict):
        app = name(suite, "app", "slug") or name(suite, "app", "name")
        _wanted(app, only)
        _finished(body)
        if not name(suite, "head_branch"):
            raise NothingToDo(FORK)
        names, ok = _names(suite, "head_branch", "head_sha"), _outcome(name(suite, "conclusion"))
        return Build(_service(body, service), names, ok, f"checks of {app}", link(body, "repository", "html_url"))
    if isinstance(status := body.get("deployment_status"), dict):
        where = name(status, "environment") or name(body, "deployment", "environment")
        _wanted(where, only)
        names, ok = _names(at(body, "deployment"), "ref", "sha"), _outcome(name(status, "state"))
        shown = link(status, "log_url") or link(status, "target_url")
        return Build(_service(body, service), names, ok, f"deployment to {where}", shown)
    if body.get("object_kind") == "pipeline":
        return _pipeline(body, only, service)
    if "object_kind" in body or "zen" in body or ("repository" in body and "service" not in body):
        kind = name(body, "object_kind") or name(body, "action") or "of that kind"
        raise NothingToDo(f"events {kind} are not used; workflow_run, check_suite, deployment_status and pipelines are")
    return _plain(body, service)


def _pipeline(body: dict[str, Any], only: Collection[str], service: str) -> Build:
    pipeline = body.get("object_attributes")
    called = name(pipeline, "name")
    _wanted(called, only)
    source, target = (at(body, "merge_request", f"{one}_project_id") for one in ("source", "target"))
    if source != target:
        raise NothingToDo(FORK)
    number = name(pipeline, "id")
    page = link(pipeline, "url")
    if not page and link(body, "project", "web_url") and number:
        page = f"{link(body, 'project', 'web_url')}/-/pipelines/{number}"
    names, ok = _names(pipeline, "ref", "sha"), _outcome(name(pipeline, "status"))
    return Build(_service(body, service), names, ok, f"pipeline {called or number}", page)


def _plain(body: dict[str, Any], service: str) -> Build:
    said = {"service": name(body, "service") or service.replace(ANY, ""), "version": name(body, "version")}
    problems = [Problem(one, f"the {one}'s name", "nothing") for one, value in said.items() if not value]
    if not isinstance(body.get("ok"), bool):
        problems.append(Problem("ok", "true or false", "nothing" if "ok" not in body else "something else"))
    if problems:
        raise NotUnderstood(*problems)
    return Build(said["service"], (said["version"],), body["ok"], words(body, "text") or "build", link(body, "url"))


def _wanted(called: str, only: Collection[str]) -> None:
    if only and called not in only:
        raise NothingToDo(f"{called or 'one without a name'} does not count; those that do: {', '.join(only)}")


def _finished(body: dict[str, Any]) -> None:
    if body.get("action") != "completed":
        raise NothingToDo("it has not ended yet")


def _outcome(said: str) -> bool:
    if said not in (*GREEN, *RED):
        raise NothingToDo(f"{said or 'no outcome'} is neither success nor failure")
    return said in GREEN


def _names(found: Any, *fields: str) -> tuple[str, ...]:
    names = tuple(said.removeprefix("refs/tags/") for one in fields if (said := name(found, one)))
    if not names:
        raise NotUnderstood(Problem(" or ".join(fields), "a tag, a branch or a commit", "nothing"))
    return names


def _service(body: dict[str, Any], service: str) -> str:
    """The repository's name, where the hook is for no service in particular."""
    project = name(body, "project", "path_with_namespace").rpartition("/")[2]
    found = service if service != ANY else name(body, "repository", "name") or project
    if not found:
        raise NotUnderstood(Problem("repository.name", "the repository's name", "nothing"))
    return found


def _is_commit(one: str, version: str) -> bool:
    return _COMMIT.fullmatch(one) is not None and len(one) >= len(version) and one.startswith(version)
