"""The way back, written so that somebody can take it alone at three in the morning."""

from __future__ import annotations

from collections.abc import Mapping

from pilotage.core.documents.facts import Facts
from pilotage.core.markdown import code, inline
from pilotage.core.planning import is_placeholder
from pilotage.core.strategies import USUAL_WAY

LEAST_BAD = {
    "hold": "Hold: the traffic stays as it is, and the people below decide. No step is taken by itself.",
    "flag-off": "The broken feature is switched off altogether, for both versions; the traffic stays, people decide.",
    "fix-forward": "Fix forward: the new version is kept, and gets a further fix; the traffic stays, people decide.",
}


def way_back(facts: Facts) -> list[str]:
    said = facts.at("rollback.methods")
    usual = {one.value: way for one, way in USUAL_WAY.items()}.get(facts.said("strategy"), "traffic")
    methods = [str(one) for one in said] if isinstance(said, list) and said else [usual]
    old, plan = inline(facts.old), facts.file or "plan.yaml"
    confirm = f"{facts.lasting('rollback.confirm.watch', '2m')} to {facts.lasting('rollback.confirm.within', '5m')}"
    lines = [
        "## Rollback",
        "",
        f"{code('pilotage rollback')} at any moment; it overtakes whatever runs, and answers when the traffic is back. "
        f"When the coordinator is down: {code('pilotage rollback --direct ' + plan)}. "
        "In this order, by itself; when one fails it is tried again, and the next one beside it:",
        "",
    ]
    lines += [f"{number}. {_method(facts, method, old)}" for number, method in enumerate(methods, start=1)]
    least = LEAST_BAD.get(facts.said("rollback.least_bad", "hold"), "")
    lines += [
        "",
        f"**When going back would bring the outage back** (both versions fail, or {old} is the sick one): {least}",
        "",
        f"Afterwards, by itself: the channels are told; the metrics are watched for {confirm} until they are what they "
        f"were; {code('pilotage review')} has the draft for the investigation; {inline(facts.new)} is marked as bad, "
        "so that it is not shipped again unnoticed.",
        "",
    ]
    return lines


def _method(facts: Facts, method: str, old: str) -> str:
    if method == "redeploy" and facts.said("strategy") == "rolling":
        return (
            f"**Redeploy {old}** on the servers that were changed, the last one first, as they were changed: out of "
            "rotation, deployed, well again, back. Those that it had not come to are left alone."
        )
    if method == "redeploy":
        command = _redeploy(facts)
        how = f": {code(command)}" if command else ", as it is usually deployed"
        return f"**Redeploy {old}**, when the traffic cannot be moved{how}."
    if method == "revert":
        return f"**Revert the commit**{_revert(facts)}, then deploy {old} again."
    targets = [_splitter(row) for row in reversed(facts.rows("traffic"))]
    where = ", then ".join(targets) or "the splitter"
    if method == "switch":
        colour = inline(facts.said("blue_green.live", "the colour"))
        return f"**Switch back** to {colour}, which runs {old} and is kept warm for that: weight 0 at {where}."
    return f"**All traffic to {old}**, by Pilotage itself: weight 0 at {where}."


def _revert(facts: Facts) -> str:
    """What is reverted, and where it is pushed."""
    said = facts.at("rollback.revert")
    row = said if isinstance(said, Mapping) else {}
    commits, branch = row.get("commits"), row.get("branch")
    if not isinstance(commits, list) or not commits or not isinstance(branch, str):
        return ""
    named = " ".join(str(one) for one in commits)
    where = f"a branch for a merge into {code(branch)}" if row.get("push") == "branch" else f"{code(branch)}"
    return f" ({code('git revert --no-edit ' + named)}, pushed to {where})"


def _splitter(row: Mapping[str, object]) -> str:
    name = code(str(row.get("name") or row.get("driver") or "the splitter"))
    by_hand = {"flagd-file": ("file", "flag"), "envoy": ("admin", "key"), "shell": ("set",)}
    by_hand |= {"haproxy": ("socket", "backend"), "traefik": ("file", "service")}
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
