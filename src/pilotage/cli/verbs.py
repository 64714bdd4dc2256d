"""What can be asked of a driver by hand: the verbs of each port, each with what it would do and what it found."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import PermanentError, PilotageError
from pilotage.core.quantities import duration
from pilotage.drivers import (
    Call,
    Check,
    Deployer,
    Logs,
    Message,
    Metrics,
    Mirrors,
    Notifier,
    Pool,
    PoolState,
    Rehearses,
    Restarts,
    Steers,
    Ticket,
    Tracker,
    Traffic,
)
from pilotage.drivers.keeping import keeping

MOST_LINES = 20
LOG_S = 3600.0
LOG_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """`lines` for a person, `data` for a program; `good` False: it was answered, with no."""

    lines: list[str]
    data: Any
    good: bool = True


@dataclass(frozen=True)
class Verb:
    """`takes` names its argument (ending with ... when there may be several), empty for none. `acts`: what it does to
    the world, with {argument}; empty when it only looks."""

    do: Callable[[Any, list[str], Call], Awaitable[Answer]]
    takes: str = ""
    acts: str = ""


async def _probe(driver: Any, _: list[str], __: Call) -> Answer:
    said = str(await driver.probe())
    return Answer([said], said)


async def _with_read_back(said: str, returned: Any, look: Callable[[], Awaitable[tuple[str, Any, bool]]]) -> Answer:
    """What was done stays said, also when nobody can see it afterwards. `look` gives text, data, as it should be."""
    try:
        text, seen, good = await look()
    except Exception as error:
        why = str(error) if isinstance(error, PilotageError) else f"{type(error).__name__}: {error}"
        return Answer([said, f"it could not be read back: {why}"], {"returned": returned, "read": None}, good=False)
    return Answer([said, f"read back: {text}"], {"returned": returned, "read": seen}, good)


# ------------------------------------------------------------------ traffic


async def _set(driver: Traffic, given: list[str], call: Call) -> Answer:
    """The weight alone: what is in force beside it stays."""
    returned = await driver.set_weight(weight(given[0]), await keeping(driver, call))

    async def look() -> tuple[str, float, bool]:
        seen = await driver.read_weight()
        lines, _ = await _beside(driver)
        return "; ".join([f"{seen:g} %", *lines]), seen, abs(seen - returned) < 0.01

    return await _with_read_back(f"set to {returned:g} %", returned, look)


async def _read_weight(driver: Traffic, _: list[str], __: Call) -> Answer:
    percent = await driver.read_weight()
    lines, data = await _beside(driver)
    lines, data = [f"{percent:g} % to the canary", *lines], {"weight": percent, **data}
    if isinstance(driver, Restarts):
        data["started_at"] = await driver.started_at()
        lines.append(f"it runs since {duration(max(0.0, time.time() - data['started_at']) // 1)}")
    return Answer(lines, data)


async def _beside(driver: Traffic) -> tuple[list[str], dict[str, Any]]:
    """Who goes to the canary whatever the weight, and the copies that it gets: for a person, and for a program."""
    lines: list[str] = []
    data: dict[str, Any] = {}
    if isinstance(driver, Steers):
        cohort = await driver.read_cohort()
        data["cohort"] = cohort and {"kind": cohort.kind, "name": cohort.name, "values": list(cohort.values)}
        lines += [f"besides, by {cohort.kind} {cohort.name}: {', '.join(cohort.values)}"] if cohort else []
    if isinstance(driver, Mirrors):
        data["mirror"] = await driver.read_mirror()
        lines += [f"copies of {data['mirror']:g} % of the requests"] if data["mirror"] else []
    return lines, data


def weight(text: str) -> float:
    """``10`` or ``10%``. Raises PermanentError."""
    with suppress(ValueError):
        if 0 <= (number := float(text.strip().removesuffix("%"))) <= 100:
            return number
    raise PermanentError(f"expected a weight from 0 to 100, in percent, got {text[:40]!r}")


# ------------------------------------------------------------------ versions and servers


async def _rehearse(driver: Any, given: list[str], call: Call) -> Answer:
    if not isinstance(driver, Rehearses):
        raise PermanentError("this driver cannot rehearse a deploy; `probe` is all it can do without acting")
    said = await driver.rehearse(given[0], call)
    return Answer([said], said)


async def _deploy(driver: Deployer, given: list[str], call: Call) -> Answer:
    said = await driver.deploy(given[0], call)

    async def look() -> tuple[str, str, bool]:
        seen = await driver.probe()
        return seen, seen, True

    return await _with_read_back(said, said, look)


async def _states(driver: Pool, _: list[str], __: Call) -> Answer:
    states = dict(await driver.states())
    return Answer([f"{server}: {state}" for server, state in states.items()] or ["no servers"], states)


async def _drain(driver: Pool, given: list[str], call: Call) -> Answer:
    return await _moved(driver, given[0], await driver.drain(given[0], call), "drained")


async def _ready(driver: Pool, given: list[str], call: Call) -> Answer:
    return await _moved(driver, given[0], await driver.ready(given[0], call), "ready")


async def _moved(driver: Pool, server: str, said: str, wanted: PoolState) -> Answer:
    async def look() -> tuple[str, str | None, bool]:
        state = (await driver.states()).get(server)
        return f"{server} is {state or 'not there'}", state, state == wanted

    return await _with_read_back(said, said, look)


# ------------------------------------------------------------------ what is seen


async def _read_metrics(driver: Metrics, given: list[str], _: Call) -> Answer:
    answers = await driver.read(given)
    lines, data = [], []
    for selector, points in zip(given, answers, strict=True):
        data.append({"selector": selector, "points": [{"labels": dict(p.labels), "value": p.value} for p in points]})
        lines.append(f"{selector}: {len(points)} series" if points else f"{selector}: no series (missing data)")
        lines += [f"  {_labels(one.labels)} {one.value:.10g}" for one in points[:MOST_LINES]]
        lines += [f"  and {len(points) - MOST_LINES} more"] if len(points) > MOST_LINES else []
    return Answer(lines, data, all(answers))


def _labels(labels: Mapping[str, str]) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}"


async def _look(driver: Check, _: list[str], __: Call) -> Answer:
    seen = await driver.look()
    word = {True: "holds", False: "does not hold", None: "cannot tell"}[seen.holds]
    return Answer([f"{word}: {seen.text}"], {"holds": seen.holds, "text": seen.text}, seen.holds is True)


async def _read_logs(driver: Logs, _: list[str], __: Call) -> Answer:
    """What is already there: a log that is followed from its end would have nothing to show."""
    texts: dict[str, bytes] = {}
    async for piece in driver.past(LOG_S, LOG_BYTES):
        texts[piece.name] = texts.get(piece.name, b"") + piece.data
    await driver.read()
    troubles = driver.troubles()
    lines = []
    for name, text in texts.items():
        written = text.decode("utf-8", "replace").splitlines()
        lines += [f"{name}: {len(text):,} bytes of the last hour, ending with", *written[-MOST_LINES:]]
    lines += [f"! {one}" for one in troubles]
    data = {"streams": {name: len(text) for name, text in texts.items()}, "troubles": troubles}
    return Answer(lines or ["nothing was written in the last hour"], data, not troubles)


# ------------------------------------------------------------------ words


async def _send(driver: Notifier, given: list[str], call: Call) -> Answer:
    text = " ".join(given)
    thread = await driver.send(Message(call.key, call.key, "announced", text, text))
    return Answer([f"sent; its post is {thread}" if thread else "sent"], {"thread": thread})


async def _open(driver: Tracker, given: list[str], call: Call) -> Answer:
    where = await driver.open(Ticket(call.key, " ".join(given), "Opened by hand with `pilotage drivers try`."))
    return Answer([f"opened: {where}"], {"ticket": where})


_PROBE = {"probe": Verb(_probe)}
VERBS: Mapping[str, Mapping[str, Verb]] = {
    "traffic": {
        **_PROBE,
        "read": Verb(_read_weight),
        "set": Verb(_set, "WEIGHT", "sends {argument} % of the traffic to the canary"),
    },
    "deploy": {
        **_PROBE,
        "rehearse": Verb(_rehearse, "VERSION"),
        "deploy": Verb(_deploy, "VERSION", "deploys {argument}"),
    },
    "pool": {
        **_PROBE,
        "states": Verb(_states),
        "drain": Verb(_drain, "SERVER", "takes {argument} out of rotation"),
        "ready": Verb(_ready, "SERVER", "puts {argument} into rotation"),
    },
    "metrics": {**_PROBE, "read": Verb(_read_metrics, "SELECTOR...")},
    "checks": {**_PROBE, "look": Verb(_look)},
    "logs": {**_PROBE, "read": Verb(_read_logs)},
    "notify": {**_PROBE, "send": Verb(_send, "TEXT...", 'sends "{argument}" to everybody there')},
    "tracker": {**_PROBE, "open": Verb(_open, "TITLE...", 'opens the ticket "{argument}"')},
}
