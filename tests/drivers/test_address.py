"""Addresses stand in errors in full, so what must not be said is refused when the plan is read."""

import pytest
from pydantic import ValidationError

from pilotage.drivers.checks.http import HttpCheck
from pilotage.drivers.traffic.caddy import CaddyTraffic
from pilotage.drivers.traffic.envoy import EnvoyTraffic
from pilotage.drivers.traffic.nginx import NginxTraffic
from pilotage.drivers.traffic.traefik import TraefikTraffic

OPTIONS = [
    (EnvoyTraffic, "admin", {"runtime_dir": "runtime", "key": "payment.canary"}),
    (CaddyTraffic, "admin", {"id": "payment", "canary": ["a:1"], "stable": ["b:1"]}),
    (NginxTraffic, "status", {"file": "p.conf", "variable": "v", "canary": "a", "stable": "b"}),
    (TraefikTraffic, "api", {"file": "p.yml", "service": "payment", "canary": "a", "stable": "b"}),
    (HttpCheck, "url", {}),
]


@pytest.mark.parametrize(("kind", "option", "others"), OPTIONS, ids=lambda one: getattr(one, "__name__", ""))
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://ops:planted@127.0.0.1:9901", "without a password: give it as a secret"),
        ("http://ops@127.0.0.1:9901", "without a password: give it as a secret"),
        ("localhost:2019", "begins with http:// or https://"),
        ("ftp://localhost", "begins with http:// or https://"),
        ("http://", "begins with http:// or https://"),
        ("http://[::1", "begins with http:// or https://"),
        ("http://a\nb", "begins with http:// or https://"),
    ],
)
def test_what_is_no_address_to_be_shown_is_refused(kind, option, others, address, expected):
    with pytest.raises(ValidationError) as refused:
        kind.Options(**{**others, option: address})
    (error,) = refused.value.errors()
    assert error["loc"] == (option,)
    assert expected in error["msg"]


@pytest.mark.parametrize(("kind", "option", "others"), OPTIONS, ids=lambda one: getattr(one, "__name__", ""))
@pytest.mark.parametrize("address", ["http://127.0.0.1:9901", "https://lb.example.org/admin/", "http://[::1]:2019"])
def test_an_address_is_taken_as_it_is(kind, option, others, address):
    assert getattr(kind.Options(**{**others, option: address}), option) == address
