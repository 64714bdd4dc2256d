"""The way back, written so that somebody can take it alone at three in the morning."""

from __future__ import annotations

from collections.abc import Mapping

from pilotage.core.documents.facts import Facts
from pilotage.core.markdown import code, inline
from pilotage.core.planning import is_placeholder

LEAST_BAD = {
    "hold": "Hold: leave the traffic as it is, and decide with the people below. No step is taken by itself.",
    "flag-off": "Switch the broken feature off altogether, for both versions; then look for the cause.",
    "fix-forward": "Fix forward: keep the new version, and bring out a further fix with a plan of its own.",
}


def way_back(facts: Facts) -> list[str]:
    said = facts.at("rollback.methods")
    methods = [str(one) for one in said] if isinstance(said, list) and said else ["traffic"]
    old = inline(facts.old)
    lines = [
        "## Rollback",
        "",
        f"{code('pilotage rollback')} at any moment; it overtakes whatever runs, and answers when the traffic is back. "
        "In this order:",
        "",
    ]
    lines += [f"{number}. {_method(facts, method, old)}" for number, method in enumerate(methods, start=1)]
    least = LEAST_BAD.get(facts.said("rollback.least_bad", "hold"), "")
    lines += [
        "",
        f"**When going back would bring the outage back** (both versions fail, or {old} is the sick one): {least}",
        "",
        "Afterwards: the incident channel is told; watch the metrics return to what they were for 2 to 5 minutes; say "
        f"so; keep {code('pilotage report')} for the investigation; plan the next try.",
        "",
    ]
    return lines


def _method(facts: Facts, method: str, old: str) -> str:
    if method == "redeploy":
        command = _redeploy(facts)
        how = f": {code(command)}" if command else ", as it is usually deployed"
        return f"**Redeploy {old}** by hand, when the traffic cannot be moved{how}."
    if method == "revert":
        return (
            "**Revert the commit** by hand, so that nothing brings the new version out again: "
            f"{code('git revert --no-edit COMMIT')}, push it to the branch that is deployed, deploy."
        )
    if method == "switch":
        return f"**Switch back** to the colour that runs {old}; it is kept warm for that."
    targets = [_splitter(row) for row in reversed(facts.rows("traffic"))]
    return f"**All traffic to {old}**, by Pilotage itself: weight 0 at {', then '.join(targets) or 'the splitter'}."


def _splitter(row: Mapping[str, object]) -> str:
    name = code(str(row.get("name") or row.get("driver") or "the splitter"))
    by_hand = {"flagd-file": ("file", "flag"), "envoy": ("admin", "key"), "shell": ("set",)}
    keys = [key for key in by_hand.get(str(row.get("driver")), ()) if row.get(key) and not is_placeholder(row[key])]
    known = [f"{key} {code(_shown(row[key]))}" for key in keys]
    return f"{name} ({', '.join(known)})" if known else str(name)


def _redeploy(facts: Facts) -> str:
    """The deploy command with the previous version in it, when the plan has one."""
    for row in facts.rows("deploy"):
        command = row.get("command")
        if isinstance(command, list):
            return " ".join(str(one).replace("{version}", facts.old) for one in command)
    return ""


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value).replace("{weight}", "0")
    return str(value)
