"""What a drafted plan leaves open, and what a model may put there: only that, only what holds, only with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pilotage import planfile
from pilotage.agent.commands import Commands
from pilotage.agent.jail import Denied, Jail
from pilotage.core.brief import Brief
from pilotage.core.brief.given import given
from pilotage.core.brief.questions import QUESTIONS
from pilotage.core.errors import PlanError, Problem
from pilotage.core.planning import PlanDraft, draft
from pilotage.core.planning.draft import versions
from pilotage.core.planning.drivers import PLACEHOLDER
from pilotage.core.planning.entries import one_line
from pilotage.core.planning.filled import filled, headed, noted
from pilotage.core.proposals import Repository, Trace
from pilotage.core.redact import HIDDEN, redact
from pilotage.drafting import with_on_call
from pilotage.planfile.compile import A_PLACEHOLDER

BRIEF = "brief"
"""Cited as a file: what the brief itself says."""
ON_CALL = "on-call"
_NAMED = ("service", "environment", "version", "previous")
"""Facts whose value has to stand in what is quoted."""
_MEANT = ("severity", "migration reversible", "window", "window date", "window zone", "summary")
"""Facts that are said in other words than the plan's."""
_SECTIONS = {"traffic": "expect", "migration reversible": "checklist", ON_CALL: "contacts"}
"""Where facts show in a plan that has no section of their name."""
_LONGEST = 2000
_REFERENCE = re.compile(r"\{\s*(?:env|file|vault|aws-secret)\s*:[^{}]*\}")
"""Where a secret is read, which is none itself."""


@dataclass(frozen=True)
class Filling:
    """`value` is text; of a place that wants a driver YAML, such as ``{driver: shell, set: [...], read: [...]}``.

    `file` and `line` say where `quoted` stands: a path within the repository, or ``brief`` with line 0.
    """

    place: str
    value: str
    file: str
    line: int
    quoted: str
    why: str = ""

    @property
    def trace(self) -> Trace:
        return Trace(one_line(self.file), self.line, one_line(self.quoted)[:120])


class Wrong(ValueError):
    """A filling that does not count: what was expected, for the model to try again."""


@dataclass
class Sheet:
    """`good` are the fillings that hold, by their place; `refused` what was last said against the others."""

    brief: Brief
    seen: Repository | None
    directory: Path
    jail: Jail | None = None
    model: str = "a model"
    good: dict[str, Filling] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._facts = self._missing_facts()
        self._plain = draft(self.brief, self.seen)
        self._before = set(self._problems(self._plain))
        self.wanted = self._wanted()
        self._values: dict[str, Any] = {}

    def offer(self, filling: Filling) -> None:
        """Takes it, or raises Wrong."""
        place = filling.place.strip()
        try:
            if place not in self.wanted:
                raise Wrong(f"it is not open; open are: {', '.join(self.wanted) or 'none'}")
            if len(filling.value) > _LONGEST:
                raise Wrong(f"expected at most {_LONGEST} characters")
            if PLACEHOLDER in filling.value or not filling.value.strip():
                raise Wrong("expected a value, not a placeholder; leave out what you do not know")
            written = _REFERENCE.sub("", filling.value)
            if redact(written) != written or HIDDEN in written:
                raise Wrong("expected a value without secrets and control characters")
            self._cited(filling)
            self._speaks(place, filling)
            if place in self._facts:
                self._try_fact(place, filling)
            else:
                self._values[place] = self._try_place(place, filling)
            self.good[place] = filling
            self.refused.pop(place, None)
        except Wrong as wrong:
            if place not in self.good:
                self.refused[place[:100]] = str(wrong)
            raise

    @property
    def left(self) -> list[str]:
        return [one for one in self.wanted if one not in self.good]

    def completed(self, brief: Brief | None = None) -> tuple[Brief, PlanDraft]:
        """The brief with the facts, and the draft with everything that holds, each with where it comes from.

        `brief`: the one of `with_facts`, after a person has answered more questions.
        """
        brief = self.with_facts() if brief is None else brief
        return brief, headed(self._draft(brief), [self._told(place, one) for place, one in self.good.items()])

    def with_facts(self) -> Brief:
        brief = self.brief
        for place, one in self.good.items():
            if place in self._facts:
                brief = self._with_fact(brief, place, one)
        return brief

    def _draft(self, brief: Brief, more: Mapping[str, tuple[Any, Filling]] | None = None) -> PlanDraft:
        drafted = draft(brief, self.seen)
        for place, one in self.good.items():
            if place in self._facts:
                key = "start" if place.startswith("window") else _SECTIONS.get(place, place)
                drafted = noted(drafted, key, f"{one.trace}; {self.model} read it there, check it")
        values = {place: (self._values[place], one) for place, one in self.good.items() if place in self._values}
        for place, (value, one) in {**values, **(more or {})}.items():
            if place in _places(drafted):
                drafted = filled(drafted, place, value, f"as {one.trace} says; {self.model} filled it in, check it")
        return drafted

    def _told(self, place: str, one: Filling) -> str:
        value, why = one_line(one.value)[:120], redact(one_line(one.why))[:200].rstrip(". ")
        because = f" ({why})" if why else ""
        return f"FILLED IN by {self.model}: {place}: {value}, as {one.trace} says{because}. Check it."

    # ------------------------------------------------------------------ what is open

    def _missing_facts(self) -> dict[str, str]:
        """What the repository's tags say is no more open than what the brief says."""
        version, previous = versions(self.brief, self.seen or Repository())
        known = {name for name, value in (("version", version), ("previous", previous)) if value is not None}
        facts = {name: QUESTIONS.get(name, name) for name in self.brief.missing if name not in known}
        if not any(one.value.role == ON_CALL for one in self.brief.contacts):
            facts[ON_CALL] = 'Who is on call for this, and how are they reached? ("Ann Example @ann")'
        return facts

    def _wanted(self) -> dict[str, str]:
        found = {
            name: f"{question} Its value has to stand in what you quote." if name in _NAMED else question
            for name, question in self._facts.items()
        }
        windowed = any(name.startswith("window") for name in self._facts)
        for place, wanted in _places(self._plain).items():
            of_a_window = windowed and place.startswith("start.")
            if place not in self._facts and not of_a_window and place != "contacts[0].name":
                found[place] = wanted
        return found

    # ------------------------------------------------------------------ whether it holds

    def _cited(self, filling: Filling) -> None:
        quoted = _flat(filling.quoted)
        if len(quoted) < 2 or HIDDEN in quoted:
            raise Wrong("expected `quoted`: the very text that speaks for the value, without secrets")
        if filling.file == BRIEF:
            if quoted not in _flat(self.brief.text):
                raise Wrong("the brief does not say what you quote")
            return
        if self.jail is None:
            raise Wrong("there is no repository to cite: cite the brief, or leave it out")
        try:
            name, lines = self.jail.name(filling.file), self.jail.lines(filling.file)
        except Denied as error:
            raise Wrong(str(error)) from None
        if name != filling.file.removeprefix("./"):
            raise Wrong(f"cite {name}, where that link leads to")
        if not 1 <= filling.line <= len(lines):
            raise Wrong(f"{name} has {len(lines)} lines, not {filling.line}")
        if quoted not in _flat(lines[filling.line - 1]):
            where = [number for number, line in enumerate(lines, 1) if quoted in _flat(line)][:5]
            hint = f"; it stands on line {', '.join(map(str, where))}" if where else "; it stands on no line"
            raise Wrong(f"line {filling.line} of {name} does not say what you quote{hint}")

    def _speaks(self, place: str, filling: Filling) -> None:
        value, quoted = filling.value.strip().lower(), filling.quoted.lower()
        if place in _NAMED and value.removeprefix("version ").removeprefix("v") not in quoted:
            raise Wrong(f"what you quote does not hold the value {filling.value[:60]!r}")
        if place not in _MEANT and value not in quoted and not _words(value) & _words(quoted):
            raise Wrong("what you quote has no word of the value: quote the line that speaks for it")

    def _with_fact(self, brief: Brief, place: str, filling: Filling) -> Brief:
        value = filling.value.strip()
        return with_on_call(brief, value, "model") if place == ON_CALL else given(brief, place, value, "model")

    def _try_fact(self, place: str, filling: Filling) -> None:
        try:
            brief = self._with_fact(self.with_facts(), place, filling)
        except ValueError as error:
            raise Wrong(str(error)) from None
        if place == ON_CALL and not brief.contacts[0].value.name:
            raise Wrong('expected a name and how to reach them, such as "Ann Example @ann"')
        drafted = draft(brief, self.seen)
        if open_still := [one for one in drafted.open if one == place or one in self.good]:
            raise Wrong(f"the plan cannot hold it beside the rest: {', '.join(open_still)} would stay open")
        self._must_hold(drafted)

    def _try_place(self, place: str, filling: Filling) -> Any:
        """The value as it is written into the plan."""
        text = filling.value.strip()
        values = [_mapping(text)] if place in _driver_places(self._plain) else [one_line(text), *_numbers(text)]
        for value in values:
            if said := Commands(self.jail, self.directory).wrong(place, value, filling.quoted):
                raise Wrong(said)
            try:
                self._must_hold(self._draft(self.with_facts(), {place: (value, filling)}))
            except Wrong as error:
                wrong = error
            else:
                return value
        raise wrong

    def _must_hold(self, drafted: PlanDraft) -> None:
        if new := [one for one in self._problems(drafted) if one not in self._before]:
            raise Wrong("; ".join(dict.fromkeys(new[:3])))

    def _problems(self, drafted: PlanDraft) -> list[str]:
        """What a plan of it would be refused for, placeholders apart."""
        try:
            planfile.load(drafted.text, directory=self.directory, secrets=False)
        except PlanError as error:
            return [_said(one) for one in error.problems if not one.got.startswith(A_PLACEHOLDER)]
        return []


def _said(problem: Problem) -> str:
    return f"{problem.path}: expected {problem.expected}, got {problem.got}. {problem.hint}".strip()


def _places(drafted: PlanDraft) -> dict[str, str]:
    """Open places with what belongs there; of a driver that is not known, its whole mapping."""
    found = {}
    for place in drafted.open:
        wanted = str(_at(drafted.data, place)).removeprefix(PLACEHOLDER).lstrip(": ")
        whole = place.removesuffix(".driver")
        found[whole] = f"YAML of a mapping with driver and its options: {wanted}" if whole != place else wanted
    return found


def _driver_places(drafted: PlanDraft) -> set[str]:
    return {place.removesuffix(".driver") for place in drafted.open if place.endswith(".driver")}


def _at(data: Any, place: str) -> Any:
    for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
        data = data[name] if name else data[int(number)]
    return data


def _mapping(text: str) -> dict[str, Any]:
    try:
        tree, twice = planfile.read_text(text)
    except PlanError as error:
        raise Wrong(_said(error.problems[0])) from None
    value: dict[str, Any] = tree.plain()
    if twice or not isinstance(value.get("driver"), str):
        raise Wrong("expected YAML of a mapping with driver and its options, each once")
    return {"name": "splitter", **value}


def _numbers(text: str) -> list[int | float]:
    if re.fullmatch(r"\d{1,15}", text):
        return [int(text)]
    return [float(text)] if re.fullmatch(r"\d{1,15}\.\d{1,15}", text) else []


def _flat(text: str) -> str:
    return " ".join(text.split())


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]{2,}", text.lower()))
