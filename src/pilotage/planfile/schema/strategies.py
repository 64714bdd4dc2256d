"""The sections of single strategies, and what a plan of each strategy has to have and may not have."""

from __future__ import annotations

from typing import Any

from pilotage.core.model import Strategy
from pilotage.core.preparing import METHODS
from pilotage.core.quantities import PERCENT
from pilotage.planfile import bluegreen, rolling
from pilotage.planfile.compile import REQUIRED, required
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.schema.drivers import alternatives
from pilotage.planfile.schema.kinds import (
    LINE,
    Schema,
    count,
    described,
    duration,
    mapping,
    one_of,
    rows,
    text,
    whole,
)
from pilotage.planfile.schema.words import COLOURS, OF_SERVERS, with_words

COMMON = tuple(one for one in REQUIRED if all(one in required(strategy) for strategy in Strategy))
"""What a plan of every strategy has."""


def sections() -> dict[str, Schema]:
    return {"blue_green": _blue_green(), "rolling": _rolling()}


def by_strategy() -> list[Schema]:
    """For each strategy what the plan needs besides, and what belongs to others."""
    one_phase = {"maxItems": 1, "items": {"properties": dict.fromkeys(("cohort", "mirror", "on"), False)}}
    moved = {"deploy": _items("deploy-driver"), "rollback": _methods(["traffic", "switch"], METHODS)}
    each = {**_items("server-driver"), "maxItems": rolling.MOST_DEPLOYERS}
    servers = {"deploy": each, "rollback": _methods(["redeploy"], ("redeploy", "revert"))}
    return [
        _when(Strategy.CANARY, {**moved, **dict.fromkeys(("blue_green", "rolling"), False)}),
        _when(Strategy.BLUE_GREEN, {**moved, **dict.fromkeys(("rolling", "after"), False), "phases": one_phase}),
        _when(Strategy.ROLLING, {**servers, **dict.fromkeys(("blue_green", "phases", "traffic"), False)}),
    ]


def server_drivers(own: dict[str, Schema]) -> list[Schema]:
    """Deployers whose options may have a server's words, also in the place of numbers."""
    drivers = alternatives("deploy", own=own)
    fit = [one for one in drivers if one["properties"]["driver"]["const"] not in rolling.NOT_PER_SERVER]
    found: list[Schema] = with_words(fit, OF_SERVERS, numbers=True)
    return found


def _when(strategy: Strategy, properties: dict[str, Any]) -> Schema:
    needs = [one for one in required(strategy) if one not in COMMON]
    chosen = {"properties": {"strategy": {"const": strategy.value}}, "required": ["strategy"]}
    return {"if": chosen, "then": {"required": needs, "properties": properties}}


def _items(definition: str) -> Schema:
    return {"items": {"$ref": f"#/$defs/{definition}"}}


def _methods(first: list[str], possible: tuple[str, ...]) -> Schema:
    each = {"items": {"enum": list(possible)}}
    methods = {"prefixItems": [{"enum": first}], **each, "default": first[:1]}
    return {"properties": {"methods": methods, "afterwards": each}}


def _blue_green() -> Schema:
    own = {
        "name": _name("The test's name; else test-1, test-2, ..."),
        "within": duration("How long the test may take to come out well.", "1m"),
    }
    return mapping(
        "Two colours: the idle one gets the new version, is tested, and then gets all traffic at once.",
        {
            "live": _name("The colour that runs now: {live} in deploy, traffic, metrics, logs, rollback, here."),
            "idle": _name("The other one, which gets the new version: {idle}."),
            "test": rows(
                "What has to come out well on the idle colour before it gets any traffic.",
                {"oneOf": with_words(alternatives("checks", "check", own), COLOURS)},
            ),
            "warm": duration("How long the old colour is kept, one call away; in the place of `after`.", "1h"),
            "tick": duration("How often the evidence is looked at meanwhile.", "1m"),
            "release": described(
                {"$ref": "#/$defs/deploy-driver"}, "What frees the old colour's servers after the promotion."
            ),
        },
        bluegreen.REQUIRED,
    )


def _rolling() -> Schema:
    word = {"anyOf": [text("What the word stands for.", LINE, None), {"type": "integer"}]}
    server = mapping("A server, and words for it.", {"name": _name("The server's name: {server}.")}, ["name"])
    names = {"anyOf": [{"const": "name"}, {"pattern": f"^{rolling.WORD}$"}]}
    server |= {"additionalProperties": word, "propertyNames": names}
    share = text("A share of the servers.", whole(PERCENT), None, expected="a number of servers, or 25%")
    checks = with_words(alternatives("checks", "check"), OF_SERVERS, numbers=True)
    return mapping(
        "Server by server: out of rotation, deployed, well again, back, watched; then the next ones.",
        {
            "servers": rows(
                "The servers in their order; {server} and the words of a row are filled in under deploy and health.",
                {"anyOf": [_name("A server's name."), server]},
                least=2,
                most=rolling.MOST_SERVERS,
            ),
            "max_unavailable": described(
                {"anyOf": [count("A number of servers.", 1), share]},
                "How many are out of rotation at a time: a number, or a share; fewer than there are.",
                1,
            ),
            "watch": duration("How long is watched after each batch, one tick at least."),
            "approval": one_of("Before which batches a person has to approve.", rolling.APPROVALS, "none"),
            "pool": described(
                {"oneOf": alternatives("pool")}, "What takes servers out of rotation and puts them back."
            ),
            "health": described({"oneOf": checks}, "What has to come out well before a server is back in rotation."),
            "drain_within": duration("How long a server's last requests may take.", "1m"),
            "healthy_within": duration("How long a server may take until it is well.", "1m"),
        },
        rolling.REQUIRED,
    )


def _name(description: str) -> Schema:
    return text(description, whole(NAME), None, expected=A_NAME)
