"""Java's Logback and Log4j as text: `at` frames, `Caused by`, `... 12 more`, lambdas, proxies, generated accessors."""

# ruff: noqa: E501 - log lines are as long as they are
from __future__ import annotations

import random

from benchmarks.logs.cases import Case, Name, Signature, Thrown, camel, cases, pascal
from benchmarks.logs.messages import NOUNS
from benchmarks.logs.values import Text

EXCEPTIONS = (
    ("java.lang.NullPointerException", 'Cannot invoke "com.acme.shop.Cart.total()" because "cart" is null'),
    ("java.lang.IllegalStateException", "Cart <num> is already closed"),
    ("java.lang.IllegalArgumentException", "No enum constant com.acme.shop.State.<single>"),
    ("java.lang.NumberFormatException", 'For input string: "<num>x"'),
    ("java.lang.IndexOutOfBoundsException", "Index <num> out of bounds for length <num>"),
    ("java.lang.ArrayIndexOutOfBoundsException", "<num>"),
    ("java.lang.ClassCastException", "class java.lang.Integer cannot be cast to class java.lang.String"),
    ("java.lang.OutOfMemoryError", "Java heap space"),
    ("java.lang.StackOverflowError", "null"),
    ("java.util.NoSuchElementException", "No value present"),
    ("java.util.ConcurrentModificationException", "null"),
    ("java.util.concurrent.TimeoutException", "Did not observe any item within <dur>"),
    ("java.util.concurrent.RejectedExecutionException", "Task java.util.concurrent.FutureTask@<hex8> rejected from pool[active threads = <small>, queued tasks = <num>]"),
    ("java.net.ConnectException", "Connection refused: <host>/<ip>:<port>"),
    ("java.net.SocketTimeoutException", "Read timed out"),
    ("java.net.UnknownHostException", "<host>"),
    ("java.io.IOException", "Broken pipe"),
    ("java.io.FileNotFoundException", "<path> (No such file or directory)"),
    ("java.sql.SQLTransientConnectionException", "HikariPool-<small> - Connection is not available, request timed out after <num>ms."),
    ("org.postgresql.util.PSQLException", "ERROR: deadlock detected Detail: Process <pid> waits for ShareLock on transaction <big>"),
    ("org.hibernate.StaleObjectStateException", "Row was updated by another transaction: [com.acme.shop.Cart#<num>]"),
    ("org.hibernate.LazyInitializationException", "could not initialize proxy [com.acme.shop.Customer#<num>] - no Session"),
    ("org.springframework.dao.DataIntegrityViolationException", "could not execute statement; SQL [n/a]; constraint [<single>]"),
    ("org.springframework.web.client.ResourceAccessException", 'I/O error on POST request for "<url>"'),
    ("org.apache.kafka.common.errors.TimeoutException", "Topic order-events not present in metadata after <num> ms."),
    ("com.fasterxml.jackson.core.JsonParseException", "Unexpected character (code <num>) at [line: <small>, column: <small>]"),
    ("io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception <hostport>"),
    ("redis.clients.jedis.exceptions.JedisConnectionException", "Could not get a resource from the pool"),
    ("com.acme.shop.OutOfStockException", "Product <uuid> has <neg> pieces left"),
    ("com.acme.shop.PaymentDeclinedException", "Order <num> declined with code <small>"),
    ("javax.net.ssl.SSLHandshakeException", "PKIX path building failed for <host>"),
    ("software.amazon.awssdk.services.s3.model.NoSuchKeyException", "The specified key does not exist. (Request ID: <hex16>)"),
)  # fmt: skip
DIGITS = (
    "com.acme.net.Http2Exception", "com.acme.net.Http3Exception", "com.acme.api.V1Exception", "com.acme.api.V2Exception",
    "com.acme.auth.OAuth1Exception", "com.acme.auth.OAuth2Exception",
)  # fmt: skip
HEADERS = (
    "<ts_sp> ERROR 1 --- [<jthread>] c.a.shop.{logger} : ",
    "<ts_sp> [<jthread>] ERROR com.acme.shop.{logger} - ",
    "<ts_iso> ERROR [cart-service,<hex16>,<hex16>] <pid> --- [<jthread>] c.a.s.{logger} : ",
    "<ts_py> ERROR {logger}:<line> [<jthread>] - ",
    "[<ts_iso>][ERROR][{logger}] [<pod>] ",
    "<ts_sp> [<jthread>] FATAL com.acme.shop.{logger} - ",
)
AWAY = (
    "com.acme.shop.{name}$$EnhancerBySpringCGLIB$$<hex8>.{call}(<generated>)",
    "jdk.proxy2/jdk.proxy2.$Proxy<small>.{call}(Unknown Source)",
    "com.acme.shop.{name}$$Lambda$<lambda>.run(Unknown Source)",
    "jdk.internal.reflect.GeneratedMethodAccessor<small>.invoke(Unknown Source)",
    "java.base/java.lang.reflect.Method.invoke(Method.java:<line>)",
    "org.springframework.aop.framework.JdkDynamicAopProxy.invoke(JdkDynamicAopProxy.java:<line>) ~[spring-aop-6.1.2.jar!/:6.1.2]",
    "com.acme.shop.{name}.lambda$run$0({name}.java:<line>)",
    "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:<line>)",
    "java.base/java.lang.Thread.run(Thread.java:<line>)",
)
MORE = ("... <small> more", "... <small> common frames omitted")


def signatures(rng: random.Random, count: int) -> list[Signature]:
    return [signature(place, case) for place, case in enumerate(cases(rng, count, EXCEPTIONS, DIGITS))]


def signature(place: int, case: Case) -> Signature:
    own = random.Random(f"{case.shared}")
    header = own.choice(HEADERS).replace("{logger}", own.choice(NOUNS).capitalize() + "Service")
    text = header + case.message
    if case.thrown is None:
        return Signature(f"java-{place}", (Text(text),), case.status)
    text += "\n" + "\n".join(trace(own, case))
    cause = case.cause[0] if case.cause else None
    return Signature(f"java-{place}", (Text(text),), case.status, case.thrown[0], cause, camel(case.functions[0]))


def trace(own: random.Random, case: Case) -> list[str]:
    assert case.thrown is not None
    jar = own.choice(("", "", " ~[shop.jar!/:1.4.2]"))
    lines = [_last(case.thrown), *(f"\tat {_frame(own, one)}{jar}" for one in case.functions)]
    lines += [f"\tat {_away(own)}" for _ in range(own.randint(0, 4))]
    if case.cause is not None:
        lines += [f"Caused by: {_last(case.cause)}"]
        lines += [f"\tat {_frame(own, (own.choice(('open', 'call')), own.choice(NOUNS)))}{jar}" for _ in range(2)]
        lines += ["\t" + own.choice(MORE)]
    return lines


def _frame(own: random.Random, name: Name) -> str:
    owner = pascal((own.choice(NOUNS), own.choice(("service", "repository", "client", "controller"))))
    return f"com.acme.shop.{own.choice(NOUNS)}.{owner}.{camel(name)}({owner}.java:<line>)"


def _away(own: random.Random) -> str:
    name = pascal((own.choice(NOUNS), "task"))
    return own.choice(AWAY).replace("{name}", name).replace("{call}", own.choice(("save", "find", "run")))


def _last(thrown: Thrown) -> str:
    return thrown[0] if thrown[1] == "null" else f"{thrown[0]}: {thrown[1]}"
