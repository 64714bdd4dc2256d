"""Python's logging as text: four header formats, tracebacks, chained ones too."""

# ruff: noqa: E501 - log lines are as long as they are
from __future__ import annotations

import random

from benchmarks.logs.cases import Case, Name, Signature, Thrown, cases, snake
from benchmarks.logs.messages import NOUNS
from benchmarks.logs.values import Text

EXCEPTIONS = (
    ("KeyError", "'sku-<num>'"),
    ("KeyError", "<num>"),
    ("ValueError", "invalid literal for int() with base 10: <single>"),
    ("ValueError", "could not convert string to float: <single>"),
    ("ValueError", "not enough values to unpack (expected 3, got <small>)"),
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'NoneType'"),
    ("TypeError", "'NoneType' object is not subscriptable"),
    ("AttributeError", "'NoneType' object has no attribute 'total'"),
    ("AttributeError", "'Cart' object has no attribute 'lines'. Did you mean: 'line'?"),
    ("IndexError", "list index out of range"),
    ("ZeroDivisionError", "division by zero"),
    ("RecursionError", "maximum recursion depth exceeded while calling a Python object"),
    ("FileNotFoundError", "[Errno 2] No such file or directory: '<path>'"),
    ("PermissionError", "[Errno 13] Permission denied: '<path>'"),
    ("OSError", "[Errno 28] No space left on device"),
    ("ConnectionRefusedError", "[Errno 111] Connection refused"),
    ("TimeoutError", "timed out"),
    ("UnicodeDecodeError", "'utf-8' codec can't decode byte <addr> in position <num>: invalid start byte"),
    ("json.decoder.JSONDecodeError", "Expecting value: line <small> column <small> (char <num>)"),
    ("sqlalchemy.exc.IntegrityError", "(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint, Key (id)=(<num>)"),
    ("sqlalchemy.exc.OperationalError", '(psycopg.OperationalError) connection to server at "<ip>", port <port> failed'),
    ("sqlalchemy.exc.TimeoutError", "QueuePool limit of size <small> overflow <small> reached, connection timed out, timeout <float>"),
    ("requests.exceptions.ConnectionError", "HTTPSConnectionPool(host='<host>', port=<port>): Max retries exceeded with url: <route>"),
    ("requests.exceptions.ReadTimeout", "HTTPConnectionPool(host='<host>', port=<port>): Read timed out. (read timeout=<small>)"),
    ("redis.exceptions.ConnectionError", "Error 111 connecting to <hostport>. Connection refused."),
    ("botocore.exceptions.ClientError", "An error occurred (NoSuchKey) when calling the GetObject operation: <path>"),
    ("pydantic_core._pydantic_core.ValidationError", "<small> validation errors for CartIn, input_value=<single>"),
    ("django.db.utils.DataError", "value too long for type character varying(<num>)"),
    ("shop.errors.OutOfStock", "product <num> has <neg> pieces"),
    ("shop.errors.PriceChanged", "<float> became <float>"),
    ("asyncio.exceptions.CancelledError", "task <uuid> cancelled"),
    ("AssertionError", "cart <num> is not empty"),
    ("decimal.InvalidOperation", "[<class 'decimal.ConversionSyntax'>]"),
    ("celery.exceptions.SoftTimeLimitExceeded", "SoftTimeLimitExceeded(<num>,)"),
)  # fmt: skip
DIGITS = (
    "shop.net.Http2Error",
    "shop.net.Http3Error",
    "shop.auth.OAuth1Error",
    "shop.auth.OAuth2Error",
    "V1Error",
    "V2Error",
)
HEADERS = (
    "<ts_py> ERROR [<thread>] {logger}: ",
    "<ts_py> - {logger} - ERROR - ",
    "ERROR:{logger}:",
    "[<ts_utc>] [<pid>] [ERROR] ",
    "[<ts_py>: ERROR/ForkPoolWorker-<small>] {logger} ",
    "<ts_py> CRITICAL {logger} [trace_id=<oid> pid=<pid>] ",
)  # fmt: skip
LIBRARY = (
    ("<site>/sqlalchemy/engine/base.py", "_execute_context", "self.dialect.do_execute("),
    ("<site>/django/core/handlers/base.py", "_get_response", "response = wrapped_callback(request, *args, **kwargs)"),
    (
        "<site>/flask/app.py",
        "dispatch_request",
        "return self.ensure_sync(self.view_functions[rule.endpoint])(**view_args)",
    ),
    ("/usr/lib/python3.11/concurrent/futures/thread.py", "run", "result = self.fn(*self.args, **self.kwargs)"),
    ("<site>/starlette/routing.py", "app", "response = await f(request)"),
)
CHAINS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


def signatures(rng: random.Random, count: int) -> list[Signature]:
    return [signature(rng, place, case) for place, case in enumerate(cases(rng, count, EXCEPTIONS, DIGITS))]


def signature(rng: random.Random, place: int, case: Case) -> Signature:
    # Twins share everything but their one difference: all that is chosen here depends on what they share.
    own = random.Random(f"{case.shared}")
    header = own.choice(HEADERS).replace("{logger}", f"shop.{own.choice(NOUNS)}s")
    text = header + case.message
    if case.thrown is None:
        return Signature(f"python-{place}", (Text(text),), case.status)
    text += "\n" + traceback(own, case)
    cause = case.cause[0] if case.cause else None
    return Signature(f"python-{place}", (Text(text),), case.status, case.thrown[0], cause, snake(case.functions[0]))


def traceback(own: random.Random, case: Case) -> str:
    """The innermost function last; the cause, if there is one, before it."""
    assert case.thrown is not None
    chain = own.choice(CHAINS)
    carets = own.random() < 0.3
    lines = []
    if case.cause is not None:
        inner: list[Name] = [("shop", "client", one) for one in ("open", "call")]
        lines += ["Traceback (most recent call last):", *_frames(own, inner, False), _last(case.cause), "", chain, ""]
    lines += ["Traceback (most recent call last):"]
    if own.random() < 0.5:
        path, function, code = own.choice(LIBRARY)
        lines += [f'  File "{path}", line <line>, in {function}', f"    {code}"]
    lines += [*_frames(own, list(reversed(case.functions)), carets), _last(case.thrown)]
    return "\n".join(lines)


def _frames(own: random.Random, names: list[Name], carets: bool) -> list[str]:
    lines = []
    for place, name in enumerate(names):
        module = own.choice(NOUNS)
        code = f"return self.{own.choice(NOUNS)}s.get({own.choice(NOUNS)}_id, {own.choice(NOUNS)})"
        if place + 1 < len(names):
            code = f"{own.choice(NOUNS)} = next_step({own.choice(NOUNS)}, retry=True)"
        lines += [
            f'  File "<root>/shop/{module}s/{own.choice(NOUNS)}.py", line <line>, in {snake(name)}',
            f"    {code}",
        ]
        if carets:
            lines.append("    " + "^" * len(code))
    return lines


def _last(thrown: Thrown) -> str:
    return f"{thrown[0]}: {thrown[1]}"
