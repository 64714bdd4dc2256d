"""A message's words without what changes from time to time: numbers, ids, paths, hosts, addresses, quoted text.

Every text with a digit in it is masked ("digit-token mask"); the rest are the few things that vary without one.
"""

from __future__ import annotations

import re

ANY = "<*>"
"""Stands for what varies. Several in a row are one: lists may have any length."""
MOST_WORDS = 60
MOST_CHARACTERS = 4096

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_SOURCE_FILE = r"(?:py|java|kt|scala|go|js|mjs|cjs|ts|tsx|jsx|rb|php|rs|c|cc|cpp|h|cs|ex|erl|clj|groovy|sh|sql|lua|pl)"
_TLD = (
    r"(?:com|net|org|io|dev|app|cloud|local|internal|lan|corp|svc|cluster|example|test|invalid|localdomain|home|intra|de|eu|uk|fr|es|it|nl|ch|at|us"
    r"|co|ai|info|biz)"
)
_VARIES = re.compile(
    rf"""
      "(?:[^"\\\n]|\\.){{0,300}}"                                # quoted text
    | (?<![\w])'(?:[^'\\\n]|\\.){{0,300}}'(?!\w)
    | `[^`\n]{{0,300}}`
    | [a-zA-Z][a-zA-Z0-9+.-]{{1,20}}://[^\s"'<>)\]]+               # addresses
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                 # e-mail
    | (?:{_DAY},?\ )?{MONTH}\ +\d{{1,2}}(?:,?\ \d{{4}})?\b | (?:{_DAY},?\ )?\d{{1,2}}[ /-]{MONTH}[ /-]\d{{2,4}}\b
    | (?<![\w/.])(?:[A-Za-z]:\\|\\\\)[\w\\.$ -]+                   # Windows paths
    | (?<![\w<>])~?\.{{0,2}}/(?:[\w.@%+~=:,{{}}$-]+/?)*              # paths
    | (?<![\w./])[\w.-]+(?:/[\w.-]+){{2,}}
    | (?<![\w./])[\w-]+/[\w-]+\.[a-z]{{1,5}}\b
    | (?<![\w.-])(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+{_TLD}\b(?![\w.(]*[A-Z])(?::\d+)?\.?   # hosts
    | (?<![\w.-])(?![\w.-]+\.{_SOURCE_FILE}:)[a-zA-Z][\w.-]*:\d{{2,5}}(?![\w.:])
    | (?<![\w])[0-9a-fA-F]{{8,}}(?!\w)                             # hex without a digit
    """,
    re.X,
)
_VALUE_OF = re.compile(
    r"""(?i)\b((?:user(?:name|_?id)?|login|account|customer|tenant|host(?:name)?|node|pod|server|instance|peer|addr(?:ess)?|client|remote|region|zone
    |request_?id|trace_?id|span_?id|session|thread|queue|topic|bucket|key|file(?:name)?|path|url|uri|dir|device|container|image|version|sku|city|country
    |currency|locale|order|item|id|name|namespace|cluster|shard|email|ip|port|pid|tid)\s?=\s?)[^\s,;&\])}]+""",
    re.X,
)
_WORD = re.compile(r"<\*>|[^\s=:,;()\[\]{}\"'`|<>]+")
_DIGIT = re.compile(r"\d")
_KEEP = frozenset(
    {"ipv4", "ipv6", "utf8", "utf-8", "utf16", "utf-16", "base64", "sha1", "sha256", "sha-256", "sha512", "md5"}
    | {"s3", "s3a", "ec2", "oauth2", "http2", "http3", "h2", "h2c", "tls1", "k8s", "x509", "log4j", "pkcs8", "pkcs12"}
)
"""Words that have a digit and mean the same every time."""


def words(text: str) -> list[str]:
    """At most 60 words of a message, with ``<*>`` for what varies."""
    text = COLOUR.sub("", text[:MOST_CHARACTERS])
    text = _VARIES.sub(" <*> ", text)
    text = _VALUE_OF.sub(r"\1 <*> ", text)
    found: list[str] = []
    for word in _WORD.findall(text):
        word = word.rstrip(".!?").strip("*_-#") if word != ANY else word
        if word != ANY and _DIGIT.search(word) and word.lower() not in _KEEP:
            word = ANY
        if not word or (word == ANY and found and found[-1] == ANY):
            continue
        found.append(word)
        if len(found) == MOST_WORDS:
            break
    return found
