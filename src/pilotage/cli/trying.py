"""`pilotage drivers try`: one call to a driver by hand, from options or from a plan."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilotage.cli.chosen import Chosen, of_options, of_plan
from pilotage.cli.client import whoami
from pilotage.cli.consent import may_act
from pilotage.cli.output import as_json
from pilotage.core.errors import PilotageError
from pilotage.core.words import printable
from pilotage.paths import state_folder

if TYPE_CHECKING:
    from pilotage.cli.verbs import Answer, Verb
    from pilotage.drivers import Call, Context

GOOD, NO = 0, 1
TIMEOUT_S = 30.0
BY_HAND = "by-hand.jsonl"


@click.command("try", short_help="Call one driver once, by hand.")
@click.argument("name", metavar="NAME|PLAN")
@click.argument("words", nargs=-1, required=True, metavar="[TARGET] VERB [ARGUMENT]")
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option, its value in YAML.")
@click.option("--version", default="", help="The new version, where a call names it (default: the plan's).")
@click.option("--previous", default="", help="The previous version, where a call names it (default: the plan's).")
@click.option(
    "--within",
    default=TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="What the call may take; deploys and commands take their driver's timeout_s.",
)
@click.option("--yes", is_flag=True, help="Act without asking.")
@click.option("--override", is_flag=True, help="Act although a rollout is running; needs a reason.")
@click.option("--reason", default="", help="Kept in the record.")
@as_json
def try_(
    name: str,
    words: tuple[str, ...],
    options: tuple[str, ...],
    version: str,
    previous: str,
    within: float,
    yes: bool,
    override: bool,
    reason: str,
    json_out: bool,
) -> None:
    """Call a driver once, by hand: NAME (or PORT/NAME) with options, or what a PLAN file calls TARGET.

    \b
    pilotage drivers try envoy -o runtime_dir=runtime -o key=payment.canary -o admin=http://127.0.0.1:9901 probe
    pilotage drivers try plan.yaml proxy set 10

    Every driver answers `probe`. Besides, by port:

    \b
    traffic  read, set WEIGHT
    deploy   rehearse VERSION, deploy VERSION
    pool     states, drain SERVER, ready SERVER
    metrics  read SELECTOR
    checks   look
    logs     read
    notify   send TEXT
    tracker  open TITLE

    What acts on the world asks first. Exit codes: 0 it did, 1 it did not, or its answer is no, 2 it was not called.
    """
    from pilotage.cli.verbs import VERBS, weight

    if not within > 0:
        raise click.UsageError("--within: expected seconds, more than 0")
    if name.endswith((".yaml", ".yml")):
        if options:
            raise click.UsageError("-o is for a driver by its name; a plan says the options itself")
        chosen, words = of_plan(Path(name), words[0]), words[1:]
    else:
        chosen = of_options(name, options)
    word, given = (words[0], list(words[1:])) if words else ("", [])
    verb = _verb(VERBS[chosen.port], word, given, chosen)
    if verb.takes == "WEIGHT":
        given = [f"{weight(given[0]):g}"]
    chosen = replace(chosen, version=version or chosen.version, previous=previous or chosen.previous)
    if verb.acts:
        may_act(chosen, verb.acts.format(argument=" ".join(given)), yes, override, reason, json_out)
    sys.exit(_call(chosen, word, verb, given, within, reason, json_out))


def _verb(verbs: Mapping[str, Verb], word: str, given: list[str], chosen: Chosen) -> Verb:
    """Raises click.UsageError for a verb that the port does not have, or with too much or too little said."""
    from pilotage.planfile.reader import did_you_mean

    forms = ", ".join(f"{name} {one.takes}".strip() for name, one in verbs.items())
    if word not in verbs:
        hint = did_you_mean(word, verbs)
        got = printable(word[:40]) or "no verb"
        raise click.UsageError(f"{chosen.label}: expected one of {forms}, got {got}. {hint}".rstrip())
    verb = verbs[word]
    most = 0 if not verb.takes else len(given) if verb.takes.endswith("...") else 1
    if bool(given) != bool(verb.takes) or len(given) > most:
        raise click.UsageError(f"{chosen.label}: expected {word} {verb.takes}".rstrip() + f", got {len(given)} words")
    return verb


def _call(chosen: Chosen, word: str, verb: Verb, given: list[str], within: float, reason: str, json_out: bool) -> int:
    import asyncio

    from pilotage.drivers import Call, Context
    from pilotage.drivers.secrets import hide

    plan, state = chosen.plan, state_folder()
    context = Context(chosen.directory, state, plan.service if plan else "", plan.environment if plan else "")
    call = Call(f"by-hand-{uuid.uuid4().hex}", chosen.version, chosen.previous, within)
    begun = time.perf_counter()
    outcome, error, answer = "interrupted", "", None
    try:
        answer = asyncio.run(_ask(chosen, verb, given, call, context))
        outcome = "done"
    except Exception as failure:  # a driver may fail in any way; a person gets a sentence
        error = str(failure) if isinstance(failure, PilotageError) else f"{type(failure).__name__}: {failure}"
        outcome = error = hide(error, [chosen.ref.options]) or type(failure).__name__
    except KeyboardInterrupt:
        if verb.acts:
            error = f"Interrupted: what was begun may go on, or be done already. {_looks(chosen)} tells."
            tell(chosen, None, error, time.perf_counter() - begun, json_out)
        raise
    finally:
        took = time.perf_counter() - begun
        if verb.acts:
            _note(state, chosen, " ".join([word, *given]), reason, outcome)
    return tell(chosen, answer, error, took, json_out)


def _looks(chosen: Chosen) -> str:
    """The verbs of the port that show how things are."""
    from pilotage.cli.verbs import VERBS

    return " or ".join(f"`{name}`" for name, one in VERBS[chosen.port].items() if not (one.takes or one.acts))


async def _ask(chosen: Chosen, verb: Verb, given: list[str], call: Call, context: Context) -> Answer:
    import asyncio

    from pilotage.drivers import process, registry

    driver = registry.build(chosen.port, chosen.ref, context)
    try:
        if verb.acts:
            return await verb.do(driver, given, call)  # the driver keeps to the call's time, and must not be cut short
        async with asyncio.timeout(call.timeout_s):
            return await verb.do(driver, given, call)
    except TimeoutError:
        raise PilotageError(f"no answer within {call.timeout_s:g} s") from None
    finally:
        with suppress(Exception):
            await asyncio.wait_for(driver.close(), 2)
        await asyncio.to_thread(process.forget, context.state, [call.key])


def _note(state: Path, chosen: Chosen, what: str, reason: str, outcome: str) -> None:
    """One line for what was done by hand, in the state folder."""
    from datetime import UTC, datetime

    from pilotage.drivers.secrets import hide

    what, reason = (hide(text, [chosen.ref.options]) for text in (what, reason))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    row = {"at": at, "by": whoami(), "target": chosen.label, "call": what, "reason": reason, "outcome": outcome}
    with suppress(OSError), (state / BY_HAND).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def tell(chosen: Chosen, answer: Answer | None, error: str, took: float, json_out: bool) -> int:
    from pilotage.drivers.secrets import hide

    code = GOOD if answer is not None and answer.good else NO
    if json_out:
        data = {"target": chosen.label, "ok": code == GOOD, "took_s": round(took, 3)}
        data |= {"answer": answer.data} if answer is not None else {"error": error}
        click.echo(hide(json.dumps(data, indent=2, ensure_ascii=False), [chosen.ref.options]))
        return code
    for line in answer.lines if answer is not None else error.splitlines():
        click.echo(printable(hide(line, [chosen.ref.options])), err=answer is None)
    click.echo(f"({took:.2f} s)", err=True)
    return code
