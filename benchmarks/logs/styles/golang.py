"""Go as text: log, klog, slog, logrus and zap lines, wrapped errors, zap stacks, panics with goroutine dumps."""

from __future__ import annotations

import random

from benchmarks.logs.cases import Case, Name, Signature, cases, pascal
from benchmarks.logs.messages import NOUNS
from benchmarks.logs.values import Text

EXCEPTIONS = (
    ("runtime error: invalid memory address or nil pointer dereference", ""),
    ("runtime error: index out of range [<num>] with length <num>", ""),
    ("runtime error: slice bounds out of range [:<num>] with capacity <num>", ""),
    ("runtime error: integer divide by zero", ""),
    ("assignment to entry in nil map", ""),
    ("send on closed channel", ""),
    ("close of closed channel", ""),
    ("sync: negative WaitGroup counter", ""),
    ("interface conversion: interface {} is string, not int", ""),
    ("interface conversion: interface {} is nil, not *shop.Cart", ""),
    ("reflect: call of reflect.Value.Elem on zero Value", ""),
    ("strings: negative Repeat count", ""),
    ("bufio.Scanner: token too long", ""),
    ("context deadline exceeded", ""),
    ("sql: expected <small> destination arguments in Scan, not <small>", ""),
    ("dial tcp <ip>:<port>: connect: connection refused", ""),
    ("dial tcp: lookup <host> on <ip>:53: no such host", ""),
    ("read tcp <ip>:<port>-><ip>:<port>: i/o timeout", ""),
    ("open <path>: no such file or directory", ""),
    ("open <path>: too many open files", ""),
    ('pq: duplicate key value violates unique constraint "carts_pkey"', ""),
    ("json: cannot unmarshal string into Go struct field Cart.total of type int", ""),
    ("strconv.Atoi: parsing <quoted>: invalid syntax", ""),
    ("rpc error: code = Unavailable desc = transport is closing", ""),
    ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", ""),
    ("rpc error: code = ResourceExhausted desc = received message larger than max (<num> vs. <num>)", ""),
    ("x509: certificate signed by unknown authority", ""),
    ("x509: certificate has expired, current time is after <date>", ""),
    ("unexpected EOF", ""),
    ("product <num> out of stock", ""),
)  # fmt: skip
DIGITS = (
    "http2 stream error",
    "http3 stream error",
    "v1 cart format",
    "v2 cart format",
    "tier1 lookup lost",
    "tier2 lookup lost",
)
"""In Go the text of the error is its type; these differ by a digit inside a word."""
HEADERS = (
    ("<ts_go> ERROR {file}.go:<line>: ", ""),
    ("E<ts_klog>   <pid> {file}.go:<line>] ", ""),
    ('time=<ts_iso> level=ERROR source={file}.go:<line> msg="', '" shard=<small> trace=<oid>'),
    ('time="<ts_iso>" level=error msg="', '" pod=<pod> took=<dur>'),
    ("<ts_iso>\tERROR\t{file}/handler.go:<line>\t", '\t{"cart": <num>, "user": "<user>"}'),
)


def signatures(rng: random.Random, count: int) -> list[Signature]:
    return [signature(place, case) for place, case in enumerate(cases(rng, count, EXCEPTIONS, DIGITS))]


def signature(place: int, case: Case) -> Signature:
    own = random.Random(f"{case.shared}")
    before, after = own.choice(HEADERS)
    before = before.replace("{file}", own.choice(NOUNS))
    escape = quotes if after else str
    if case.thrown is None:
        return Signature(f"go-{place}", (Text(before + escape(case.message) + after),), case.status)
    top = pascal(case.functions[0])
    thrown, cause = case.thrown[0], case.cause[0] if case.cause else None
    error = f"{thrown}: {cause}" if cause else thrown
    if place_is_panic(case):
        text = f"panic: {error}" + own.choice(("", " [recovered]")) + "\n\n" + dump(own, case)
    elif after.startswith("\t"):
        text = f'{before}{quotes(case.message)}\t{{"cart": <num>, "error": "{quotes(error)}"}}\n' + "\n".join(
            zap(own, case)
        )
    else:
        text = before + escape(f"{case.message}: {error}") + after + "\n" + "\n".join(zap(own, case))
    # Go's errors are texts, not types: what they say is the cause here, and only the function is a hard difference.
    return Signature(f"go-{place}", (Text(text),), case.status, None, error, top)


def place_is_panic(case: Case) -> bool:
    """The same for twins: decided by what they share."""
    return len(case.functions) % 2 == 0


def quotes(text: str) -> str:
    """Double quotes would end the quoted message that the text stands in."""
    return text.replace('"', "'").replace("<quoted>", "<single>")


def dump(own: random.Random, case: Case) -> str:
    lines = ["goroutine <goroutine> [running]:"]
    if own.random() < 0.4:
        lines = ["[signal SIGSEGV: segmentation violation code=0x1 addr=<pc> pc=<addr>]", "", *lines]
    for name in case.functions:
        lines += [
            f"{_call(own, name)}(<addr>, <pc>)",
            f"\t<goroot>/{own.choice(NOUNS)}/{own.choice(NOUNS)}.go:<line> +<pc>",
        ]
    if own.random() < 0.6:
        lines += ["created by net/http.(*Server).Serve in goroutine <goroutine>"]
        lines += ["\t/usr/local/go/src/net/http/server.go:<line> +<pc>"]
    return "\n".join(lines)


def zap(own: random.Random, case: Case) -> list[str]:
    lines = []
    for name in case.functions:
        lines += [_call(own, name), f"\t<goroot>/{own.choice(NOUNS)}/{own.choice(NOUNS)}.go:<line>"]
    return lines


def _call(own: random.Random, name: Name) -> str:
    owner = own.choice(("(*Service)", "(*Store)", "Client"))
    return f"github.com/acme/shop/{own.choice(NOUNS)}.{owner}.{pascal(name)}"
