"""What an HTTPRoute and Istio's VirtualService have in common: a list of rules, each of which shares requests among
backends by weights.

A cohort is a rule of Pilotage's own before the one it is taken from: the same matches, each with the header besides,
and the canary alone. An annotation notes the cohort; without it no rule is taken for Pilotage's own.
"""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol

from pilotage.core.errors import PermanentError
from pilotage.core.model import Cohort
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.cohorts import check_kind, check_values
from pilotage.drivers.kubernetes.changing import Edit, Patch, notes
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.weights import smallest_parts

COHORT = "pilotage/cohort"
_MOST_MATCHES = 64
Rule = dict[str, Any]


class Backend(Protocol):
    """A side, as an option names it."""

    def is_in(self, ref: Any) -> bool:
        """Whether a rule's part sends requests there."""
        ...


@dataclass(frozen=True)
class State:
    """What is in force, or is wanted: percent to the canary, the cohort, the percent copied."""

    weight: float
    cohort: Cohort | None = None
    mirror: float = 0.0


class Splitting(ABC):
    """One object as it was read. `only` is the name or the place of the one rule that matters; None: all with both.

    `state` and `edit` raise PermanentError for an object that does not share requests among the two alone. To send the
    canary nothing, or to tell that it gets nothing, whatever else is there is no obstacle.
    """

    rules_key: ClassVar[str]
    refs_key: ClassVar[str]
    matches_key: ClassVar[str]
    weight_if_none: ClassVar[int]
    knows: ClassVar[str]
    """Who knows cohorts by header only, for an error."""
    option: ClassVar[str]
    """The driver's option that holds `only`."""

    def __init__(self, found: Object, who: str, canary: Backend, stable: Backend, only: str | int | None) -> None:
        self._found = found
        self._who = who
        self._canary, self._stable, self._only = canary, stable, only
        spec = found.get("spec")
        rules = spec.get(self.rules_key) if isinstance(spec, dict) else None
        if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
            raise PermanentError(f"{who} has no {self.rules_key}: it sends no request anywhere")
        self._rules: list[Rule] = rules

    @classmethod
    def parts(cls, found: Object) -> Any:
        """All that weights could be in, of whatever form."""
        spec = found.get("spec")
        rules = spec.get(cls.rules_key) if isinstance(spec, dict) else None
        return [one.get(cls.refs_key) for one in rules or [] if isinstance(one, dict)]

    def state(self) -> State:
        shares = {index: self._share(index, rule) for index, rule in self._shared(self._rules)}
        if len(set(shares.values())) > 1:
            each = ", ".join(f"rule {index} {float(share * 100):g} %" for index, share in shares.items())
            raise PermanentError(
                f"{self._who} sends the canary a share that differs from rule to rule ({each}): give them the same "
                f"weights, or name the one that matters with `{self.option}`"
            )
        mirrors = {self._mirror(rule) for _, rule in self._shared(self._rules)}
        if len(mirrors) > 1:
            raise PermanentError(f"{self._who} copies requests to the canary in some of its rules only, or not alike")
        return State(float(next(iter(shares.values())) * 100), self._cohort(), mirrors.pop())

    def edit(self, wanted: State) -> Edit:
        """What makes it so, as small as it can be."""
        kept = copy.deepcopy([one for one in self._rules if not self._is_own(one)])
        shared = dict(self._shared(kept))
        parts = smallest_parts(wanted.weight)
        rules: list[Rule] = []
        for index, rule in enumerate(kept):
            if index in shared:
                if wanted != State(0):
                    self._check_alone(index, rule)
                if wanted.cohort is not None:
                    rules.append(self._cohort_rule(rule, wanted.cohort))
                self._weigh(rule, parts)
                if self._mirror(rule) != wanted.mirror:
                    self._set_mirror(rule, wanted.mirror)
            rules.append(rule)
        noted = None if wanted.cohort is None else json.dumps(_noted(wanted.cohort), ensure_ascii=False)
        return Edit(self._difference(rules), {COHORT: noted})

    def is_at(self, wanted: State) -> bool:
        """Whether nothing has to be changed."""
        edit = self.edit(wanted)
        return not edit.patch and notes(self._found).get(COHORT) == edit.notes[COHORT]

    @abstractmethod
    def _with_header(self, match: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
        """`match`, and that the header `name` has `value`."""

    @abstractmethod
    def _headers(self, match: Mapping[str, Any]) -> dict[str, str | None]:
        """The headers that it asks for, in lower case, and the values that they must have exactly."""

    @abstractmethod
    def _mirror(self, rule: Rule) -> float:
        """The percent of the rule's requests copied to the canary."""

    @abstractmethod
    def _set_mirror(self, rule: Rule, percent: float) -> None: ...

    @abstractmethod
    def _alone(self, ref: Mapping[str, Any]) -> dict[str, Any]:
        """`ref` as the only part of a rule."""

    @abstractmethod
    def _name(self, ref: Any) -> str:
        """What a person calls the part."""

    def _shared(self, rules: list[Rule]) -> Iterator[tuple[int, Rule]]:
        """Those in which both have a part, or the one named; with their places in `rules`."""
        own = [self._is_own(one) for one in rules]
        others = [(index, one) for index, one in enumerate(rules) if not own[index]]
        if isinstance(self._only, int):
            chosen = others[self._only : self._only + 1]
        elif self._only is not None:
            chosen = [(index, one) for index, one in others if one.get("name") == self._only]
        else:
            chosen = [(index, one) for index, one in others if all(self._pair(one))]
        if not chosen:
            raise self._none_shared([one for _, one in others])
        for index, rule in chosen:
            self._check(index, rule)
            yield index, rule

    def _none_shared(self, rules: list[Rule]) -> PermanentError:
        if self._only is not None:
            names = listed([str(one.get("name") or index) for index, one in enumerate(rules)])
            return PermanentError(f"{self._who} has no rule {self._only}; it has {names}. Is `{self.option}` right?")
        there = listed(list(dict.fromkeys(self._name(ref) for one in rules for ref in self._refs(one)))) or "none"
        return PermanentError(
            f"{self._who} has no rule with the backends {self._canary} and {self._stable}; its backends are "
            f"{there}. Put both into one rule, the canary with the weight 0"
        )

    def _check(self, index: int, rule: Rule) -> None:
        for backend, found in zip((self._canary, self._stable), self._pair(rule), strict=True):
            if len(found) != 1:
                how = "not" if not found else f"{len(found)} times"
                raise PermanentError(
                    f"{self._who} has the backend {backend} {how} in its rule {index}: expected once. Say in the "
                    "options more exactly which one is meant"
                )

    def check_alone(self) -> None:
        """Raises PermanentError where a part of another's would keep the canary from getting a share."""
        for index, rule in self._shared(self._rules):
            self._check_alone(index, rule)

    def _check_alone(self, index: int, rule: Rule) -> None:
        if others := self._others(rule):
            raise PermanentError(
                f"{self._who} also has the backend {listed([self._name(one) for one in others])} in its rule {index}: "
                f"only {self._canary} and {self._stable} may be there, else the canary's share cannot be told"
            )

    def _others(self, rule: Rule) -> list[Any]:
        return [one for one in self._refs(rule) if not self._canary.is_in(one) and not self._stable.is_in(one)]

    def _refs(self, rule: Rule) -> list[Any]:
        refs = rule.get(self.refs_key)
        return refs if isinstance(refs, list) else []

    def _pair(self, rule: Rule) -> tuple[list[Any], list[Any]]:
        refs = self._refs(rule)
        return [one for one in refs if self._canary.is_in(one)], [one for one in refs if self._stable.is_in(one)]

    def _weights(self, rule: Rule) -> tuple[int, int]:
        try:
            (canary,), (stable,) = self._pair(rule)
            return int(canary.get("weight", self.weight_if_none)), int(stable.get("weight", self.weight_if_none))
        except (ValueError, TypeError):
            raise PermanentError(f"{self._who} has weights that are no numbers") from None

    def _share(self, index: int, rule: Rule) -> Fraction:
        canary, stable = self._weights(rule)
        if canary == 0 and self._others(rule):
            return Fraction(0)
        self._check_alone(index, rule)
        if canary < 0 or stable < 0 or canary + stable == 0:
            raise PermanentError(
                f"{self._who} gives {self._canary} the weight {canary} and {self._stable} {stable}, which is no share: "
                "requests would get errors. Set them to 0 and 100"
            )
        return Fraction(canary, canary + stable)

    def _weigh(self, rule: Rule, parts: tuple[int, int]) -> None:
        canary, stable = self._weights(rule)
        if canary >= 0 and stable >= 0 and canary + stable > 0 and canary * parts[1] == stable * parts[0]:
            return  # the same share already, in whatever numbers
        alone = not self._others(rule)
        for ref in self._refs(rule):
            if self._canary.is_in(ref):
                ref["weight"] = parts[0]
            elif self._stable.is_in(ref) and (alone or stable <= 0):
                ref["weight"] = parts[1]

    def _noted(self) -> Cohort | None:
        try:
            given = json.loads(notes(self._found).get(COHORT, ""))
            return Cohort("header", str(given["header"]), tuple(str(one) for one in given["values"]))
        except (ValueError, TypeError, KeyError):
            return None

    def _is_own(self, rule: Rule) -> bool:
        cohort, refs = self._noted(), self._refs(rule)
        if cohort is None or len(refs) != 1 or not self._canary.is_in(refs[0]):
            return False
        matches = rule.get(self.matches_key) or []
        return bool(matches) and all(self._headers(one).get(cohort.name.lower()) in cohort.values for one in matches)

    def _cohort(self) -> Cohort | None:
        return self._noted() if any(self._is_own(one) for one in self._rules) else None

    def _cohort_rule(self, rule: Rule, cohort: Cohort) -> Rule:
        check_kind(cohort, ("header",), self.knows)
        check_values(cohort)
        made = copy.deepcopy(rule)
        made.pop("name", None)  # it belongs to one rule alone
        if self._mirror(made):
            self._set_mirror(made, 0)
        made[self.refs_key] = [self._alone(one) for one in self._refs(made) if self._canary.is_in(one)]
        bases = made.get(self.matches_key) or [{}]
        if any(cohort.name.lower() in self._headers(base) for base in bases):
            raise PermanentError(f"{self._who} matches by the header {cohort.name} already: a cohort needs another")
        needed, most = len(bases) * len(cohort.values), _MOST_MATCHES
        if needed > most:
            raise PermanentError(
                f"{self._who} would need {needed} matches for the cohort's values in one rule, which can have {most}"
            )
        made[self.matches_key] = [
            self._with_header(base, cohort.name, value) for base in bases for value in cohort.values
        ]
        return made

    def _difference(self, rules: list[Rule]) -> Patch:
        if rules == self._rules:
            return []
        if self._without_weights(rules) != self._without_weights(self._rules):
            return [{"op": "replace", "path": f"/spec/{self.rules_key}", "value": rules}]
        return [
            {
                "op": "add",
                "path": f"/spec/{self.rules_key}/{index}/{self.refs_key}/{place}/weight",
                "value": ref["weight"],
            }
            for index, rule in enumerate(rules)
            for place, ref in enumerate(self._refs(rule))
            if ref != self._refs(self._rules[index])[place]
        ]

    def _without_weights(self, rules: list[Rule]) -> list[Rule]:
        plain = copy.deepcopy(rules)
        for rule in plain:
            for ref in self._refs(rule):
                ref.pop("weight", None)
        return plain


def shown(text: Any) -> str:
    return one_line(str(text), 60)


def _noted(cohort: Cohort) -> dict[str, Any]:
    return {"header": cohort.name, "values": list(cohort.values)}
