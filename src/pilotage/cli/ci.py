"""`ci`: in a CI job, check or run a plan, and keep one comment with what came of it on the pull request."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilotage.cli.client import Api, ApiError, whoami
from pilotage.cli.starting import sent, start
from pilotage.core.errors import CoordinatorUnreachable, PilotageError, PlanError
from pilotage.core.words import printable

if TYPE_CHECKING:
    from pilotage.ci import Forge

GOOD, WRONG, PERSON_NEEDED, FAILED = 0, 2, 3, 4
REFUSED = (400, 401, 403, 404, 409, 412, 422)


def register(cli: click.Group) -> None:
    cli.add_command(ci)


@click.command()
@click.argument("command", type=click.Choice(("check", "run")))
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--comment", type=click.Choice(("yes", "no")), default="yes", help="On the pull request (default: yes).")
@click.option("--directory", default="", help="With run: the plan's folder on the coordinator's machine.")
@click.option("--reason", default="", help="Kept in the record (default: the job's address).")
def ci(command: str, plan: Path, comment: str, directory: str, reason: str) -> None:
    """In a CI job: `check` a PLAN, or `run` it on the coordinator of PILOTAGE_URL and follow it.

    One comment on the pull request or merge request says what came of it; the next job edits it. Exit codes: 0 good,
    or promoted; 1 rolled back; 2 the plan is wrong; 3 a person is needed; 4 Pilotage itself failed.
    """
    if command == "run" and not os.environ.get("PILOTAGE_URL"):
        raise click.UsageError(
            "PILOTAGE_URL is empty: a rollout needs a coordinator that outlives this job (input coordinator)"
        )
    job = Job(command, plan, _forge() if comment == "yes" else None)
    try:
        with _no_commands():
            code = job.check() if command == "check" else job.run(directory, reason)
    finally:
        job.close()
    _output("result", str(code))
    sys.exit(code)


@dataclass
class Job:
    command: str
    plan: Path
    forge: Forge | None

    def close(self) -> None:
        if self.forge is not None:
            self.forge.close()

    def check(self) -> int:
        from datetime import UTC, datetime

        from pilotage import planfile
        from pilotage.checking import checked
        from pilotage.core.documents import plan_document

        try:
            plan = planfile.load_file(self.plan, secrets=False)
            found = checked(plan, datetime.now(UTC).timestamp())
        except PlanError as error:
            return self._wrong(error)
        about = f"{plan.service} {plan.previous} -> {plan.version} in {plan.environment}"
        verdict = "a good plan" if found.ok else "its window has passed"
        said = [f"{self.plan}, {plan.digest}", f"Starts: {found.starts}.", found.budget]
        said += [f"Not measured: {one}." for one in found.not_measured]
        said += [f"{name}: {seen}" for name, seen in found.phases_see.items()]
        outline = planfile.outline_file(self.plan)
        document = plan_document(outline.data, file=self.plan.name, digest=outline.digest)
        self._tell(f"{about}: {verdict}", "\n".join(said), document)
        return GOOD if found.ok else WRONG

    def run(self, directory: str, reason: str) -> int:
        from pilotage import planfile
        from pilotage.ci import address
        from pilotage.cli.follow import follow

        try:
            plan = planfile.load_file(self.plan, secrets=False)
        except PlanError as error:
            return self._wrong(error)
        about = f"{plan.service} {plan.previous} -> {plan.version} in {plan.environment}"
        api, body = Api(), sent(self.plan, directory)
        try:
            rollout = start(api, body, reason or address(os.environ))
        except (ApiError, CoordinatorUnreachable) as error:
            return self._not_started(api, body, about, error)
        _output("rollout", rollout)
        self._tell(f"{about}: under way", f"{rollout}: `pilotage watch {rollout}`, `pilotage rollback {rollout}`")
        try:
            code = follow(api, rollout, json_out=False)
            view = api.get(f"/v1/rollouts/{rollout}")
        except (ApiError, CoordinatorUnreachable) as error:
            self._tell(f"{about}: nobody knows here", f"{error}\n{rollout} goes on wherever its coordinator is.")
            return FAILED
        said = [f"{rollout}: {view['reason']}"]
        if view["needs_person"]:
            said.append(f"A person is needed; now possible: {', '.join(view['commands'])}.")
        self._tell(f"{about}: {view['status']}", "\n".join(said), api.get(f"/v1/rollouts/{rollout}/report"))
        return code

    def _wrong(self, error: PilotageError) -> int:
        self._tell(f"{self.plan}: the plan is wrong", str(error))
        return WRONG

    def _not_started(self, api: Api, body: dict[str, str], about: str, error: PilotageError | ApiError) -> int:
        """Where a person has to do something first, an approval that is missing is asked for."""
        said, code = str(error), FAILED
        if isinstance(error, ApiError) and error.body.get("type") == "ChecklistOpen":
            said, code = f"{said}\n{self._ask(api, body)}", PERSON_NEEDED
        elif isinstance(error, ApiError) and error.status in REFUSED:
            code = WRONG
        self._tell(f"{about}: not started", said)
        return code

    def _ask(self, api: Api, body: dict[str, str]) -> str:
        from pilotage.ci import address

        plan = api.post("/v1/plans", {**body, "by": whoami()})["id"]
        page = f"{os.environ['PILOTAGE_URL'].rstrip('/')}/plans/{plan}"
        view = api.get(f"/v1/plans/{plan}")
        if not any(one.get("check") == "approved" and one["mark"] in ("open", "failed") for one in view["items"]):
            return f"The plan is here: {page}"
        api.post(f"/v1/plans/{plan}/request-approval", {"by": whoami(), "reason": address(os.environ)})
        return f"An approval is asked for. Somebody else gives it here: {page}"

    def _tell(self, title: str, said: str, details: str = "") -> None:
        """To the job's log, to its summary, and to the pull request; that it cannot be posted changes no exit code."""
        from pilotage.ci import comment, keep, marker

        click.echo(f"{printable(title)}\n" + "\n".join(f"  {printable(line)}" for line in said.splitlines()))
        text = comment(marker(self.command, self.plan.as_posix()), title, said, details)
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            Path(summary).write_text(text, encoding="utf-8")
        if self.forge is None:
            return
        try:
            keep(self.forge, text.partition("\n")[0], text)
        except PilotageError as error:
            click.echo(f"Nothing was posted: {printable(str(error))}", err=True)


def _forge() -> Forge | None:
    from pilotage.ci import forge_of

    try:
        return forge_of(os.environ)
    except PilotageError as error:
        click.echo(f"Nothing is posted: {printable(str(error))}.", err=True)
        return None


@contextmanager
def _no_commands() -> Iterator[None]:
    """GitHub's runner obeys lines of a log that begin with `::`; until the word that only we know, it does not."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    word = secrets.token_hex(16)
    click.echo(f"::stop-commands::{word}")
    try:
        yield
    finally:
        click.echo(f"::{word}::")


def _output(name: str, value: str) -> None:
    """An output of the step, on GitHub."""
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a", encoding="utf-8") as outputs:
            outputs.write(f"{name}={value}\n")
