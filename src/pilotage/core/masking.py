"""A message's words without what changes from time to time: numbers, ids, paths, hosts, addresses, quoted text.

Every text with a digit in it is masked ("digit-token mask"); the rest are the few things that vary without one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pilotage.core.redact import HIDDEN, redact_named

ANY = "<*>"
"""Stands for what varies. Several in a row are one: lists may have any length."""
MOST_WORDS = 60
MOST_CHARACTERS = 4096

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DATE_WORD = re.compile(rf"(?:{MONTH}|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}}),?")
_SOURCE_FILE = r"(?:py|java|kt|scala|go|js|mjs|cjs|ts|tsx|jsx|rb|php|rs|c|cc|cpp|h|cs|ex|erl|clj|groovy|sh|sql|lua|pl)"
_TOP_LEVEL = (
    r"(?:com|net|org|io|dev|app|cloud|local|internal|lan|corp|svc|cluster|example|test|invalid|localdomain|home|intra"
    r"|de|eu|uk|fr|es|it|nl|ch|at|us|co|ai|info|biz|edu|gov|mil|arpa)(?:\.[a-z]{2})?"
)
_QUOTED = re.compile(
    r"""\\?"(?:[^"\\\n]|\\[^"]){0,300}\\?" | (?<!\w)'(?:[^'\\\n]|\\.){0,300}'(?!\w) | `[^`\n]{0,300}`""", re.X
)
_VARIES = re.compile(
    rf"""
      [a-zA-Z][a-zA-Z0-9+.-]{{1,20}}://[^\s"'<>)\]]+               # addresses
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                 # e-mail
    | (?<![\w/.])(?:[A-Za-z]:\\|\\\\)[\w\\.$-]+                    # Windows paths
    | (?<![\w<>])~?\.{{0,2}}/[^\s"'<>|;,)\]}}]*                  # paths
    | (?<![\w:])(?:[0-9a-fA-F]{{0,4}}:){{3,7}}[0-9a-fA-F]{{0,4}}(?![\w:])   # IPv6
    | (?<![\w./])[\w.-]+(?:/[\w.-]+){{2,}}
    | (?<![\w./])[\w-]+/[\w-]+\.[a-z]{{1,5}}\b
    | (?<![\w.-])(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+{_TOP_LEVEL}\b(?![\w.(]*[A-Z])(?::\d+)?\.?   # hosts
    | (?<![\w.-])(?![\w.-]+\.{_SOURCE_FILE}:)[a-zA-Z][\w.-]*:\d{{1,5}}(?![\w.:])
    | (?<![\w-])[0-9a-fA-F]{{8,}}(?![\w-])                       # hex without a digit
    """,
    re.X,
)
_VALUE_OF = re.compile(
    r"""(?i)(?<![\w])((?:user(?:name|_?id)?|login|account|customer|tenant|host(?:name)?|node|pod|server|instance|peer
    |addr(?:ess)?|client|remote|region|zone|request_?id|trace_?id|span_?id|session|thread|queue|topic|bucket|key
    |file(?:name)?|path|url|uri|dir|device|container|image|version|sku|city|country|currency|locale|order|item|id|name
    |namespace|cluster|shard|email|ip|port|pid|tid)=)[^\s,;&\])}]+""",
    re.X,
)
_SQL = re.compile(r"\b(SELECT\s.+?\sFROM|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM)\s.*", re.S)
_PAIR_OF_CONTEXT = re.compile(r"[(\[{]?[A-Za-z_][\w.-]*=(?:[^\s=]*\d[^\s=]*|<\*>)[)\]},;]*")
"""Context in a text, ``cart=17``: it comes and goes."""
_ADORNED = re.compile(
    r"(?:\s+\(?(?:attempt|retry|try|retries|attempts) <\*>(?: (?:of|/) <\*>)?\)?)+"
    r"|\s+(?:after|within|in|took|elapsed) <\*>\s*$"
)
"""How often and how long: said or not, it is the same error."""
_ADORNING = frozenset({"attempt", "attempts", "retry", "retries", "try", "after", "within", "in", "took", "elapsed"})
_UNITS = frozenset({"ms", "us", "ns", "s", "sec", "secs", "min", "h", "B", "KB", "MB", "GB", "kB", "KiB", "MiB", "GiB"})
_NAME_AFTER = re.compile(
    r"(?i)\b((?:for|by|of|from|as|to|invalid|unknown) user) (?!is\b|was\b|not\b|has\b|with\b)[\w.@-]+"
)
_WORD = re.compile(r"<\*>|[^\s=:,;()\[\]{}\"'`|<>]+")
_DIGIT = re.compile(r"\d")
_KEEP = frozenset(
    {"ipv4", "ipv6", "utf8", "utf-8", "utf16", "utf-16", "base64", "sha1", "sha256", "sha-256", "sha512", "md5"}
    | {"s3", "s3a", "ec2", "oauth2", "http2", "http3", "h2", "h2c", "tls1", "k8s", "x509", "log4j", "pkcs8", "pkcs12"}
)
"""Words that have a digit and mean the same every time."""


def words(text: str) -> list[str]:
    """At most 60 words of a message, with ``<*>`` for what varies. They are kept: secrets go first."""
    text = redact_named(text[:MOST_CHARACTERS]).replace(HIDDEN, ANY)
    if " FROM" in text or " INTO" in text or " SET" in text:
        text = _SQL.sub("<*>", text)
    if '"' in text or "'" in text or "`" in text:
        text = _QUOTED.sub(" <*> ", text)
    if "user " in text:
        text = _NAME_AFTER.sub(r"\1 <*>", text)
    found: list[str] = []
    for token in text.split():
        for word in (token,) if token.isalpha() else _simple(token) or _words_in(token):
            if word == ANY:
                while found and (found[-1] == ANY or _DATE_WORD.fullmatch(found[-1])):
                    found.pop()
            elif found and found[-1] == ANY and word in _UNITS:
                continue
            found.append(word)
        if len(found) >= MOST_WORDS:
            break
    return _without_adornment(found[:MOST_WORDS])


def _without_adornment(found: list[str]) -> list[str]:
    if ANY not in found or not _ADORNING.intersection(found):
        return found
    said = " ".join(found)
    short = _ADORNED.sub("", said)
    return found if short == said or not short else short.split(" ")


_PUNCTUATION = ".,:;!?()[]{}"
_JOINTS = str.maketrans("", "", "-_.")


def _simple(token: str) -> tuple[str, ...]:
    """The same for most texts, without a pattern; empty when it takes one."""
    core = token.strip(_PUNCTUATION)
    if core.isalpha():
        return (core,)
    if core[:1] == "/" and not core.isalpha():
        return (ANY,)
    bare = core.translate(_JOINTS)
    if bare.isalnum() and not bare.isalpha() and bare.isascii() and core.lower() not in _KEEP:
        return (ANY,)
    return ()


@lru_cache(maxsize=32768)
def _words_in(token: str) -> tuple[str, ...]:
    """The words of a text without blanks."""
    if not token.isascii() or not token.replace("-", "").isalpha():
        if _PAIR_OF_CONTEXT.fullmatch(token) or _VALUE_OF.fullmatch(token):
            return ()
        token = _VALUE_OF.sub(r"\1<*>", _VARIES.sub(" <*> ", token))
    found = []
    for word in _WORD.findall(token):
        word = word if word == ANY else word.rstrip(".!?").strip("*_-#")
        if word != ANY and _DIGIT.search(word) and word.lower() not in _KEEP:
            word = ANY
        if word:
            found.append(word)
    return tuple(found)
