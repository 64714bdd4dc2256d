"""Commands with which the team deploys: scripts, and tools with a file of their own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pilotage.core.proposals import Proposal
from pilotage.repository.files import first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene
from pilotage.repository.version import Takes, of_script, unknown

_PLACES = r"(?:(?:[\w.-]+/){0,2}(?:scripts?|bin|ops|tools?|hack|ci|deploy(?:ment)?|infra|\.deploy)/)?"
_SCRIPT = re.compile(
    rf"{_PLACES}(?:deploy|release|rollout|ship|publish)(?:[-_.][\w.-]*)?|(?:[\w.-]+/){{1,2}}deploy(?:\.sh)?",
    re.IGNORECASE,
)
_OPERATION = re.compile(r"(?:[\w.-]+/)?ops/[\w-]+(?:\.(?:sh|bash|py|rb))?")
_ACTS = re.compile(
    r"\b(?:kubectl (?:set image|apply|rollout)|helm upgrade|docker (?:pull|service update)|systemctl restart)"
)
_ASKS = re.compile(r"^\s*(?:read\s+-\w*p|select\s+\w+\s+in\b)|\binput\(|\bclick\.confirm\(")
_BACK = re.compile(rf"{_PLACES}(?:rollback|roll-back|revert)(?:[-_.][\w-]+)?(?:\.\w+)?", re.IGNORECASE)
_INTERPRETERS = {"sh": "bash", "bash": "bash", "zsh": "zsh", "py": "python3", "rb": "ruby", "js": "node", "pl": "perl"}
_KAMAL = re.compile(r"(?:[\w.-]+/)?config/deploy\.ya?ml")


def deploying(scene: Scene) -> Iterator[Proposal]:
    yield from _scripts(scene)
    yield from _tools(scene)


def as_command(scene: Scene, name: str) -> list[str] | None:
    """How a script is started from the plan's folder; None when it is none."""
    path = scene.path(name)
    path = path if path.startswith(".") else f"./{path}"
    ending = posixpath.basename(name).rpartition(".")[2] if "." in posixpath.basename(name) else ""
    if ending and ending not in _INTERPRETERS:
        return None
    starts = scene.files.lines(name)[:1]
    shebang = bool(starts) and starts[0].text.startswith("#!")
    if name in scene.files.programs and (shebang or ending):
        return [path]
    return [_INTERPRETERS[ending], path] if ending else None


def _scripts(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.names:
        known = _SCRIPT.fullmatch(name) is not None
        if not known and _BACK.fullmatch(name) and as_command(scene, name):
            traces = [trace(name)]
            note = (
                f"{name} looks like a way back by hand; Pilotage goes back by the traffic, or deploys the old version"
            )
            yield scene.propose("deploy", name, "", {}, traces, 0.3, note)
            continue
        if not known and not _OPERATION.fullmatch(name):
            continue
        argv = as_command(scene, name)
        lines = scene.files.lines(name)
        acts = first(lines, _ACTS)
        if argv is None or not (known or acts):
            continue
        takes = of_script(lines, posixpath.basename(name))
        seen = [trace(name, takes.seen)] if takes.seen else [trace(name)]
        seen += [trace(name, acts[0])] if acts and acts[0] != takes.seen else []
        base = 0.5 if not known else 0.9 if re.match(r"(?:.*/)?deploy", name) else 0.6
        base -= 0.3 if re.search(r"dev|stag|test|local|doc|site|pages", name.lower()) else 0
        note = "" if not takes.sure < 0.5 else f"nothing in {name} says how it takes the version"
        if asks := first(lines, _ASKS):
            seen.append(trace(name, asks[0]))
            base, note = (
                base / 2,
                "; ".join([*([note] if note else []), f"{name} asks questions, and nobody will answer"]),
            )
        options = {"command": takes.command(*argv)}
        yield scene.propose("deploy", name, "shell", options, seen, base * takes.sure + 0.1 * scene.fits(name), note)


def _tools(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_KAMAL):
        lines = scene.files.lines(name)
        service = first(lines, re.compile(r"^service:\s*(\S+)"))
        if service and first(lines, re.compile(r"^(image|servers):")):
            command = ["kamal", "deploy", "--skip-push", "--version={version}"]
            note = "kamal deploys an image that was pushed before (--skip-push); leave that out to build it as well"
            yield scene.propose("deploy", "kamal", "shell", {"command": command}, [trace(name, service[0])], 0.8, note)
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?Capfile")):
        files = [one for one in scene.files.names if re.fullmatch(r"(?:.*/)?config/deploy(?:/\w+)?\.rb", one)]
        stages = sorted(posixpath.basename(one)[:-3] for one in files if "/deploy/" in one)
        stage = "production" if "production" in stages else f"{PLACEHOLDER}: the stage"
        found = next(
            (
                (one, hit)
                for one in files
                if (
                    hit := first(
                        scene.files.lines(one),
                        re.compile(r"""ENV(?:\.fetch\(|\[)\s*["'](BRANCH|TAG|REVISION|VERSION)"""),
                    )
                )
            ),
            None,
        )
        takes = Takes(variable=found[1][1][1], seen=found[1][0]) if found else unknown("cap")
        traces = [trace(name), *([trace(found[0], takes.seen)] if found else [])]
        yield scene.propose(
            "deploy", "cap", "shell", {"command": takes.command("cap", stage, "deploy")}, traces, 0.75 * takes.sure
        )
    for name in scene.files.named(re.compile(r"Procfile")):
        note = (
            "Procfile: its platform is not driven by this release; the platform's command through a shell driver works"
        )
        yield scene.propose(
            "deploy", "Procfile", "", {}, [trace(name, next(iter(scene.files.lines(name)), None))], 0.3, note
        )
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?serverless\.ya?ml")):
        service = first(scene.files.lines(name), re.compile(r"^service:\s*\S+"))
        note = "Serverless Framework: not driven by this release; `serverless deploy` through a shell driver works"
        yield scene.propose("deploy", "serverless", "", {}, [trace(name, service[0] if service else None)], 0.4, note)
    terraform = [one for one in scene.files.names if one.endswith(".tf")]
    if terraform:
        note = "Terraform: not driven by this release; `terraform apply` through a shell driver works"
        yield scene.propose("deploy", "terraform", "", {}, [trace(terraform[0])], 0.3, note)
