"""Error cases in no language yet: a message, perhaps an exception with functions, and the traps between them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.logs.messages import AROUND_EXCEPTIONS, NOUNS, PLAIN, SIBLINGS, STATUSES, VERBS, WITH_STATUS, WORDS
from benchmarks.logs.values import Text, Values

Name = tuple[str, ...]
Thrown = tuple[str, str]
"""The exception's type and the text of its message, with places."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to fail. Functions are words, the innermost first: (("load", "cart"), ("price", "order"))."""

    message: str
    status: int | None = None
    thrown: Thrown | None = None
    cause: Thrown | None = None
    functions: tuple[Name, ...] = ()

    @property
    def shared(self) -> str:
        """What twins have in common: header, files and frames are chosen by it."""
        return f"{self.message.replace(str(self.status), '#')} {self.functions[1:]}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A true signature: entries of `texts` (dialects of field order; mostly one) are the same thing.

    `status`, `thrown` (the exception's type) and `top` (the innermost function) must keep two signatures apart whatever
    else is alike. `cause` is what else does, less formally: the cause's type, Go's error text, a proxy's flags.
    """

    name: str
    texts: tuple[Text, ...]
    status: int | None = None
    thrown: str | None = None
    cause: str | None = None
    top: str | None = None

    def entry(self, values: Values) -> bytes:
        text = self.texts[0] if len(self.texts) == 1 else values.rng.choice(self.texts)
        return values.fill(text).encode()


def cases(rng: random.Random, count: int, exceptions: Sequence[Thrown], digits: Sequence[str]) -> list[Case]:
    """`count` different cases: 45 % plain messages at most, the rest with exceptions; one in three has a near twin.

    `exceptions` are a language's types with their messages; `digits` types that differ by a digit, as `Http2Error`.
    """
    plain = plain_cases(rng)[: int(count * 0.45)]
    found = list(plain)
    names = functions(rng)
    around = list(AROUND_EXCEPTIONS)
    while len(found) < count:
        base = Case(
            rng.choice(around),
            thrown=rng.choice(list(exceptions)),
            cause=rng.choice(list(exceptions)) if rng.random() < 0.3 else None,
            functions=tuple(next(names) for _ in range(rng.randint(2, 6))),
        )
        found.append(base)
        if rng.random() < 0.5:
            found.extend(twins(rng, base, exceptions, digits))
    return found[:count]


def plain_cases(rng: random.Random) -> list[Case]:
    """Every message without an exception: those with a status first, the others mixed."""
    found = [Case(one) for one in PLAIN]
    for template in SIBLINGS:
        words = {word: rng.sample(WORDS[word], 3) for word in re.findall(r"{(\w+)}", template)}
        for place in range(3):
            text = template
            for word, chosen in words.items():
                text = text.replace(f"{{{word}}}", chosen[place])
            found.append(Case(text))
    rng.shuffle(found)
    with_status = [
        Case(template.replace("{status}", str(one)), status=one)
        for template in WITH_STATUS
        for one in rng.sample(STATUSES, 3)
    ]
    return with_status + found


def twins(rng: random.Random, base: Case, exceptions: Sequence[Thrown], digits: Sequence[str]) -> list[Case]:
    """The same case but for one thing that makes it another failure."""
    assert base.thrown is not None
    kind = rng.randrange(5)
    text = base.thrown[1]
    if kind == 0:
        pair = rng.choice([(a, b) for a, b in zip(digits[::2], digits[1::2], strict=True)])
        message = rng.choice(list(exceptions))[1]
        return [
            replace(base, thrown=(one, message), functions=(("digit", *base.functions[0]), *base.functions[1:]))
            for one in pair
        ]
    if kind == 1:
        steps = [(*base.functions[0], "step1"), (*base.functions[0], "step2")]
        return [replace(base, functions=(one, *base.functions[1:])) for one in steps]
    if kind == 2:
        other = rng.choice([one for one, _ in exceptions if one != base.thrown[0]])
        return [replace(base, thrown=(other, text))]
    if kind == 3:
        return [replace(base, functions=(("retry", *base.functions[0]), *base.functions[1:]))]
    if base.cause is None:
        return []
    other = rng.choice([one for one, _ in exceptions if one != base.cause[0]])
    return [replace(base, cause=(other, base.cause[1]))]


def functions(rng: random.Random) -> Iterator[Name]:
    """Names of functions, none twice."""
    names: list[Name] = [(verb, noun) for verb in VERBS for noun in NOUNS]
    rng.shuffle(names)
    yield from names
    round_ = 0
    while True:
        round_ += 1
        extra = "".join(chr(97 + int(digit)) for digit in str(round_))
        for verb, noun in names:
            yield (verb, noun, "for", f"{rng.choice(NOUNS)}{extra}")


def snake(name: Name) -> str:
    return "_".join(name)


def camel(name: Name) -> str:
    return name[0] + "".join(one.capitalize() for one in name[1:])


def pascal(name: Name) -> str:
    return "".join(one.capitalize() for one in name)
