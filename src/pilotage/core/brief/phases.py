"""Explicit phases: "10% for 10 min, 50% for 10 minutes, then 100%", "10/50/100", "5 % -> 25 % -> 100 %"."""

from __future__ import annotations

import re
from itertools import pairwise

from pilotage.core.brief.facts import Conflict, PhaseFact, Value
from pilotage.core.brief.numbers import DURATION, duration
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading

_NUMBER = r"\d{1,4}(?:[.,]\d{1,2})?"
_PERCENT = r"(?:%|percent\b|per cent\b|prozent\b|por ciento\b)"
_TRAFFIC = (
    r"(?: (?:of|der|des|von|del?|of the|of all|de los|de las|del total de))?(?: (?:the|all|our))?"
    r" (?:traffic|users?|requests|verkehrs?|nutzern?|anfragen|trafico|usuarios|peticiones|canary)"
)
_WATCH = (
    rf" ?(?:for|fur|fuer|durante|por|uber|over|watch|lang|a|@|,|[:/(]){{0,2}} {{0,2}}(?:about |ca |etwa |watch )?"
    rf"(?P<watch>{DURATION})(?! ?(?:each|every|(?:per|je|pro|por) (?:phase|step|stage|stufe|schritt|fase|paso"
    rf"|etapa)|jeweils|cada))(?: lang| watch)? ?\)?"
)
_NEXT = rf"(?P<weight>{_NUMBER})(?![\w.:]\d|[a-z]) ?(?P<percent>{_PERCENT})?(?:{_TRAFFIC})?(?:{_WATCH})?"
_ITEM = Pattern(rf"(?<![\w.,:/$#-]){_NEXT}")
_FURTHER = Pattern(_NEXT)
_OF_SOMETHING = Pattern(r" (?:of|der|des|von|de|del) ")
"""Behind a share: of checkouts, say; then it is no step."""
_WHOLE = Pattern(
    r"(?:everything|everyone|full traffic|all traffic|all users|alles|alle|vollstandig|todo el trafico|todo|todos)\b"
)
_BETWEEN = Pattern(
    r" {0,2}(?:(?:->|→|=>|-->|>|/|,|;|\+|&|\n {0,8}(?:phase|stufe|fase|step)? ?(?:\d{1,2} ?[.:)])?) {0,3})?"
    r"(?:(?:and then|then|and finally|finally|and|to|(?:go|move|increase|raise|up) (?:up )?to|followed by|later"
    r"|dann|danach|anschliessend|schlies+lich"
    r"|und dann|und|(?:hoch |erhohen )?auf|(?:subir|pasar) a|luego|despues"
    r"|y luego|y despues|y finalmente|finalmente|y|a|hasta|up to) {1,3}){0,2}"
)
_BARE = Pattern(r" ?(?:->|→|=>|-->|/) ?| {0,2}, ?")
_AND = Pattern(r" ?,? ?(?:and|und|y) ")
_EACH = Pattern(
    rf"[ ,;(\n]{{0,4}}(?:(?:with|for|fur|mit|con|watch(?:ing)?|durante|a) )?(?:jeweils |je |cada una? )?"
    rf"(?P<each>{DURATION}) ?(?P<word>each|every|per (?:phase|step|stage)|jeweils|je (?:stufe|phase|schritt)"
    rf"|pro (?:stufe|phase|schritt)"
    r"|cada un[oa]|por (?:fase|paso|etapa)|watch each)"
)
_JEWEILS = Pattern(rf"[ ,;(]{{0,4}}(?:jeweils|je|cada una?(?: durante)?|each for|each) (?:fur )?(?P<each>{DURATION})")
_BEFORE = Pattern(
    r"\b(?:phases?|steps?|stages?|weights?|stufen|phasen|schritten?|fases|pasos|etapas)(?: (?:of|are|von|sind|de"
    r"|son))?[ :=]{0,3}$"
)


def phases(reading: Reading) -> Value[tuple[PhaseFact, ...]] | None:
    """Chains of weights; of two chains the one whose first step is smaller."""
    found: list[Value[tuple[PhaseFact, ...]]] = []
    place = 0
    while first := _ITEM.search(reading.low, place):
        chain, end = _chain(reading.low, first)
        place = max(end, first.end())
        if reading.in_label(first.start(), "window", "version", "previous", "ticket", "on-call", "impact"):
            continue
        if value := _taken(reading, first, chain, end):
            found.append(value)
    if not found:
        return None
    taken = min(found, key=lambda one: (one.value[0].weight, one.start))
    shows = tuple(dict.fromkeys(_show(one.value) for one in found))
    if len(shows) > 1:
        reading.conflicts.append(Conflict("phases", shows, _show(taken.value), "the smaller first step"))
    return taken


def _chain(low: str, first: re.Match[str]) -> tuple[list[tuple[str, bool, str]], int]:
    """Items (weight, with a percent sign, watch) from `first` on, and where the chain ends."""
    item, end = first, first.end()
    chain = [(first["weight"], bool(first["percent"]), first["watch"] or "")]
    while len(chain) < 20:
        bare = not item["percent"] and not item["watch"]
        between = (_BARE if bare else _BETWEEN).match(low, end) or (_AND.match(low, end) if bare else None)
        if not between or between.end() == end:
            break
        if whole := _WHOLE.match(low, between.end()):
            chain.append(("100", True, ""))
            end = whole.end()
            break
        following = _FURTHER.match(low, between.end())
        if not following or (not following["percent"] and not bare and not following["watch"]):
            break
        if _OF_SOMETHING.match(low, following.end()) or (_whole(item) and len(chain) > 1):
            break
        item, end = following, following.end()
        chain.append((item["weight"], bool(item["percent"]), item["watch"] or ""))
    return chain, end


def _whole(item: re.Match[str]) -> bool:
    """Nothing comes after all of the traffic."""
    return item["weight"] == "100" and bool(item["percent"])


def _taken(
    reading: Reading, first: re.Match[str], chain: list[tuple[str, bool, str]], end: int
) -> Value[tuple[PhaseFact, ...]] | None:
    named = reading.in_label(first.start(), "phases") or bool(
        _BEFORE.search(reading.low, max(0, first.start() - 30), first.start())
    )
    signs = sum(sign for _, sign, _ in chain)
    weights = [float(weight.replace(",", ".")) for weight, _, _ in chain]
    if len(chain) < 2 or (not signs and not named and not (len(chain) >= 3 and weights[-1] == 100)):
        return None
    span = first.start(), end
    rising = all(before < after for before, after in pairwise(weights))
    if not rising or weights[-1] > 100 or weights[0] <= 0:
        why = "above 100 %" if max(weights) > 100 else "not from small to large"
        reading.doubt("implausible", f"phases {reading.said(*span)}: {why}", *span)
        return None
    each = _EACH.match(reading.low, end) or _JEWEILS.match(reading.low, end)
    watches = [duration(watch, reading.dots_are_thousands) if watch else None for _, _, watch in chain]
    if each and sum(one is not None for one in watches) <= 1:
        watches, span = [duration(each["each"])] * len(chain), (span[0], each.end())
    elif last := _EACH.match(reading.low, first.end("watch")) if first["watch"] else None:
        span = (span[0], max(end, last.end()))
    facts = tuple(PhaseFact(weight, watch) for weight, watch in zip(weights, watches, strict=True))
    return reading.value(*span, facts, 1.0 if named else 0.9)


def _show(phases: tuple[PhaseFact, ...]) -> str:
    return " -> ".join(f"{one.weight:g}%" for one in phases)
