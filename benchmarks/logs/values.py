"""The variable parts of log entries: seeded pools of values, and texts with places for them.

A text is written with `<kind>` places (`cart <num> of <user>`); anything else in angle brackets stays as it is.
"""

# ruff: noqa: E501, SIM905 - lists of words are easier to read and extend as they are
from __future__ import annotations

import random
import re
from collections.abc import Callable

SIZE = 512
WORDS = (
    "late parcel gift wrapping refund requested window seat blue enamel mug please call before delivery "
    "wrong colour second attempt leave at the door size M out of stock birthday order pending customer note "
    "autumn sale kids bicycle 20 inch oak table 4 chairs invalid ünïcode résumé café"
).split()
NAMES = "alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent".split()
HOSTS = "db-primary redis-cart kafka rabbit payments inventory search mailer ledger auth gateway pricing".split()
TLDS = ("internal", "svc.cluster.local", "example.com", "prod.example.net", "eu-west-1.compute.internal")
STEMS = "orders carts invoices images uploads exports users products feeds labels sessions archive".split()
EXTS = ("json", "csv", "pdf", "jpg", "xml", "parquet", "tmp", "log", "html")
UNITS = ("ms", "s", "us", "µs", "m", "ns")
CATEGORY = {
    "line": "line", "col": "line", "pc": "line",
    "num": "id", "small": "id", "big": "id", "hex8": "id", "hex16": "id", "addr": "id", "sha": "id", "uuid": "id",
    "oid": "id", "neg": "id", "float": "id", "lambda": "id",
    "path": "path", "url": "path", "route": "path", "root": "path", "site": "path", "noderoot": "path",
    "goroot": "path", "file": "path",
    "ip": "host", "host": "host", "hostport": "host", "port": "host", "pod": "host", "ip6": "host",
    "ts_py": "time, pid or thread", "ts_iso": "time, pid or thread", "ts_sp": "time, pid or thread",
    "ts_go": "time, pid or thread", "ts_klog": "time, pid or thread", "ts_ms": "time, pid or thread",
    "ts_s": "time, pid or thread", "ts_clf": "time, pid or thread", "ts_hap": "time, pid or thread",
    "ts_apache": "time, pid or thread", "ts_syslog": "time, pid or thread", "ts_utc": "time, pid or thread",
    "pid": "time, pid or thread", "thread": "time, pid or thread", "jthread": "time, pid or thread",
    "goroutine": "time, pid or thread",
}  # fmt: skip
"""What a kind is when the hard rule "changed lines, ids, paths, hosts, threads and times split nothing" is counted."""
STICKY = frozenset({"root", "site", "noderoot", "goroot", "pid", "thread", "jthread", "ts_iso"})
"""Kinds with one value within an entry."""

Maker = Callable[[random.Random], str]


def _hex(width: int) -> Maker:
    return lambda rng: f"{rng.getrandbits(width * 4):0{width}x}"


def _uuid(rng: random.Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _num(rng: random.Random) -> str:
    return rng.choice(
        (str(rng.randint(1, 99)), str(rng.randint(100, 9999)), str(rng.randint(10**4, 10**7)), "404", "500")
    )


def _host(rng: random.Random) -> str:
    name = f"{rng.choice(HOSTS)}{rng.choice(('', '-1', '-2', '01', '-a', '-7f'))}"
    return name if rng.random() < 0.2 else f"{name}.{rng.choice(TLDS)}"


def _ip(rng: random.Random) -> str:
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def _ip6(rng: random.Random) -> str:
    return "::1" if rng.random() < 0.05 else "2001:db8:" + ":".join(f"{rng.getrandbits(16):x}" for _ in range(6))


def _port(rng: random.Random) -> str:
    return str(rng.choice((80, 443, 5432, 6379, 8080, 9092, 3306, rng.randint(32768, 60999))))


def _pod(rng: random.Random) -> str:
    """One deployment's pods: its replica sets and their pods change, its name does not."""
    letters = "bcdfghjklmnpqrstvwxz2456789"
    tail = "".join(rng.choice(letters) for _ in range(5))
    return f"checkout-{_hex(9)(rng)}-{tail}"


def _path(rng: random.Random) -> str:
    dirs = "/".join(rng.choice(STEMS) for _ in range(rng.randint(1, 4)))
    top = rng.choice(("/var/lib/shop", "/data", "/tmp", "/mnt/nfs1", "/home/app", "/srv/files-2"))
    return f"{top}/{dirs}/{rng.choice(STEMS)}-{_num(rng)}.{rng.choice(EXTS)}"


def _route(rng: random.Random) -> str:
    item = rng.choice((_num, _uuid, _hex(24), lambda r: r.choice(NAMES)))(rng)
    text = f"/{rng.choice(('api', 'v1', 'v2', 'shop'))}/{rng.choice(STEMS)}/{item}"
    text += rng.choice(("", "", f"/{rng.choice(STEMS)}", f"?page={rng.randint(1, 40)}&q={rng.choice(WORDS)}"))
    return text


def _url(rng: random.Random) -> str:
    scheme = rng.choice(("http", "https"))
    return f"{scheme}://{_host(rng)}{rng.choice(('', ':' + _port(rng)))}{_route(rng)}"


def _quoted(rng: random.Random) -> str:
    text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))
    mark = rng.choice(("'", '"'))
    return f"{mark}{text}{mark}"


def _single(rng: random.Random) -> str:
    return "'" + " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6))) + "'"


def _duration(rng: random.Random) -> str:
    unit = rng.choice(UNITS)
    return rng.choice(
        (
            f"{rng.randint(1, 9999)}{unit}",
            f"{rng.uniform(0, 900):.3f}{unit}",
            f"{rng.randint(1, 59)}m{rng.randint(1, 59)}s",
        )
    )


def _size(rng: random.Random) -> str:
    unit = rng.choice(("B", "kB", "MB", "GiB", " bytes"))
    return f"{rng.randint(1, 5000)}{unit}" if rng.random() < 0.6 else f"{rng.uniform(0, 99):.1f}{unit}"


def _condition(rng: random.Random) -> str:
    """The variable end of an SQL statement: literals, lists, limits."""
    ids = ", ".join(_num(rng) for _ in range(rng.randint(1, 8)))
    return rng.choice(
        (
            f"WHERE id = {_num(rng)}",
            f"WHERE id IN ({ids})",
            f"WHERE email = '{rng.choice(NAMES)}@example.com' LIMIT {rng.randint(1, 100)}",
            f"WHERE created_at > '2026-11-{rng.randint(1, 23):02d}' AND id = {_num(rng)}",
        )
    )


def _list(rng: random.Random) -> str:
    return "[" + ", ".join(_num(rng) for _ in range(rng.randint(1, 9))) + "]"


def _names(rng: random.Random) -> str:
    return "[" + ", ".join(f"'{rng.choice(NAMES)}'" for _ in range(rng.randint(1, 5))) + "]"


def _clock(form: str) -> Maker:
    def make(rng: random.Random) -> str:
        hour, minute, second, part = rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), rng.randint(0, 999999)
        return form.format(h=hour, m=minute, s=second, us=part, ms=part // 1000, day=rng.randint(10, 23))

    return make


MAKERS: dict[str, Maker] = {
    "line": lambda r: str(r.randint(2, 1900)),
    "col": lambda r: str(r.randint(1, 120)),
    "pc": lambda r: f"0x{r.randint(16, 4095):x}",
    "num": _num,
    "small": lambda r: str(r.randint(0, 40)),
    "neg": lambda r: str(r.choice((-1, 1)) * r.randint(1, 40000)),
    "big": lambda r: str(r.randint(10**9, 10**15)),
    "float": lambda r: f"{r.uniform(-5, 900):.{r.randint(1, 6)}f}",
    "lambda": lambda r: f"{r.randint(100, 2500)}/0x{r.getrandbits(40):016x}",
    "hex8": _hex(8),
    "hex16": _hex(16),
    "addr": lambda r: f"0x{r.getrandbits(44):x}",
    "sha": _hex(40),
    "oid": _hex(24),
    "uuid": _uuid,
    "ip": _ip,
    "ip6": _ip6,
    "host": _host,
    "hostport": lambda r: f"{_host(r) if r.random() < 0.5 else _ip(r)}:{_port(r)}",
    "port": _port,
    "pod": _pod,
    "path": _path,
    "file": lambda r: f"{r.choice(STEMS)}_{_num(r)}.{r.choice(EXTS)}",
    "route": _route,
    "url": _url,
    "root": lambda r: r.choice(("/app", "/srv/shop/current", f"/srv/shop/releases/2026112{r.randint(0, 9)}", "/home/app/shop")),
    "site": lambda r: r.choice(("/usr/lib/python3.11/site-packages", "/app/.venv/lib/python3.12/site-packages", "/opt/venv/lib/python3.11/site-packages")),
    "noderoot": lambda r: r.choice(("/app", "/usr/src/app", f"/srv/releases/{r.randint(100, 999)}", "file:///app")),
    "goroot": lambda r: r.choice(("/go/src/shop", "/build", "/home/ci/work/shop", f"/tmp/b{r.randint(100, 999)}")),
    "email": lambda r: f"{r.choice(NAMES)}{r.choice(('', '.shop', '+test'))}@{r.choice(('example.com', 'mail.example.org'))}",
    "user": lambda r: r.choice(NAMES) + r.choice(("", "", str(r.randint(1, 99)))),
    "quoted": _quoted,
    "single": _single,
    "dur": _duration,
    "size": _size,
    "cond": _condition,
    "list": _list,
    "names": _names,
    "pct": lambda r: f"{r.randint(1, 100)}%",
    "date": lambda r: f"2026-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}",
    "opt_try": lambda r: r.choice(("", f" (attempt {r.randint(1, 5)} of 5)")),
    "opt_req": lambda r: r.choice(("", f" request_id={_uuid(r)}", f" request_id={_hex(8)(r)} user={r.choice(NAMES)}")),
    "opt_after": lambda r: r.choice(("", f" after {_duration(r)}")),
    "tags": lambda r: "".join(f" {k}={_num(r)}" for k in r.sample(("shard", "tenant", "zone", "batch"), r.randint(0, 3))),
    "pid": lambda r: str(r.randint(1, 40000)),
    "thread": lambda r: r.choice((f"worker-{r.randint(1, 64)}", f"Thread-{r.randint(1, 900)}", "MainThread", f"ThreadPoolExecutor-{r.randint(0, 4)}_{r.randint(0, 31)}")),
    "jthread": lambda r: r.choice((f"nio-8080-exec-{r.randint(1, 200)}", f"pool-{r.randint(1, 9)}-thread-{r.randint(1, 40)}", "main", f"ForkJoinPool.commonPool-worker-{r.randint(1, 15)}", f"scheduling-{r.randint(1, 4)}")),
    "goroutine": lambda r: str(r.randint(1, 90000)),
    "verb": lambda r: r.choice(("GET", "POST", "PUT", "DELETE")),
    "agent": lambda r: r.choice(("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "okhttp/4.12.0", "-")),
    "ts_py": _clock("2026-11-{day} {h:02d}:{m:02d}:{s:02d},{ms:03d}"),
    "ts_iso": _clock("2026-11-{day}T{h:02d}:{m:02d}:{s:02d}.{ms:03d}Z"),
    "ts_sp": _clock("2026-11-{day} {h:02d}:{m:02d}:{s:02d}.{ms:03d}"),
    "ts_utc": _clock("2026-11-{day} {h:02d}:{m:02d}:{s:02d} +0000"),
    "ts_go": _clock("2026/11/{day} {h:02d}:{m:02d}:{s:02d}"),
    "ts_klog": _clock("11{day} {h:02d}:{m:02d}:{s:02d}.{us:06d}"),
    "ts_ms": lambda r: str(r.randint(1795000000000, 1795600000000)),
    "ts_s": lambda r: f"{r.uniform(1795000000, 1795600000):.4f}",
    "ts_clf": _clock("{day}/Nov/2026:{h:02d}:{m:02d}:{s:02d} +0000"),
    "ts_hap": _clock("{day}/Nov/2026:{h:02d}:{m:02d}:{s:02d}.{ms:03d}"),
    "ts_apache": _clock("Mon Nov {day} {h:02d}:{m:02d}:{s:02d}.{us:06d} 2026"),
    "ts_nest": _clock("11/{day}/2026, {h:02d}:{m:02d}:{s:02d}"),
    "ts_syslog": _clock("Nov {day} {h:02d}:{m:02d}:{s:02d}"),
}  # fmt: skip

_PLACE = re.compile(f"<({'|'.join(MAKERS)})>")


class Text:
    """A text with places, cut once."""

    def __init__(self, text: str) -> None:
        self.parts = _PLACE.split(text)
        self.kinds = frozenset(self.parts[1::2])


class Values:
    """Pools of `SIZE` values of each kind, and the dice. The same seed gives the same entries."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"values {seed}")
        self.pools = {kind: [maker(self.rng) for _ in range(SIZE)] for kind, maker in MAKERS.items()}

    def fill(self, text: Text) -> str:
        dice = self.rng.random
        return self._fill(text, lambda kind: int(dice() * SIZE))

    def fill_twice(self, text: Text, category: str) -> tuple[str, str]:
        """The same entry twice, different only in the values of the kinds of one category."""
        seed = self.rng.getrandbits(32)

        def fixed(changed: bool) -> str:
            dice: dict[str, random.Random] = {}

            def pick(kind: str) -> int:
                if kind not in dice:
                    dice[kind] = random.Random(f"{seed} {kind} {changed and CATEGORY.get(kind) == category}")
                return int(dice[kind].random() * SIZE)

            return self._fill(text, pick)

        return fixed(False), fixed(True)

    def _fill(self, text: Text, pick: Callable[[str], int]) -> str:
        parts = text.parts.copy()
        kept: dict[str, str] = {}
        for place in range(1, len(parts), 2):
            kind = parts[place]
            if kind in kept:
                parts[place] = kept[kind]
                continue
            parts[place] = self.pools[kind][pick(kind)]
            if kind in STICKY:
                kept[kind] = parts[place]
        return "".join(parts)
