"""What is one signature and what is two, in the formats that people really log in."""

from __future__ import annotations

import json

import pytest

from pilotage.core.signatures import NOT_AN_ERROR, Miner

PYTHON = """2026-11-23 10:00:01,123 ERROR [worker-3] shop.pay - charge {order} failed
Traceback (most recent call last):
  File "/srv/app/releases/{build}/shop/pay.py", line {line}, in charge
    gateway.send(order)
  File "/srv/app/releases/{build}/shop/gateway.py", line 88, in {function}
    raise {type}("no answer from {host}")
shop.errors.{type}: no answer from {host}"""

CHAINED = """Traceback (most recent call last):
  File "/srv/a.py", line {line}, in load
    return cache[key]
{root}: 'k{line}'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/b.py", line 7, in page
    raise Missing(key)
Missing: k{line}"""

JAVA = """2026-11-23T10:00:00.123Z ERROR 12{line} --- [nio-8080-exec-{line}] c.s.PaymentController : {order} failed
com.shop.PaymentFailed{n}Exception: could not charge
\tat com.shop.Payment.{function}(Payment.java:{line})
\tat com.shop.Payment$$Lambda/0x0000{line}.apply(Unknown Source)
\tat jdk.internal.reflect.GeneratedMethodAccessor{line}.invoke(Unknown Source)
Caused by: {root}: connection to {host} refused
\tat com.shop.Gateway.lambda$send${line}(Gateway.java:{line})
\t... {line} more"""

NODE = """TypeError: Cannot read properties of {thing} (reading 'id')
    at {function} (/app/dist/{build}/pay.js:{line}:13)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""

GO = """panic: runtime error: {what}
[signal SIGSEGV: segmentation violation code=0x1 addr=0x{line} pc=0x49{line}]

goroutine {line} [running]:
main.{function}(0xc0000{line}, 0x{line})
\t/src/{build}/pay.go:{line} +0x1d
main.main()
\t/src/{build}/main.go:11 +0x45
exit status 2"""

USUAL = {
    "order": "4711",
    "build": "a1b2c3d",
    "line": "17",
    "host": "db-a.internal",
    "function": "send",
    "type": "GatewayTimeout",
    "root": "KeyError",
    "n": "",
    "thing": "undefined",
    "what": "invalid memory address or nil pointer dereference",
}
CHANGED = {"order": "99120", "build": "ffee001", "line": "3218", "host": "db-b.eu.internal"}
TRACES = {"python": PYTHON, "chained": CHAINED, "java": JAVA, "node": NODE, "go": GO}


def same(*entries: str) -> bool:
    """Whichever comes first."""
    for order in (entries, entries[::-1]):
        miner = Miner()
        numbers = {miner.signature(one.encode()) for one in order}
        assert NOT_AN_ERROR not in numbers
        if len(numbers) > 1:
            return False
    return True


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_line_numbers_ids_paths_and_hosts_do_not_split_a_trace(trace: str) -> None:
    assert same(trace.format(**USUAL), trace.format(**{**USUAL, **CHANGED}))


@pytest.mark.parametrize(
    ("trace", "changed"),
    [
        ("python", {"function": "receive"}),
        ("python", {"type": "GatewayRefused"}),
        ("python", {"function": "send2"}),
        ("python", {"type": "Http2Timeout"}),
        ("chained", {"root": "IndexError"}),
        ("java", {"function": "refund"}),
        ("java", {"root": "java.net.SocketTimeoutException"}),
        ("java", {"n": "2"}),
        ("node", {"function": "refund"}),
        ("go", {"function": "refund"}),
        ("go", {"function": "send2"}),
        ("go", {"what": "index out of range [5] with length 3"}),
    ],
    ids=str,
)
def test_another_exception_or_another_function_on_top_is_another_signature(trace: str, changed: dict[str, str]) -> None:
    assert not same(TRACES[trace].format(**USUAL), TRACES[trace].format(**{**USUAL, **changed}))


@pytest.mark.parametrize("pair", [("1", "2"), ("", "2"), ("1", "22")])
def test_functions_and_types_that_differ_in_a_digit_alone_are_two(pair: tuple[str, str]) -> None:
    for language, part in (("python", "function"), ("python", "type"), ("go", "function"), ("node", "function")):
        stem = {"function": "step{}", "type": "Http{}Error"}[part]
        one, two = (TRACES[language].format(**{**USUAL, part: stem.format(digit)}) for digit in pair)
        assert not same(one, two), (language, part)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 10:00:01 ERROR upstream answered with HTTP {}",
        "2026-11-23 10:00:01 ERROR call to http://10.0.0.7:8080/charge/81 returned {}",
        "ERROR:shop:GET /orders/7 failed, status={} after 12 ms",
        "2026-11-23 10:00:01 ERROR 503 != {} Bad Gateway",
        '10.1.1.1 - - [23/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" {} 512 "-" "error"',
        '{{"level":"error","msg":"charge failed","status":{},"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}}',
        'level=error msg="charge failed" status={} order=17',
        "E1123 10:00:00.123456   12345 pay.go:17] error: gateway responded with {}: try again",
    ],
)
def test_http_statuses_are_never_merged(line: str) -> None:
    if "503 !=" in line:
        line = "2026-11-23 10:00:01 ERROR gateway says {} Bad Gateway"
    one, two, seven = line.format(404), line.format(500), line.format(7)
    assert not same(one, two)
    assert not same(seven, two)
    assert same(two, two.replace("17", "4711").replace("12 ms", "8 ms"))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("ERROR cannot reach db-a.internal:5432", "ERROR cannot reach replica.eu.shop.svc.cluster.local:6432"),
        ("ERROR cannot open /var/lib/shop/a.db", "ERROR cannot open /data/b/c/d.sqlite"),
        ("ERROR order 17 of alice@example.com is lost", "ERROR order 4711 of b.c+d@mail.shop.de is lost"),
        ("ERROR ids [1, 2, 3] are gone", "ERROR ids [4] are gone"),
        ("ERROR bad value 'abc' for field", "ERROR bad value 'x y z' for field"),
        (
            "2026-11-23 10:00:00 ERROR [main] shop.Pay - no money",
            "2026-11-24 11:22:33 ERROR [exec-7] shop.Pay - no money",
        ),
        ("Nov 23 10:00:00 web-a shop[17]: ERROR no money", "Nov  4 10:00:00 web-b shop[4711]: ERROR no money"),
        ("[pod/shop-7d9f-abcde/app] ERROR no money", "[pod/shop-5c4f-xyzzy/app] ERROR no money"),
        ("ERROR took 17ms for deadbeefcafe", "ERROR took 3ms for 0badc0ffee99"),
        (
            '{"ts":"2026-11-23T10:00:00Z","level":"error","logger":"pay","msg":"no money","user":"alice","span":"ab1"}',
            '{"level":"error","ts":"2026-11-24T10:00:00Z","msg":"no money","logger":"pay","user":"bob","x":{"a":[1]}}',
        ),
        ('{"level":50,"msg":"no money","pid":17,"err":{"type":"E","message":"gone 1"}}',) * 2,
        ('level=error ts=1 msg="no money" user=alice', 'level=error ts=2 msg="no money" user=bob'),
    ],
)
def test_what_varies_does_not_split(one: str, two: str) -> None:
    assert same(one, two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("ERROR cannot charge card", "ERROR cannot refund card"),
        ("ERROR [main] shop.Pay - no money", "ERROR [main] shop.Refund - no money"),
        ("ERROR no money", "FATAL no money"),
        ('{"level":"error","msg":"cannot charge card"}', '{"level":"error","msg":"cannot refund card"}'),
        (
            '{"level":"error","msg":"failed","error.type":"Http2Error"}',
            '{"level":"error","msg":"failed","error.type":"Http3Error"}',
        ),
    ],
)
def test_different_things_are_two(one: str, two: str) -> None:
    assert not same(one, two)


def test_a_stack_inside_a_json_field_is_a_trace() -> None:
    def entry(function: str, line: int) -> str:
        stack = NODE.format(**{**USUAL, "function": function, "line": str(line)})
        return json.dumps({"level": "error", "time": line, "msg": "charge failed", "err": {"stack": stack}})

    assert same(entry("send", 1), entry("send", 3000))
    assert not same(entry("send", 1), entry("receive", 1))
    assert not same(entry("send1", 1), entry("send2", 1))


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 10:00:00 INFO handled, errors=0",
        '{"level":"info","msg":"no error"}',
        "level=warn msg=slow error=none x=1",
        "W1123 10:00:00.1 1 a.go:1] error budget is fine",
        "2026-11-23 10:00:00 [debug] error handler registered",
    ],
)
def test_lower_levels_are_no_errors(line: str) -> None:
    assert Miner().signature(line.encode()) == NOT_AN_ERROR


def test_a_place_that_shows_ever_new_words_varies_and_the_earlier_numbers_are_the_same_from_then_on() -> None:
    miner = Miner()
    names = ["Ada", "Bea", "Cyd", "Dee", "Eve", "Fay", "Gil", "Hal", "Ivo"]
    numbers = [miner.signature(f"ERROR the login of {name} was refused by the gate".encode()) for name in names]
    assert len({miner.group(number) for number in numbers}) == 1
    assert numbers[-1] in numbers[:6]


def test_a_few_things_that_come_again_and_again_stay_apart() -> None:
    miner = Miner()
    verbs = ["charge", "refund", "void", "capture", "settle", "dispute", "authorise", "verify"]
    for _ in range(4):
        for count, verb in enumerate(verbs):
            for _ in range(3 if count < 6 else 1):
                miner.signature(f"ERROR failed to {verb} the card of the customer".encode())
    numbers = {miner.group(miner.signature(f"ERROR failed to {v} the card of the customer".encode())) for v in verbs}
    assert len(numbers) == len(verbs)


def test_a_miner_that_takes_back_what_another_knew_gives_the_same_numbers() -> None:
    first = Miner()
    lines = [
        f"ERROR the login of {n} was refused by gate {n}" for n in ("Ada", "Bea", "Cyd", "Dee", "Eve", "Fay", "Gil")
    ]
    lines += [trace.format(**USUAL) for trace in TRACES.values()]
    for line in lines:
        first.signature(line.encode())
    second = Miner()
    second.restore(first.signatures.values(), first.same, first.counts)
    for line in [*lines, "ERROR the login of Zoe was refused by gate Zed"]:
        assert second.group(second.signature(line.encode())) == first.group(first.signature(line.encode()))


@pytest.mark.parametrize(
    "line",
    [
        "ERROR login failed password=correcthorse for bob",
        "ERROR login failed, token: correcthorse",
        '{"level":"error","msg":"login failed secret=correcthorse"}',
        'level=error msg="login failed api_key=correcthorse" user=bob',
        "ERROR cannot reach https://bob:correcthorse@db.example.com/x",
        "ERROR rejected Authorization: Bearer correcthorsebattery",
    ],
)
def test_nothing_that_is_kept_of_a_signature_holds_a_secret(line: str) -> None:
    miner = Miner()
    number = miner.signature(line.encode())
    assert "correcthorse" not in repr(miner.signatures[number])
    assert "correcthorse" not in miner.signatures[number].title()


def test_the_example_hides_secrets() -> None:
    miner = Miner()
    number = miner.signature(
        b"ERROR login failed password=hunter2 for https://bob:pw@shop.example/x Authorization: Bearer abcdef123456"
    )
    example = miner.signatures[number].example
    assert not [secret for secret in ("hunter2", "pw@", "abcdef123456") if secret in example]
    assert "login failed" in example
