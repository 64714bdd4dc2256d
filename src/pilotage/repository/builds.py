"""Builds, and whether the fix is on the branch that is deployed: what the checklist can look at by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotage.core.git import is_name
from pilotage.core.proposals import Proposal, Trace
from pilotage.repository.files import first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

_WORKFLOW = re.compile(r"\.github/workflows/[\w. -]+\.ya?ml")
_NAME = re.compile(r"^name:\s*\S")
_SYSTEMS = (
    (re.compile(r"\.gitlab-ci\.ya?ml"), "GitLab CI"),
    (re.compile(r"Jenkinsfile(?:\.\w+)?"), "Jenkins"),
    (re.compile(r"\.circleci/config\.ya?ml"), "CircleCI"),
    (re.compile(r"\.?azure-pipelines[\w.-]*\.ya?ml"), "Azure Pipelines"),
    (re.compile(r"bitbucket-pipelines\.ya?ml"), "Bitbucket Pipelines"),
    (re.compile(r"\.drone\.(?:ya?ml|jsonnet|star)"), "Drone"),
    (re.compile(r"\.?buildkite/pipeline[\w.-]*\.(?:ya?ml|json|sh)|buildkite\.ya?ml"), "Buildkite"),
    (re.compile(r"\.travis\.ya?ml"), "Travis CI"),
    (re.compile(r"\.woodpecker(?:\.ya?ml|/[\w.-]+\.ya?ml)"), "Woodpecker"),
    (re.compile(r"\.teamcity/[\w.-]+"), "TeamCity"),
)


def builds(scene: Scene) -> Iterator[Proposal]:
    yield from _merged(scene)
    workflows = scene.files.named(_WORKFLOW)
    traces = []
    for name in workflows[:10]:
        title = first(scene.files.lines(name), _NAME)
        traces.append(trace(name, title[0] if title else None))
    if workflows and scene.git.github:
        options = {"repository": scene.git.github, "commit": _commit(scene), "token": {"env": "GITHUB_TOKEN"}}
        yield scene.propose("checks", "GitHub Actions", "github-build", options, traces, 0.9)
    elif workflows:
        note = "GitHub Actions' workflows, but origin is not on github.com: give the repository and `api` yourself"
        options = {
            "repository": f"{PLACEHOLDER}: owner/name",
            "commit": _commit(scene),
            "token": {"env": "GITHUB_TOKEN"},
        }
        yield scene.propose("checks", "GitHub Actions", "github-build", options, traces, 0.4, note)
    for pattern, system in _SYSTEMS:
        for name in scene.files.named(pattern)[:1]:
            start = next((line for line in scene.files.lines(name) if line.text.strip()), None)
            yield _elsewhere(scene, system, trace(name, start))


def _elsewhere(scene: Scene, system: str, seen: Trace) -> Proposal:
    note = f"{system}: no driver of this release asks it; a command that ends with 0 when the build is green does"
    options = {"command": [f"{PLACEHOLDER}: a command that ends with 0 when {system} has built the fix"]}
    return scene.propose("checks", system, "command", options, [seen], 0.5, note)


def _merged(scene: Scene) -> Iterator[Proposal]:
    git = scene.git
    fix = git.branch or git.commit
    if not (git.is_git and git.commit and git.main and is_name(fix) and is_name(git.main)) or git.branch == git.main:
        return
    seen = trace(".git/HEAD", text=f"branch {fix}" if git.branch else f"commit {fix[:12]}")
    options = {"repository": scene.path("."), "commit": fix, "into": git.main}
    yield scene.propose("checks", "merged", "git-merged", options, [seen], 0.8)


def _commit(scene: Scene) -> str:
    return scene.git.commit or f"{PLACEHOLDER}: the fix's commit"
