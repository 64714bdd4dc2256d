"""What load balancers' own configurations speak for; the options are such that the drivers take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilotage.core.proposals import Proposal
from pilotage.drivers import registry
from pilotage.repository import look
from tests import repositories

HAPROXY = """\
global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    server-state-file /var/lib/haproxy/state
defaults
    mode http
frontend web
    bind :80
    default_backend app
backend app
    option httpchk GET /healthz
    server web1 10.0.0.1:8080 check
    server web2 10.0.0.2:8080 check
backend split
    server app-blue 10.0.1.1:80 weight 100
    server app-green 10.0.1.2:80 weight 0
backend alone
    server one 10.0.2.1:80
"""
TRAEFIK = """\
http:
  routers:
    web: {rule: "Host(`pay.example.org`)", service: payment}
  services:
    payment:
      weighted:
        services:
          - name: payment-stable
            weight: 9
          - {name: payment-canary@file, weight: 1}
    payment-stable: {loadBalancer: {servers: [{url: "http://10.0.0.1"}]}}
"""
NGINX = """\
upstream old { server 10.0.0.1:80; }
upstream new { server 10.0.0.2:80; }
split_clients "$request_id" $payment_side {
    10%  new;
    *    old;
}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Any:
    return repositories.new(tmp_path / "service")


def found(repo: Any, port: str) -> list[Proposal]:
    return [one for one in look(repo.path).proposals if one.port == port]


def test_a_backend_of_equal_servers_is_a_pool_with_its_members(repo: Any) -> None:
    repo.write("haproxy.cfg", HAPROXY)
    (pool,) = found(repo, "pool")
    assert (pool.driver, pool.members) == ("haproxy", ("web1", "web2"))
    assert pool.options == {
        "socket": "/run/haproxy/admin.sock",
        "backend": "app",
        "state_file": "/var/lib/haproxy/state",
    }
    assert str(pool.traces[0]) == "haproxy.cfg:9 (backend app)"
    assert registry.find("pool", "haproxy").Options.model_validate(pool.options)


def test_a_backend_with_a_new_side_is_a_splitter_and_says_to_check_it(repo: Any) -> None:
    repo.write("etc/haproxy/haproxy.cfg", HAPROXY)
    (split,) = found(repo, "traffic")
    assert (split.options["canary"], split.options["stable"]) == (["app-green"], ["app-blue"])
    assert "check it" in split.note
    assert registry.find("traffic", "haproxy").Options.model_validate(split.options)


def test_the_backends_own_check_is_a_health_page(repo: Any) -> None:
    repo.write("haproxy.cfg", HAPROXY)
    (health,) = [one for one in found(repo, "checks") if one.driver == "http"]
    assert health.options == {"url": "http://10.0.0.1:8080/healthz"}


def test_without_a_socket_its_path_is_asked_for(repo: Any) -> None:
    repo.write("haproxy.cfg", HAPROXY.replace("    stats socket", "    # stats socket"))
    (pool,) = found(repo, "pool")
    assert str(pool.options["socket"]).startswith("REPLACE_ME")
    assert "no stats socket" in pool.note


def test_a_weighted_service_of_traefik_goes_into_a_file_of_pilotages_own(repo: Any) -> None:
    repo.write("traefik/dynamic.yml", TRAEFIK)
    (split,) = found(repo, "traffic")
    said = {key: one for key, one in split.options.items() if not str(one).startswith("REPLACE_ME")}
    assert said == {"service": "payment", "canary": "payment-canary@file", "stable": "payment-stable@file"}
    assert "take it out there" in split.note


def test_a_manifest_is_no_file_of_traefik(repo: Any) -> None:
    repo.write("k8s/traefik.yaml", "apiVersion: traefik.io/v1alpha1\nkind: TraefikService\nspec:\n" + TRAEFIK)
    assert not [one for one in found(repo, "traffic") if one.driver == "traefik"]


def test_shares_of_nginx_are_proposed_with_their_upstreams(repo: Any) -> None:
    repo.write("nginx/nginx.conf", NGINX)
    (split,) = found(repo, "traffic")
    assert (split.driver, split.options["variable"]) == ("nginx", "payment_side")
    assert (split.options["canary"], split.options["stable"]) == ("new", "old")


@pytest.mark.parametrize("name", ["Caddyfile", "caddy.json"])
def test_caddys_shares_are_seen(repo: Any, name: str) -> None:
    repo.write(name, "lb_policy weighted_round_robin 9 1\n")
    (seen,) = found(repo, "traffic")
    assert (seen.driver, "weighted_round_robin" in seen.note) == ("caddy", True)
    assert registry.find("traffic", "caddy").Options.model_validate({**seen.options, "admin": "http://127.0.0.1:2019"})
