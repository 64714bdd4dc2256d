"""What an alert manager or a ticket system says: something fires, or users report trouble.

Alertmanager's webhook, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import Problem
from pilotage.server.hooks.reading import NotUnderstood, at, link, name, words

MOST_ALERTS = 1000


@dataclass(frozen=True)
class Alert:
    """`key` is the same when it is told again. `firing` false: it has resolved."""

    service: str
    environment: str
    key: str
    firing: bool
    text: str


def alerts(body: dict[str, Any], service: str, environment: str) -> list[Alert]:
    """`service`, `environment`: what the hook is for, for alerts that do not say it; * for none in particular.

    Those that do not say it at all are left out; raises NotUnderstood when there is no other.
    """
    if not isinstance(body.get("alerts"), list):
        return [_plain(body, service, environment)]
    found = [_alert(one, service, environment) for one in body["alerts"][:MOST_ALERTS]]
    said = [one for one in found if one is not None]
    if not said:
        raise NotUnderstood(*_missing("alerts[].labels.", "", ""))
    return said


def report(body: dict[str, Any], service: str, environment: str) -> Alert:
    """Of a ticket system: service, environment, text; and count, link and id, where it has them."""
    one = _plain(body, service, environment)
    count = body.get("count")
    many = isinstance(count, int) and not isinstance(count, bool) and 0 < count < 10**9
    return Alert(one.service, one.environment, one.key, True, f"{count} reports: {one.text}" if many else one.text)


def _alert(one: Any, service: str, environment: str) -> Alert | None:
    where = (_said(at(one, "labels"), "service", service), _said(at(one, "labels"), "environment", environment))
    if not all(where):
        return None
    called = name(one, "labels", "alertname") or "an alert"
    text = words(one, "annotations", "summary") or words(one, "annotations", "description")
    key = name(one, "fingerprint") or _hashed(json.dumps(at(one, "labels"), sort_keys=True))
    firing = name(one, "status") != "resolved"
    return Alert(*where, key, firing, _sentence(f"{called}: {text}" if text else called, link(one, "generatorURL")))


def _plain(body: dict[str, Any], service: str, environment: str) -> Alert:
    where = (_said(body, "service", service), _said(body, "environment", environment))
    text = words(body, "text")
    if not all((*where, text)):
        raise NotUnderstood(*_missing("", *where, text))
    firing = name(body, "status") != "resolved"
    return Alert(*where, name(body, "id") or _hashed(text), firing, _sentence(text, link(body, "link")))


def _said(found: Any, field: str, otherwise: str) -> str:
    return name(found, field) or ("" if otherwise == "*" else otherwise)


def _missing(before: str, service: str, environment: str, text: str = "-") -> list[Problem]:
    fields = {"service": service, "environment": environment, "text": text}
    wanted = {"service": "the service's name", "environment": "the environment's name", "text": "what is wrong"}
    return [Problem(before + one, wanted[one], "nothing") for one, value in fields.items() if not value]


def _sentence(text: str, page: str) -> str:
    return f"{text} ({page})" if page else text


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
