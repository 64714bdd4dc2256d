"""Commands with which the team deploys, in the files of make and its like: targets, recipes, tasks, playbooks."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from pilotage.core.proposals import Proposal
from pilotage.repository.files import Line, first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene
from pilotage.repository.version import Takes, is_version, unknown

_TASK = r"(deploy|release|rollout|ship)([-_:.][\w:.-]+)?"
_MAKE = re.compile(rf"{_TASK}\s*:(?![:=])", re.IGNORECASE)
_MAKE_BACK = re.compile(r"(roll-?back)([-_][\w.-]+)?\s*:(?![:=])", re.IGNORECASE)
_MAKE_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
_JUST = re.compile(rf"@?{_TASK}((?:\s+[+*$]?\w+(?:=\S+)?)*)\s*:(?!=)", re.IGNORECASE)
_TASK_LINE = re.compile(rf"\s{{1,4}}[\"']?{_TASK}[\"']?:\s*$", re.IGNORECASE)
_TASK_VARIABLE = re.compile(r"\{\{\s*\.(\w+)")
_FABRIC = re.compile(r"def (deploy\w*|release\w*)\(([^)]*)\)")
_PLAYBOOK = re.compile(r"(?:[\w.-]+/){0,3}(?:[\w-]*deploy[\w-]*|site|playbook[\w-]*|release)\.ya?ml", re.IGNORECASE)
_HOSTS = re.compile(r"^(?:-\s+|\s{2})hosts:\s*\S")
_PLAY = re.compile(r"^-\s+(?:name|hosts|import_playbook):")
_ANSIBLE_VARIABLE = re.compile(r"\{\{\s*(\w+)")


def tasks(scene: Scene) -> Iterator[Proposal]:
    yield from _make(scene)
    yield from _package_scripts(scene)
    yield from _just(scene)
    yield from _tasks(scene)
    yield from _fabric(scene)
    yield from _playbooks(scene)


def _recipe(lines: list[Line], start: Line) -> list[Line]:
    """The indented lines below a target."""
    body = []
    for line in lines[start.number :]:
        if line.text.strip() and not line.text[0].isspace():
            break
        body.append(line)
    return body


def _calls(scene: Scene, name: str, program: str, option: str = "-C") -> list[str]:
    """A tool that looks for its file in the folder where it runs."""
    folder = scene.path(posixpath.dirname(name) or ".")
    return [program] if folder == "." else [program, option, folder]


def _variable(body: list[Line], pattern: re.Pattern[str]) -> tuple[Line, str] | None:
    for line in body:
        for found in pattern.finditer(line.text):
            if is_version(found[1]):
                return line, found[1]
    return None


def _make(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?(?:GNUm|M|m)akefile")):
        lines = scene.files.lines(name)
        for line in lines:
            if found := _MAKE_BACK.match(line.text):
                note = f"make {found[1]}{found[2] or ''} looks like a way back by hand"
                yield scene.propose("deploy", f"make {found[1]}", "", {}, [trace(name, line)], 0.3, note)
            if not (found := _MAKE.match(line.text)):
                continue
            target = found[1] + (found[2] or "")
            argv = [*_calls(scene, name, "make"), target]
            variable = _variable([line, *_recipe(lines, line)], _MAKE_VARIABLE)
            takes = Takes((f"{variable[1]}={{version}}",), seen=variable[0]) if variable else unknown(f"make {target}")
            traces = [trace(name, line), *([trace(name, takes.seen)] if takes.seen else [])]
            base = 0.85 if target.lower() == "deploy" else 0.55 if not found[2] else 0.4
            yield scene.propose(
                "deploy", f"make {target}", "shell", {"command": takes.command(*argv)}, traces, base * takes.sure
            )


def _package_scripts(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/){0,2}package\.json")):
        try:
            written = json.loads(scene.files.text(name))["scripts"]
            scripts = {key: value for key, value in written.items() if isinstance(value, str)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        folder = posixpath.dirname(name)
        program = "npm"
        for lock, other in (("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")):
            program = other if posixpath.join(folder, lock) in scene.files.names else program
        where = [] if scene.path(folder or ".") == "." else ["--cwd" if program == "yarn" else "-C", scene.path(folder)]
        for key in scripts:
            if not re.fullmatch(_TASK, key, re.IGNORECASE):
                continue
            place = first(scene.files.lines(name), re.compile(rf'"{re.escape(key)}"\s*:'))
            traces = [trace(name, place[0] if place else None, "" if place else f"script {key}")]
            takes = unknown(f"{program} run {key}")
            argv = [program, *where, "run", key, *(["--"] if program == "npm" else [])]
            base = 0.8 if key == "deploy" else 0.5
            yield scene.propose(
                "deploy", f"{program} run {key}", "shell", {"command": takes.command(*argv)}, traces, base * takes.sure
            )


def _just(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?\.?[Jj]ustfile")):
        if scene.path(posixpath.dirname(name) or ".") != ".":
            continue
        for line in scene.files.lines(name):
            if not (found := _JUST.match(line.text)):
                continue
            recipe, given = found[1] + (found[2] or ""), [one.lstrip("+*$") for one in found[3].split()]
            names = [one.split("=")[0] for one in given]
            place = next((at for at, one in enumerate(names) if is_version(one)), 0 if len(names) == 1 else -1)
            arguments = (*(f"{PLACEHOLDER}: {one} of just {recipe}" for one in names[: max(place, 0)]), "{version}")
            takes = Takes(arguments) if place >= 0 else unknown(f"just {recipe}")
            argv = ["just", recipe]
            yield scene.propose(
                "deploy",
                f"just {recipe}",
                "shell",
                {"command": takes.command(*argv)},
                [trace(name, line)],
                0.8 * takes.sure,
            )


def _tasks(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?[Tt]askfile\.ya?ml")):
        lines = scene.files.lines(name)
        for line in lines:
            if not (found := _TASK_LINE.fullmatch(line.text)):
                continue
            task = found[1] + (found[2] or "")
            depth = len(line.text) - len(line.text.lstrip())
            body = []
            for one in lines[line.number :]:
                if one.text.strip() and len(one.text) - len(one.text.lstrip()) <= depth:
                    break
                body.append(one)
            variable = _variable(body, _TASK_VARIABLE)
            takes = Takes((f"{variable[1]}={{version}}",), seen=variable[0]) if variable else unknown(f"task {task}")
            traces = [trace(name, line), *([trace(name, takes.seen)] if takes.seen else [])]
            argv = [*_calls(scene, name, "task", "-d"), task]
            yield scene.propose(
                "deploy", f"task {task}", "shell", {"command": takes.command(*argv)}, traces, 0.8 * takes.sure
            )


def _fabric(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)?fabfile\.py")):
        for line in scene.files.lines(name):
            if not (found := _FABRIC.search(line.text)):
                continue
            given = [one.split("=")[0].split(":")[0].strip() for one in found[2].split(",")]
            option = next((one for one in given[1:] if is_version(one)), "")
            task = found[1].replace("_", "-")
            takes = Takes((f"--{option.replace('_', '-')}={{version}}",)) if option else unknown(f"fab {task}")
            argv = [*_calls(scene, name, "fab", "-r"), task]
            yield scene.propose(
                "deploy",
                f"fab {task}",
                "shell",
                {"command": takes.command(*argv)},
                [trace(name, line)],
                0.8 * takes.sure,
            )


def _playbooks(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_PLAYBOOK):
        lines = scene.files.lines(name)
        hosts = first(lines, _HOSTS)
        if hosts is None or not first(lines, _PLAY):
            continue
        variable = _variable(lines, _ANSIBLE_VARIABLE)
        takes = (
            Takes(("-e", f"{variable[1]}={{version}}"), seen=variable[0])
            if variable
            else unknown(posixpath.basename(name))
        )
        traces = [trace(name, hosts[0]), *([trace(name, takes.seen)] if takes.seen else [])]
        inventory = next(
            (one for one in scene.files.names if re.fullmatch(r"(?:.*/)?(?:inventory|hosts)(?:\.ini|\.ya?ml)?", one)),
            "",
        )
        argv = ["ansible-playbook", *(["-i", scene.path(inventory)] if inventory else []), scene.path(name)]
        yield scene.propose("deploy", name, "shell", {"command": takes.command(*argv)}, traces, 0.75 * takes.sure)
