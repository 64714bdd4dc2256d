"""JSON lines in seven dialects: ECS, pino, zap, logrus, structlog, Google Cloud and CLEF; extra fields in any order."""

# ruff: noqa: E501 - log lines are as long as they are
from __future__ import annotations

import json
import random
from collections.abc import Callable

from benchmarks.logs.cases import Case, Signature, camel, cases, pascal, snake
from benchmarks.logs.messages import NOUNS, STATUSES
from benchmarks.logs.styles import golang, java, node, python
from benchmarks.logs.values import Text

Fields = list[tuple[str, object]]
RAW = ("<num>", "<small>", "<big>", "<ts_ms>", "<ts_s>", "<pid>", "<float>", "<port>")
"""These stand without quotes: numbers."""
EXTRAS: tuple[tuple[str, str], ...] = (
    ("trace_id", "<oid><hex8>"), ("span_id", "<hex16>"), ("duration_ms", "<float>"), ("pod", "<pod>"), ("user_id", "<num>"),
    ("path", "<route>"), ("bytes", "<num>"), ("client_ip", "<ip>"), ("port", "<port>"), ("customer", "<user>"),
    ("request_id", "<uuid>"), ("email", "<email>"), ("took", "<dur>"), ("shard", "<small>"), ("host.name", "<host>"),
)  # fmt: skip
IN_FIELDS = ("request failed", "outgoing call to <url> failed")
"""The status stands in a field only."""
ORDERS = 4


def signatures(rng: random.Random, count: int) -> list[Signature]:
    makers = (_ecs, _pino, _zap, _logrus, _structlog, _cloud, _clef)
    found: list[Signature] = []
    share = -(-count // len(makers))
    for maker, pool in zip(makers, (java, node, golang, golang, python, python, java), strict=True):
        fields = [Case(message, status) for message in IN_FIELDS for status in rng.sample(STATUSES, 3)]
        mixed = cases(rng, share - len(fields), pool.EXCEPTIONS, pool.DIGITS) + fields
        found += [_signature(len(found) + place, maker, one) for place, one in enumerate(mixed)]
    return found[:count]


def _signature(
    place: int, maker: Callable[[random.Random, Case], tuple[Fields, Fields, str | None]], case: Case
) -> Signature:
    own = random.Random(f"{maker.__name__} {case.shared}")
    head, tail, top = maker(own, case)
    extras: Fields = [*own.sample(EXTRAS, own.randint(2, 6))]
    if case.status is not None and (case.message in IN_FIELDS or own.random() < 0.5):
        extras.append(("http.response.status_code" if maker is _ecs else "status", str(case.status)))
    texts = []
    for _ in range(ORDERS):
        own.shuffle(extras)
        optional = (
            extras if own.random() < 0.6 else [one for one in extras if one[0] not in ("user_id", "took", "shard")]
        )
        texts.append(Text(_dump([*head, *optional, *tail])))
    dialect, thrown, cause = (
        maker.__name__[1:],
        case.thrown[0] if case.thrown else None,
        case.cause[0] if case.cause else None,
    )
    if maker in (_zap, _logrus):
        thrown, cause = None, _wrapped(case) if case.thrown else None
    return Signature(f"json-{dialect}-{place}", tuple(texts), case.status, thrown, cause, top)


def _dump(fields: Fields) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{_value(value)}" for key, value in fields) + "}"


def _value(value: object) -> str:
    if isinstance(value, str) and (value in RAW or value.isdigit()):
        return value
    # A double quote within a value would break the line, and only <quoted> has them.
    return json.dumps(value, ensure_ascii=False).replace("<quoted>", "<single>")


def _ecs(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    head: Fields = [
        ("@timestamp", "<ts_iso>"),
        ("log.level", "ERROR"),
        ("message", case.message),
        ("ecs.version", "1.2.0"),
    ]
    tail: Fields = [("process.thread.name", "<jthread>"), ("log.logger", f"com.acme.shop.{own.choice(NOUNS)}")]
    if case.thrown is None:
        return head, tail, None
    tail += [("error.type", case.thrown[0]), ("error.message", case.thrown[1])]
    return head, [*tail, ("error.stack_trace", "\n".join(java.trace(own, case)))], camel(case.functions[0])


def _pino(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    head: Fields = [
        ("level", own.choice(("50", "50", "60"))),
        ("time", "<ts_ms>"),
        ("pid", "<pid>"),
        ("hostname", "<pod>"),
    ]
    if case.thrown is None:
        return head, [("msg", case.message)], None
    error = {"type": case.thrown[0], "message": case.thrown[1], "stack": "\n".join(node.stack(own, case))}
    return head, [("err", error), ("msg", case.message)], camel(case.functions[0])


def _zap(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    caller = f"{own.choice(NOUNS)}/{own.choice(NOUNS)}.go:<line>"
    head: Fields = [("level", "error"), ("ts", "<ts_s>"), ("caller", caller), ("msg", case.message)]
    if case.thrown is None:
        return head, [], None
    return (
        head,
        [("error", _wrapped(case)), ("stacktrace", "\n".join(golang.zap(own, case)))],
        pascal(case.functions[0]),
    )


def _logrus(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    # logrus has no stack; its caller is a function, which is the top one.
    tail: Fields = [("level", "error"), ("msg", case.message), ("time", "<ts_iso>")]
    if case.thrown is None:
        return [("component", own.choice(NOUNS))], tail, None
    top = pascal(case.functions[0])
    head: Fields = [("error", _wrapped(case)), ("func", f"github.com/acme/shop/{own.choice(NOUNS)}.{top}")]
    return [*head, ("file", "<goroot>/cart/cart.go:<line>")], tail, top


def _structlog(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    tail: Fields = [("event", case.message), ("level", "error"), ("logger", f"shop.{own.choice(NOUNS)}")]
    tail.append(("timestamp", "<ts_iso>"))
    if case.thrown is None:
        return [], tail, None
    return [], [*tail, ("exception", python.traceback(own, case))], snake(case.functions[0])


def _cloud(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    head: Fields = [("severity", "ERROR"), ("timestamp", "<ts_iso>")]
    if case.thrown is None:
        return head, [("message", case.message)], None
    return head, [("message", f"{case.message}\n{python.traceback(own, case)}")], snake(case.functions[0])


def _clef(own: random.Random, case: Case) -> tuple[Fields, Fields, str | None]:
    head: Fields = [
        ("@t", "<ts_iso>"),
        ("@l", own.choice(("Error", "Error", "Fatal"))),
        ("@m", case.message),
        ("@i", own.choice(NOUNS)),
    ]
    if case.thrown is None:
        return head, [], None
    return head, [("@x", "\n".join(java.trace(own, case)))], camel(case.functions[0])


def _wrapped(case: Case) -> str:
    assert case.thrown is not None
    return f"{case.thrown[0]}: {case.cause[0]}" if case.cause else case.thrown[0]
