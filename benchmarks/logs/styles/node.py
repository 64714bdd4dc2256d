"""Node's console and winston as text: `at f (file:1:2)`, async frames, `[cause]`, the object of an error's fields."""

# ruff: noqa: E501 - log lines are as long as they are
from __future__ import annotations

import random

from benchmarks.logs.cases import Case, Name, Signature, Thrown, camel, cases, pascal
from benchmarks.logs.messages import NOUNS
from benchmarks.logs.values import Text

EXCEPTIONS = (
    ("TypeError", "Cannot read properties of undefined (reading 'total')"),
    ("TypeError", "Cannot read properties of null (reading 'length')"),
    ("TypeError", "cart.lines.map is not a function"),
    ("TypeError", "Converting circular structure to JSON"),
    ("TypeError", "fetch failed"),
    ("ReferenceError", "basket is not defined"),
    ("RangeError", "Maximum call stack size exceeded"),
    ("RangeError", "Invalid time value"),
    ("RangeError", "Invalid array length"),
    ("SyntaxError", "Unexpected token < in JSON at position <num>"),
    ("SyntaxError", "Unexpected end of JSON input"),
    ("SyntaxError", "Expected ',' or '}' after property value in JSON at position <num> (line <small> column <small>)"),
    ("Error", "connect ECONNREFUSED <ip>:<port>"),
    ("Error", "getaddrinfo ENOTFOUND <host>"),
    ("Error", "read ECONNRESET"),
    ("Error", "socket hang up"),
    ("Error", "ENOENT: no such file or directory, open '<path>'"),
    ("Error", "EACCES: permission denied, mkdir '<path>'"),
    ("Error", "EMFILE: too many open files, open '<path>'"),
    ("Error", "listen EADDRINUSE: address already in use :::<port>"),
    ("Error", "Cannot find module '<path>'"),
    ("AxiosError", "timeout of <num>ms exceeded"),
    ("MongoServerError", "E11000 duplicate key error collection: shop.carts index: _id_ dup key: { _id: ObjectId('<oid>') }"),
    ("MongoNetworkTimeoutError", "connection <small> to <hostport> timed out"),
    ("SequelizeDatabaseError", "column <single> does not exist"),
    ("SequelizeUniqueConstraintError", "Validation error on customer <num>"),
    ("ValidationError", '"quantity" must be larger than or equal to <small>'),
    ("JsonWebTokenError", "invalid signature"),
    ("TokenExpiredError", "jwt expired <dur> ago"),
    ("AssertionError [ERR_ASSERTION]", "Expected values to be strictly equal: <num> !== <num>"),
    ("StripeCardError", "Your card was declined, request req_<oid>"),
    ("OutOfStockError", "product <num> has <neg> pieces"),
    ("AbortError", "This operation was aborted<opt_after>"),
)  # fmt: skip
DIGITS = ("Http2Error", "Http3Error", "OAuth1Error", "OAuth2Error", "ApiV1Error", "ApiV2Error")
HEADERS = (
    "<ts_iso> ERROR {logger}: ",
    "<ts_iso> [{logger}] error: ",
    "error: [{logger}] ",
    "[Nest] <pid>  - <ts_nest>   ERROR [{logger}] ",
    "<ts_iso> <pod> {logger} ERROR ",
)
INSIDE = (
    "at process.processTicksAndRejections (node:internal/process/task_queues:<line>:<col>)",
    "at async Promise.all (index <small>)",
    "at Layer.handle [as handle_request] (<noderoot>/node_modules/express/lib/router/layer.js:<line>:<col>)",
    "at TCPConnectWrap.afterConnect [as oncomplete] (node:net:<line>:<col>)",
    "at <noderoot>/dist/main.js:<line>:<col>",
    "at new Promise (<anonymous>)",
)


def signatures(rng: random.Random, count: int) -> list[Signature]:
    return [signature(place, case) for place, case in enumerate(cases(rng, count, EXCEPTIONS, DIGITS))]


def signature(place: int, case: Case) -> Signature:
    own = random.Random(f"{case.shared}")
    header = own.choice(HEADERS).replace("{logger}", own.choice(NOUNS).capitalize() + "Service")
    if case.thrown is None:
        return Signature(f"node-{place}", (Text(header + case.message),), case.status)
    text = header + case.message
    text += own.choice(("\n", " ")) + "\n".join(stack(own, case))
    cause = case.cause[0] if case.cause else None
    return Signature(f"node-{place}", (Text(text),), case.status, case.thrown[0], cause, camel(case.functions[0]))


def stack(own: random.Random, case: Case, indent: str = "    ") -> list[str]:
    assert case.thrown is not None
    lines = [_last(case.thrown), *(f"{indent}{_frame(own, one)}" for one in case.functions)]
    lines += [f"{indent}{own.choice(INSIDE)}" for _ in range(own.randint(0, 3))]
    if case.cause is not None:
        lines[-1] += " {"
        lines += [f"  [cause]: {_last(case.cause)}"]
        lines += [f"    {indent}{_frame(own, (own.choice(('open', 'call')), own.choice(NOUNS)))}" for _ in range(2)]
        lines += ["}"]
    elif own.random() < 0.25:
        lines[-1] += " {"
        lines += ["  errno: -111,", "  code: 'ECONNREFUSED',", "  address: '<ip>',", "  port: <port>", "}"]
    return lines


def _frame(own: random.Random, name: Name) -> str:
    owner = pascal((own.choice(NOUNS), own.choice(("service", "store", "client"))))
    style = own.choice(("{o}.{f}", "async {o}.{f}", "Object.{f}", "{f}"))
    call = style.replace("{o}", owner).replace("{f}", camel(name))
    return f"at {call} (<noderoot>/dist/{own.choice(NOUNS)}/{own.choice(NOUNS)}.js:<line>:<col>)"


def _last(thrown: Thrown) -> str:
    return f"{thrown[0]}: {thrown[1]}"
