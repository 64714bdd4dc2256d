"""Plans that somebody, or something, has damaged: by the text, and by the values. The same for the same seed."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pilotage.core.secretnames import SECRET_NAME
from pilotage.planfile.compile import REQUIRED
from pilotage.planfile.document import MAX_CHARACTERS, Node, read
from tests.planfile import plans


class Raw(str):
    """A scalar to be written as it stands, without quotes."""


@dataclass(frozen=True)
class Mutant:
    """`planted`: a secret is written into it, at a place where one may stand.

    `tree` is what reading `text` gives, where the text was written from values: reading it takes most of the time.
    """

    text: str
    kind: str
    planted: bool = False
    tree: Node | None = None


PLANTED = "planted-hunter2"


def mutants(seed: int, many: int) -> Iterator[Mutant]:
    """Two thirds by value, as they get further into the loader."""
    rng = random.Random(seed)
    for _ in range(many):
        yield by_text(rng) if rng.random() < 0.34 else by_value(rng)


# ------------------------------------------------------------------ where it begins

REQUESTED = plans.requested("http-server")
_PLANS = (plans.COMPLETE, plans.OTHER, plans.WIDE, plans.BLUE_GREEN, plans.ROLLING, plans.COHORTS, REQUESTED)
_ALL = [plans.sections(text) for text in _PLANS]
_TREES = [read(text)[0].plain() for text in _PLANS]
_WHICH = (0, 0, 1, 1, 2, 3, 4, 5, 6)
_NEEDED = ("deploy", "blue_green", "rolling", *REQUIRED)


def _chosen(rng: random.Random, which: int) -> list[str]:
    """The sections that every plan has and two others; once in 100 all of them (reading takes most of the time)."""
    keys = list(_ALL[which])
    more = rng.sample([key for key in keys if key not in _NEEDED], 2)
    return keys if rng.random() < 0.01 else [key for key in keys if key in _NEEDED or key in more]


# ------------------------------------------------------------------ by the text

_JUNK = (
    *("{", "}", "[", "]", ": ", "- ", "'", '"', "%", "#", ",", "|", ">", "?", "@", "`", "\\", "\n", "\n\n", "  ", "\t"),
    *(
        "\x00",
        "\x1b[31m",
        "\x7f",
        "\u202e",
        "\u2028",
        "\ufeff",
        "\ud800",
        "\U0001f4a5",
        "é",
        "𝟙",
        "\u0000",
        "\r",
        "\r\n",
    ),
    *("&a ", "*a", "!x ", "!!python/object:os.system ", "<<: ", "---\n", "...\n", "%YAML 1.1\n", "null", "~", "yes"),
    *("1e400", "-1", "9" * 400, "0x", "0b1", ".inf", ".nan", "-0", "1_000", "12:30:45", "2026-11-25", "${HOME}"),
)


def by_text(rng: random.Random) -> Mutant:
    which = rng.choice(_WHICH)
    text = "".join(_ALL[which][key] for key in _chosen(rng, which))
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice(_BY_TEXT)
        names.append(change.__name__.strip("_"))
        text = change(rng, text)
    return Mutant(text, " and ".join(names))


def _line(rng: random.Random, text: str) -> tuple[list[str], int]:
    lines = text.splitlines(keepends=True) or [""]
    return lines, rng.randrange(len(lines))


def _line_deleted(rng: random.Random, text: str) -> str:
    lines, at = _line(rng, text)
    return "".join(lines[:at] + lines[at + 1 :])


def _line_doubled(rng: random.Random, text: str) -> str:
    lines, at = _line(rng, text)
    return "".join(lines[: at + 1] + lines[at:])


def _lines_swapped(rng: random.Random, text: str) -> str:
    lines, at = _line(rng, text)
    other = rng.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return "".join(lines)


def _line_indented(rng: random.Random, text: str) -> str:
    lines, at = _line(rng, text)
    lines[at] = rng.choice((" ", "  ", "\t", "      ")) + lines[at] if rng.random() < 0.7 else lines[at].lstrip(" -")
    return "".join(lines)


def _cut_short(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _characters_deleted(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.randrange(1, 12) :]


def _characters_swapped(rng: random.Random, text: str) -> str:
    at = rng.randrange(max(1, len(text) - 1))
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def _character_replaced(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice("aZ0 :-{}[]'\"#%\n\t,&*!|>") + text[at + 1 :]


def _junk_put_in(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_JUNK) * rng.choice((1, 1, 1, 3)) + text[at:]


def _value_replaced(rng: random.Random, text: str) -> str:
    lines, at = _line(rng, text)
    lines[at] = re.sub(r": .*", lambda _: ": " + rng.choice(_JUNK), lines[at], count=1)
    return "".join(lines)


def _nested_deeply(rng: random.Random, text: str) -> str:
    depth = rng.choice((3, 14, 17, 40, 400))
    return text + "deep: " + rng.choice((("[", "]"), ("{a: ", "}")))[0] * depth + "\n"


def _nested_rightly(rng: random.Random, text: str) -> str:
    depth = rng.choice((3, 14, 15, 16, 17, 200))
    return text + "deep: " + "[" * depth + "]" * depth + "\n"


def _one_long_line(rng: random.Random, text: str) -> str:
    if rng.random() < 0.8:  # the reader takes its time over each
        return _junk_put_in(rng, text)
    long = rng.choice(("x", " ", "{", "'", "-", "é", "# ", "a: ", "1"))
    return text + "summary: " + long * rng.choice((9_000, 45_000, 100_000))


_BY_TEXT: tuple[Callable[[random.Random, str], str], ...] = (
    *(_line_deleted, _line_doubled, _lines_swapped, _line_indented, _cut_short, _characters_deleted),
    *(_characters_swapped, _character_replaced, _junk_put_in, _value_replaced, _nested_deeply, _nested_rightly),
    _one_long_line,
)


# ------------------------------------------------------------------ by the values

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2.5, 10**17, "", " ", "x", "0", "-5", "10%", "-10%", "1000%", "0%", "0.0%", "2x"),
    *(
        "0x",
        "1x",
        "1000x",
        "10m",
        "0s",
        "-3s",
        "1ms",
        "31d",
        "999999999d",
        "5M/day",
        "0/s",
        "512MiB",
        "0B",
        "100%",
        "50",
    ),
    *(
        "$group",
        'm{g="$group"}',
        "m{",
        "REPLACE_ME",
        "REPLACE_ME: a value",
        "replace_me",
        "é",
        "a\nb",
        "\u202e",
        "x" * 5000,
    ),
    *(
        [],
        {},
        [[]],
        [None],
        ["x"],
        [{}],
        {"a": 1},
        {"driver": "shell"},
        {"env": "NO_SUCH"},
        {"file": "/none"},
        {"vault": "secret/payment#token"},
        {"vault": "secret/payment"},
        {"aws-secret": "prod/payment#a#b"},
        [1, 2.0],
    ),
    *("2026-11-25 22:00", "2026-13-45 99:99", "2026-03-29 02:30", "CST", "Europe/Berlin", "../etc/passwd", "UTC"),
    *("traffic", "on-call", "P1", "hold", "ask", "rollback", "command", "shell", "files", "scrape", "drivers"),
    *(
        Raw(".nan"),
        Raw(".inf"),
        Raw("1e400"),
        Raw("-1e400"),
        Raw("-0"),
        Raw("-0.0"),
        Raw("1e3"),
        Raw("0x1F"),
        Raw("0o17"),
    ),
    *(Raw("2026-11-25"), Raw("2026-11-25T10:00:00Z"), Raw("12:30"), Raw("yes"), Raw("off"), Raw("~"), Raw("9" * 400)),
    *(Raw("1_000"), Raw("+5"), Raw("5."), Raw(".5"), Raw("1e-400")),
)
_KEYS = (
    *("name", "driver", "weight", "x", "watch", "id", "check", "text", "preset", "token", "deadline", "limit", "only"),
    *("é", "REPLACE_ME", "a\nb", "x" * 300, "\u2028", "a.b[0]", "<<"),
)


def by_value(rng: random.Random) -> Mutant:
    which = rng.choice(_WHICH)
    tree = copy.deepcopy({key: _TREES[which][key] for key in _chosen(rng, which)})
    if rng.random() < 0.8:
        tree["metrics"]["guards"] = [rng.choice(tree["metrics"]["guards"])]
        if which < 3:
            tree["traffic"] = [rng.choice(tree["traffic"])]
    names, planted = [], False
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        change = rng.choice(_BY_VALUE)
        names.append(change.__name__.strip("_"))
        change(rng, tree)
    if rng.random() < 0.1 and (found := _plant(rng, tree)):
        planted = True
        names.append(found)
    text = written(tree)
    return Mutant(text, " and ".join(names), planted, None if len(text) > MAX_CHARACTERS else read_from(tree))


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place but the top."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*place, key)
        if isinstance(one, (dict, list)):
            yield from _places(one, (*place, key))


def _at(tree: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def _any(rng: random.Random, tree: Any, kind: type | tuple[type, ...]) -> tuple[Any, Any]:
    """The holder and the key of a value of that kind."""
    found = [place for place in _places(tree) if isinstance(_at(tree, place), kind)]
    place = rng.choice(found) if found else ("summary",)
    tree.setdefault("summary", "x")
    return _at(tree, place[:-1]), place[-1]


def _leaf_replaced(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, (str, int, float, bool))
    holder[key] = rng.choice(_ODD)


def _anything_replaced(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, object)
    holder[key] = rng.choice(_ODD)


def _leaf_bent(rng: random.Random, tree: Any) -> None:
    """Another case, negative, cut, blown up, another's value."""
    holder, key = _any(rng, tree, str)
    text = holder[key]
    holder[key] = rng.choice(
        (
            text.upper(),
            text.swapcase(),
            f"-{text}",
            text[1:],
            text[:-1],
            f" {text} ",
            text * 40,
            Raw(text),
            f"{text}\n",
            [text],
        )
    )


def _values_exchanged(rng: random.Random, tree: Any) -> None:
    (one, key), (other, place) = _any(rng, tree, object), _any(rng, tree, (str, int, float))
    one[key], other[place] = copy.deepcopy(other[place]), copy.deepcopy(one[key])


def _key_removed(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, object)
    del holder[key]


def _key_renamed(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, object)
    if isinstance(holder, dict):
        new = rng.choice((f"{key}s", key[:-1], key.upper(), key.replace("_", "-"), f"{key} ", key[::-1], *_KEYS))
        holder[new or "x"] = holder.pop(key)


def _key_added(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, dict)
    holder[key][rng.choice(_KEYS)] = rng.choice(_ODD)


def _list_emptied(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, (list, dict))
    holder[key] = type(holder[key])()


def _list_of_many(rng: random.Random, tree: Any) -> None:
    """Up to 1,000, but seldom: they take long to read."""
    holder, key = _any(rng, tree, list)
    rows = holder[key] or ["x"]
    many = rng.choice((2, 5, 33, 101)) if rng.random() < 0.98 else 1000
    holder[key] = [copy.deepcopy(rows[index % len(rows)]) for index in range(many if len(str(rows[0])) < 30 else 21)]


def _rows_turned(rng: random.Random, tree: Any) -> None:
    holder, key = _any(rng, tree, list)
    holder[key] = holder[key][::-1] if rng.random() < 0.5 else holder[key] * 2


_BY_VALUE: tuple[Callable[[random.Random, Any], None], ...] = (
    *(_leaf_replaced, _leaf_replaced, _leaf_replaced, _anything_replaced, _leaf_bent, _leaf_bent, _values_exchanged),
    *(_key_removed, _key_renamed, _key_added, _list_emptied, _list_of_many, _rows_turned),
)


def _plant(rng: random.Random, tree: Any) -> str:
    """A secret's value where a reference should stand: plainly, or in a wrong wrapping."""
    found = [
        place
        for place in _places(tree)
        if (place[0] in ("traffic", "notify") or place[:2] == ("metrics", "sources"))
        and SECRET_NAME.search(str(place[-1]))
    ]
    if not found:
        return ""
    place = rng.choice(found)
    secret = f"{PLANTED}-{rng.randrange(10**6)}"
    _at(tree, place[:-1])[place[-1]] = rng.choice(
        (
            secret,
            [secret],
            {"env": [secret]},
            {"vault": secret},
            {"value": secret},
            {"env": "PATH", "value": secret},
            [{"x": secret}],
            secret * 9,
        )
    )
    return "secret planted"


def written(tree: dict[str, Any]) -> str:
    """As YAML: a section in a line, or a row in a line."""
    lines = []
    for key, value in tree.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{_scalar(key)}:")
            lines += [f"  - {_flow(one)}" for one in value]
        else:
            lines.append(f"{_scalar(key)}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def read_from(tree: dict[str, Any]) -> Node | None:
    """The nodes that reading `written(tree)` gives; None where only reading can tell what a raw scalar becomes."""
    if any(isinstance(_at(tree, place), Raw) for place in _places(tree)):
        return None
    top, line = Node({}, 1), 1
    for key, value in tree.items():
        top.key_lines[key] = line
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = [_node(one, line + number) for number, one in enumerate(value, 1)]
            top.value[key] = Node(rows, line + 1)
            line += len(rows)
        else:
            top.value[key] = _node(value, line)
        line += 1
    return top


def _node(value: Any, line: int) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(one, line) for key, one in value.items()}, line, "", dict.fromkeys(value, line))
    if isinstance(value, list):
        return Node([_node(one, line) for one in value], line)
    return Node(value, line, value if isinstance(value, str) else json.dumps(value))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, Raw) else json.dumps(value)
