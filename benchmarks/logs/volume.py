"""Log files of a wished size: ordinary lines of a shop, with a share of error entries of all styles among them."""

# ruff: noqa: E501 - log lines are as long as they are

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

from benchmarks.logs.cases import Signature
from benchmarks.logs.styles import COUNT, STYLES, ZIPF, signatures
from benchmarks.logs.values import Text, Values

# Some ordinary lines hold what looks like an error token: `errors=0`, "catalog", "mirror". They do in life.
ORDINARY = (
    '<ip> - - [<ts_clf>] "<verb> <route> HTTP/1.1" 200 <num> "-" "<agent>" rt=<float>',
    '<ip> - - [<ts_clf>] "GET /api/catalog/items/<num> HTTP/1.1" 200 <num> "-" "<agent>" rt=<float>',
    '<ip> - <user> [<ts_clf>] "GET /static/<file> HTTP/2.0" 304 0 "<url>" "<agent>" rt=<float>',
    "<ts_py> INFO [<thread>] shop.cart: priced cart <num> for <email> in <dur>, <small> lines, total <float>",
    "<ts_py> INFO [<thread>] shop.http: <verb> <route> 200 <dur> request_id=<uuid> user=<user>",
    "<ts_py> DEBUG [<thread>] shop.db: SELECT id, state, total FROM orders <cond> took <dur>",
    "<ts_sp> INFO 1 --- [<jthread>] c.a.shop.OrderService : order <num> moved to paid by <user>, payment <uuid>",
    "<ts_sp> DEBUG 1 --- [<jthread>] c.a.shop.StockClient : reserved <small> of product <num> on <hostport> in <dur>",
    "<ts_sp> INFO 1 --- [<jthread>] o.s.w.s.DispatcherServlet : completed 200 OK <verb> <route>",
    "<ts_iso> [MailService] info: sent template order-confirmation to <email>, message <uuid>",
    '{"level":30,"time":<ts_ms>,"pid":<pid>,"hostname":"<pod>","reqId":"<uuid>","res":{"statusCode":200},"responseTime":<float>,"msg":"request completed"}',
    '{"level":"info","ts":<ts_s>,"caller":"cart/handler.go:<line>","msg":"cart saved","cart":<num>,"trace_id":"<oid>","took":"<dur>"}',
    '{"@timestamp":"<ts_iso>","log.level":"INFO","message":"offset <big> of partition <small> committed","service.name":"worker","host.name":"<host>"}',
    "I<ts_klog>   <pid> controller.go:<line>] reconciled <pod> in <dur>",
    'time=<ts_iso> level=INFO msg="batch done" items=<num> errors=0 took=<dur>',
    "<ts_go> INFO mirror.go:<line>: mirrored <size> of <path> to <host>",
)
WEIGHTS = (12, 3, 8, 9, 12, 8, 8, 8, 8, 3, 9, 9, 8, 3, 1, 0.5)


def known(count: int, seed: int = 1) -> list[Signature]:
    """`count` signatures of the five application styles, in mixed order."""
    styles = [one for one in STYLES if one != "proxies"]
    found = [one for style in styles for one in signatures(style, seed, -(-count // len(styles)))]
    random.Random(seed).shuffle(found)
    return found[:count]


def chunks(size: int, share: float, errors: list[Signature], seed: int = 1) -> Iterator[bytes]:
    """About `size` bytes of whole entries; `share` of the entries are errors, each signature at least once if it can be."""
    values, rng = Values(seed), random.Random(f"chunks {seed}")
    texts = [Text(one) for one in ORDINARY]
    weights = list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(len(errors))))
    written, first = 0, iter(errors)
    while written < size:
        lines = []
        for text in rng.choices(texts, WEIGHTS, k=2000):
            if rng.random() >= share:
                lines.append(values.fill(text).encode())
                continue
            one = next(first, None) or rng.choices(errors, cum_weights=weights)[0]
            lines.append(one.entry(values))
        data = b"\n".join(lines) + b"\n"
        written += len(data)
        yield data


def usual() -> list[Signature]:
    return known(COUNT * 5)
