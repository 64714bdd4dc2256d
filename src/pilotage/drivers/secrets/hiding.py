"""Texts without the values of secrets: those of the references in options, and those that were read in this process."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from pilotage.core.redact import HIDDEN, redact

LEAST_SECRET = 4
"""Shorter values would hide half of any sentence."""
LEAST_ANYWHERE = 8
"""So long a value must be to be hidden where no option refers to it: a shorter one may be an ordinary word there."""
MOST = 1000

_read: OrderedDict[tuple[str, str], None] = OrderedDict()
"""Name and value of what was read from afar, the newest last: it cannot be read again just to hide it."""


def remember(name: str, value: str) -> None:
    """In memory, like the value itself. Of a value that is changed, both the old one and the new one."""
    _read[name, value] = None
    _read.move_to_end((name, value))
    while len(_read) > MOST:
        _read.popitem(last=False)


def hide(text: str, options: Iterable[Any]) -> str:
    """`text` without the values that drivers' `options` refer to, and without what looks like a secret. Asks nobody.

    In JSON a value may be written otherwise, with its quotes and backslashes escaped: it is hidden there, too.
    """
    known = list(_read)
    values = {value for _, value in known if len(value) >= LEAST_ANYWHERE}
    for each in options:
        values.update(_values(each, known))
    escaped = {json.dumps(one, ensure_ascii=ascii)[1:-1] for one in values for ascii in (True, False)}
    for secret in sorted(values | escaped, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)  # the longest first: one may be the beginning of another
    return redact(text)


def _values(options: Any, known: list[tuple[str, str]]) -> Iterator[str]:
    """The values behind the references, as far as they can be read here, or have been."""
    from pilotage.drivers.secrets.reference import Secret  # which remembers here what it reads

    if isinstance(options, Mapping):
        with suppress(Exception):
            secret = Secret.model_validate(dict(options))
            afar = secret.afar
            for value in [value for name, value in known if name == afar] if afar else [secret.read_here()]:
                yield from (one for one in (value, *value.split()) if len(one) >= LEAST_SECRET)
        options = list(options.values())
    if isinstance(options, list | tuple):
        for one in options:
            yield from _values(one, known)
